"""Teach `tf.vectorized_map` and XLA the moving, turning and zooming of images.

RandomTranslation, RandomRotation and RandomZoom are one operation of TensorFlow's,
which XLA cannot compile. This is the same arithmetic in operations that it can.
Importing this module registers the converter.

Reference: tensorflow/core/kernels/image/image_ops.h.
"""

from typing import Any

import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor

from seedscope.training.vectorize.random import register, runs, stacked, wrapped

Tensor = Any


@register("ImageProjectiveTransformV3")
def _project(node: Any) -> list[Any]:
    images, transforms = stacked(node, 0), stacked(node, 1)
    size = node.op.outputs[0].shape[1:3]
    if not size.is_fully_defined():
        raise pfor.ConversionNotImplementedError("images of unknown size")
    group, examples, *shape = images.shape
    if transforms.shape[1] != examples:
        transforms = tf.repeat(transforms, examples, axis=1)
    projected = project(
        tf.reshape(images, [group * examples, *shape]),
        tf.reshape(transforms, [group * examples, 8]),
        tuple(size),
        node.unstacked_input(3),
        node.get_attr("interpolation").decode(),
        node.get_attr("fill_mode").decode(),
    )
    return wrapped(tf.reshape(projected, [runs(node), *node.op.outputs[0].shape]))


def project(
    images: Tensor,
    transforms: Tensor,
    size: tuple[int, int],
    fill: Tensor,
    interpolation: str,
    mode: str,
) -> Tensor:
    """Return what ImageProjectiveTransformV3 returns.

    Args:
        images: shape (images, height, width, channels).
        transforms: from output to input pixels, shape (images, 8).
        size: height and width of the output.
        fill: the value outside of the images.
        interpolation: BILINEAR | NEAREST.
        mode: where to read outside: CONSTANT | REFLECT | WRAP | NEAREST.
    """
    rows, columns = tf.meshgrid(
        tf.range(size[0], dtype=tf.float32),
        tf.range(size[1], dtype=tf.float32),
        indexing="ij",
    )
    t = [transforms[:, i, None, None] for i in range(8)]
    scale = t[6] * columns + t[7] * rows + 1.0
    finite = tf.where(scale == 0.0, 1.0, scale)
    x = _inside((t[0] * columns + t[1] * rows + t[2]) / finite, images.shape[2], mode)
    y = _inside((t[3] * columns + t[4] * rows + t[5]) / finite, images.shape[1], mode)
    if interpolation == "NEAREST":
        values = _read(images, _half_away(y), _half_away(x), fill)
    else:
        values = _bilinear(images, y, x, fill)
    return tf.where((scale == 0.0)[..., None], tf.cast(fill, images.dtype), values)


def _bilinear(images: Tensor, y: Tensor, x: Tensor, fill: Tensor) -> Tensor:
    top, left = tf.floor(y), tf.floor(x)
    right = tf.cast((x - left)[..., None], images.dtype)
    lower = tf.cast((y - top)[..., None], images.dtype)
    near = tf.cast((left + 1.0 - x)[..., None], images.dtype)
    upper = tf.cast((top + 1.0 - y)[..., None], images.dtype)

    def line(row: Tensor) -> Tensor:
        first = _read(images, row, left, fill)
        return near * first + right * _read(images, row, left + 1.0, fill)

    return upper * line(top) + lower * line(top + 1.0)


def _read(images: Tensor, y: Tensor, x: Tensor, fill: Tensor) -> Tensor:
    """Return the pixels at whole places, or `fill` where there are none."""
    count, height, width, channels = images.shape
    inside = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    place = tf.cast(tf.where(inside, y * width + x, 0.0), tf.int32)
    flat = tf.reshape(images, [count, height * width, channels])
    read = tf.gather(flat, place, batch_dims=1)
    return tf.where(inside[..., None], read, tf.cast(fill, images.dtype))


def _inside(place: Tensor, length: int, mode: str) -> Tensor:
    """Return where to read along one axis when a place is outside of the image."""
    last = length - 1.0
    if mode == "CONSTANT":
        return place
    if mode == "REFLECT" and length > 1:
        twice = 2.0 * length
        below = place + tf.where(place < twice, twice * tf.floor(-place / twice), 0.0)
        below = tf.where(below < -length, below + twice, -below - 1.0)
        above = place - twice * tf.floor(place / twice)
        above = tf.where(above >= length, twice - above - 1.0, above)
        place = tf.where(place < 0, below, tf.where(place > last, above, place))
    if mode == "WRAP" and length > 1:
        below = place + length * (tf.floor(-place / last) + 1.0)
        above = place - length * tf.floor(place / last)
        place = tf.where(place < 0, below, tf.where(place > last, above, place))
    return tf.clip_by_value(place, 0.0, last)


def _half_away(place: Tensor) -> Tensor:
    """Round halves away from 0, as C does; TensorFlow rounds them to even."""
    return tf.sign(place) * tf.floor(tf.abs(place) + 0.5)
