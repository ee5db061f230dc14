"""Teach `tf.vectorized_map` convolution where each run has a kernel of its own.

The patches under the kernel are laid side by side (im2col), and one batched matrix
product multiplies each run's patches by its kernel. Max pooling over windows that do
not overlap is written out too: XLA takes one element after the other there. Importing
this module registers the converters; TensorFlow's own serve where runs share a kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor

from seedscope.training.vectorize.random import register, runs, stacked, wrapped

Tensor = Any
TENSORFLOWS: dict[str, Callable[[Any], Any]] = {
    name: pfor._pfor_converter_registry[name]
    for name in ("Conv2D", "Conv2DBackpropInput", "MaxPool", "MaxPoolGrad")
}


@dataclass(frozen=True)
class _Patches:
    """Where a kernel is laid on images of shape (height, width)."""

    images: tuple[int, int, int, int, int]  # runs, examples, height, width, channels
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    @property
    def output(self) -> tuple[int, int]:
        """Return height and width of the result."""
        height, width = (
            (size + sum(pad) - (k - 1) * dilation - 1) // stride + 1
            for size, k, stride, dilation, pad in zip(
                self.images[2:4],
                self.kernel,
                self.strides,
                self.dilations,
                self.padding,
                strict=True,
            )
        )
        return height, width

    def gather(self, images: Tensor) -> Tensor:
        """Return the patches, shape (runs, examples * places, taps * channels)."""
        images = tf.pad(images, [(0, 0), (0, 0), *self.padding, (0, 0)])
        taps = [images[:, :, rows, columns] for rows, columns in self._taps()]
        patches = tf.concat(taps, axis=-1) if len(taps) > 1 else taps[0]
        return tf.reshape(patches, [self.images[0], -1, patches.shape[-1]])

    def scatter(self, patches: Tensor) -> Tensor:
        """Add patches up where they came from: the transpose of `gather`."""
        group, examples, height, width, channels = self.images
        (top, bottom), (left, right) = self.padding
        padded = (height + top + bottom, width + left + right)
        taps = list(self._taps())
        shape = [group, examples, *self.output, len(taps), channels]
        patches = tf.reshape(patches, shape)
        total = 0.0
        for number, (rows, columns) in enumerate(taps):
            part = _spread(patches[:, :, :, :, number], self.strides)
            below = padded[0] - rows.start - part.shape[2]
            right_of = padded[1] - columns.start - part.shape[3]
            around = [(rows.start, below), (columns.start, right_of)]
            total += tf.pad(part, [(0, 0), (0, 0), *around, (0, 0)])
        return tf.convert_to_tensor(total)[
            :, :, top : top + height, left : left + width
        ]

    def _taps(self) -> list[tuple[slice, slice]]:
        """Return which pixels each element of the kernel meets."""
        return [
            (self._tap(row, 0), self._tap(column, 1))
            for row in range(self.kernel[0])
            for column in range(self.kernel[1])
        ]

    def _tap(self, element: int, axis: int) -> slice:
        start = element * self.dilations[axis]
        last = start + (self.output[axis] - 1) * self.strides[axis]
        return slice(start, last + 1, self.strides[axis])


@register("Conv2D")
def _conv(node: Any) -> list[Any]:
    if not node.input(1).is_stacked:
        return TENSORFLOWS["Conv2D"](node)
    kernel = stacked(node, 1)
    patches = _patches(node, tuple(node.op.inputs[0].shape), kernel.shape)
    product = tf.matmul(patches.gather(stacked(node, 0)), _flat(kernel))
    return wrapped(tf.reshape(product, [runs(node), *node.op.outputs[0].shape]))


@register("Conv2DBackpropInput")
def _conv_input_gradient(node: Any) -> list[Any]:
    if not node.input(1).is_stacked:
        return TENSORFLOWS["Conv2DBackpropInput"](node)
    kernel = stacked(node, 1)
    patches = _patches(node, tuple(node.op.outputs[0].shape), kernel.shape)
    gradient = _rows(stacked(node, 2))
    return wrapped(
        patches.scatter(tf.matmul(gradient, _flat(kernel), transpose_b=True))
    )


@register("Conv2DBackpropFilter")
def _conv_kernel_gradient(node: Any) -> list[Any]:
    shape = (runs(node), *node.op.outputs[0].shape)
    patches = _patches(node, tuple(node.op.inputs[0].shape), shape)
    gradient = _rows(stacked(node, 2))
    columns = patches.gather(stacked(node, 0))
    return wrapped(tf.reshape(tf.matmul(columns, gradient, transpose_a=True), shape))


@register("MaxPool")
def _max_pool(node: Any) -> list[Any]:
    window = _window(node)
    if window is None:
        return TENSORFLOWS["MaxPool"](node)
    return wrapped(tf.reduce_max(_windows(stacked(node, 0), window), axis=(3, 5)))


@register("MaxPoolGrad")
def _max_pool_gradient(node: Any) -> list[Any]:
    """Give the gradient to the first of the largest elements of each window."""
    window = _window(node)
    if window is None:
        return TENSORFLOWS["MaxPoolGrad"](node)
    images, largest, gradient = (stacked(node, i) for i in range(3))
    views = _windows(images, window)
    taken = tf.zeros_like(largest, tf.bool)
    rows = []
    for row in range(window[0]):
        columns = []
        for column in range(window[1]):
            hit = tf.equal(views[:, :, :, row, :, column], largest) & ~taken
            taken |= hit
            columns.append(tf.where(hit, gradient, tf.zeros_like(gradient)))
        rows.append(tf.stack(columns, axis=4))
    whole = tf.stack(rows, axis=3)
    group, examples, height, width, channels = images.shape
    covered = [height // window[0] * window[0], width // window[1] * window[1]]
    whole = tf.reshape(whole, [group, examples, *covered, channels])
    rest = [(0, height - covered[0]), (0, width - covered[1])]
    return wrapped(tf.pad(whole, [(0, 0), (0, 0), *rest, (0, 0)]))


def _patches(node: Any, images: tuple[int, ...], kernel: Any) -> _Patches:
    if node.get_attr("data_format") != b"NHWC":
        raise pfor.ConversionNotImplementedError("convolution with channels first")
    if images[3] != kernel[3]:
        raise pfor.ConversionNotImplementedError("convolution in groups")
    strides = tuple(node.get_attr("strides"))[1:3]
    dilations = tuple(node.get_attr("dilations"))[1:3]
    size = tuple(kernel[1:3])
    padding = {
        b"VALID": lambda: ((0, 0), (0, 0)),
        b"SAME": lambda: tuple(map(_same, images[1:3], size, strides, dilations)),
        b"EXPLICIT": lambda: _explicit(node.get_attr("explicit_paddings")),
    }[node.get_attr("padding")]()
    examples, height, width, channels = images
    shape = (runs(node), examples, height, width, channels)
    return _Patches(shape, size, strides, dilations, padding)


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    places = -(-size // stride)
    total = max((places - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _explicit(padding: list[int]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (padding[2], padding[3]), (padding[4], padding[5])


def _flat(kernel: Tensor) -> Tensor:
    group, _, _, _, filters = kernel.shape
    return tf.reshape(kernel, [group, -1, filters])


def _rows(images: Tensor) -> Tensor:
    return tf.reshape(images, [images.shape[0], -1, images.shape[-1]])


def _spread(images: Tensor, strides: tuple[int, int]) -> Tensor:
    """Put stride - 1 zeros between the pixels."""
    if strides == (1, 1):
        return images
    group, examples, height, width, channels = images.shape
    apart = tf.reshape(images, [group, examples, height, 1, width, 1, channels])
    zeros = [(0, 0)] * 7
    zeros[3], zeros[5] = (0, strides[0] - 1), (0, strides[1] - 1)
    spread = [group, examples, height * strides[0], width * strides[1], channels]
    apart = tf.reshape(tf.pad(apart, zeros), spread)
    return apart[:, :, : spread[2] - strides[0] + 1, : spread[3] - strides[1] + 1]


def _window(node: Any) -> tuple[int, int] | None:
    """Return the pooling window, or None if windows overlap or stick out."""
    size, strides = list(node.get_attr("ksize")), list(node.get_attr("strides"))
    _, height, width, _ = node.op.inputs[0].shape
    whole = height % size[1] == 0 and width % size[2] == 0
    plain = size == strides and size[0] == size[3] == 1
    fits = node.get_attr("padding") == b"VALID" or whole
    return tuple(size[1:3]) if plain and fits else None


def _windows(images: Tensor, window: tuple[int, int]) -> Tensor:
    """Return (runs, examples, rows, window, columns, window, channels)."""
    group, examples, height, width, channels = images.shape
    rows, columns = height // window[0], width // window[1]
    images = images[:, :, : rows * window[0], : columns * window[1]]
    shape = [group, examples, rows, window[0], columns, window[1], channels]
    return tf.reshape(images, shape)
