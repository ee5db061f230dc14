"""Teach `tf.vectorized_map` the random operations that Keras' stochastic layers use.

TensorFlow's converters stop where each run has a seed of its own. These draw the
numbers of all runs together, with the very bits that TensorFlow draws for each seed.
Importing this module registers them.
"""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util
from tensorflow.python.ops.parallel_for import pfor

from seedscope.training.vectorize import philox


def register(name: str) -> Any:
    """Register a converter for an operation, in place of TensorFlow's if it has one."""
    pfor._pfor_converter_registry.pop(name, None)
    return pfor.RegisterPFor(name)


def runs(node: Any) -> int:
    """Return how many runs are mapped over."""
    known: Any = tensor_util.constant_value(node.pfor.loop_len_vector)
    (count,) = np.ravel(known)
    return int(count)


def stacked(node: Any, index: int) -> Any:
    """Return an input with the runs in front, of known shape; repeat a shared one."""
    if not node.op.inputs[index].shape.is_fully_defined():
        raise pfor.ConversionNotImplementedError(f"{node.op.type} of unknown shape")
    value, is_stacked, _ = node.input(index)
    shape = [runs(node), *node.op.inputs[index].shape]
    if not is_stacked:
        return tf.broadcast_to(value[None], shape)
    return tf.ensure_shape(value, shape)


def wrapped(value: Any) -> list[Any]:
    """Return a stacked result as a converter's only output."""
    return [pfor.wrap(value, True)]


@register("StatelessRandomGetKeyCounter")
def _key_and_counter(node: Any) -> list[Any]:
    keys, counters = philox.key_and_counter(stacked(node, 0))
    return [pfor.wrap(keys, True), pfor.wrap(counters, True)]


@register("StatelessRandomUniformV2")
def _uniform(node: Any) -> list[Any]:
    return _drawn(node, philox.uniform)


@register("StatelessRandomNormalV2")
def _normal(node: Any) -> list[Any]:
    return _drawn(node, philox.normal)


@register("StatelessTruncatedNormalV2")
def _truncated_normal(node: Any) -> list[Any]:
    if tf.as_dtype(node.get_attr("dtype")) != tf.float32:
        raise pfor.ConversionNotImplementedError("truncated normal numbers in float32")
    return _drawn(node, lambda k, c, n, _: philox.truncated_normal(k, c, n))


@register("StatelessRandomUniformFullIntV2")
def _full_integers(node: Any) -> list[Any]:
    if tf.as_dtype(node.get_attr("dtype")).size != 4:
        raise pfor.ConversionNotImplementedError("random integers of 64 bits")

    def draw(keys: Any, counters: Any, count: int, dtype: tf.DType) -> Any:
        return tf.bitcast(philox.words(keys, counters, count), dtype)

    return _drawn(node, draw)


@register("StatelessRandomUniformIntV2")
def _integers(node: Any) -> list[Any]:
    """Draw in [low, high): the remainder of a word, added to low."""
    low, high = (tf.cast(node.unstacked_input(i), tf.int64) for i in (4, 5))
    if tf.as_dtype(node.get_attr("dtype")).size != 4:
        raise pfor.ConversionNotImplementedError("random integers of 64 bits")

    def draw(keys: Any, counters: Any, count: int, dtype: tf.DType) -> Any:
        drawn = tf.cast(philox.words(keys, counters, count), tf.int64)
        return tf.cast(drawn % (high - low) + low, dtype)

    return _drawn(node, draw)


def _drawn(node: Any, draw: Any) -> list[Any]:
    shape = tensor_util.constant_value(node.unstacked_input(0))
    if shape is None:
        raise pfor.ConversionNotImplementedError("random numbers of unknown shape")
    dtype = tf.as_dtype(node.get_attr("dtype"))
    count = math.prod(int(size) for size in shape)
    drawn = draw(stacked(node, 1), stacked(node, 2), count, dtype)
    return wrapped(tf.reshape(drawn, [runs(node), *shape]))
