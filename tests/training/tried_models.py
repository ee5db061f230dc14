"""Models that no rule tells apart from others, and that groups train otherwise."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

CENTRES = np.random.default_rng(5).normal(size=(3, 6)) * 1.3


def blobs(examples=200, one_hot=False):
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, examples)
    x = (CENTRES[y] + rng.normal(size=(examples, 6))).astype("float32")
    return (x, keras.utils.to_categorical(y, 3)) if one_hot else (x, y)


def _answering(inputs, hidden, outputs):
    answers = layers.Dense(outputs, activation="softmax")(hidden)
    return keras.Model(inputs, answers)


def plain(input_shape, outputs):
    inputs = keras.Input(input_shape)
    return _answering(inputs, layers.Dense(8, activation="relu")(inputs), outputs)


def three_answers(input_shape):
    return plain(input_shape, 3)


def coupled_by_an_operation(input_shape, outputs):
    inputs = keras.Input(input_shape)
    hidden = layers.Dense(8, activation="relu")(inputs)
    hidden = hidden - ops.mean(hidden, axis=0, keepdims=True)
    return _answering(inputs, hidden, outputs)


def ranked_in_the_batch(input_shape, outputs):
    inputs = keras.Input(input_shape)
    hidden = layers.Dense(8)(inputs)
    hidden = hidden / ops.max(ops.abs(hidden), axis=0, keepdims=True)
    return _answering(inputs, hidden, outputs)


class _Counts(layers.Layer):
    """Weighs by how many examples there are: a filled batch has more."""

    def call(self, x):
        return x * tf.cast(tf.shape(x)[0], x.dtype) / 32.0


def counts_the_batch(input_shape, outputs):
    inputs = keras.Input(input_shape)
    return _answering(inputs, _Counts()(layers.Dense(8)(inputs)), outputs)
