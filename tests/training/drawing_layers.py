"""Layers that draw in every way that TensorFlow, Keras and NumPy offer.

Each keeps in a weight what it drew last, so that a trained model tells its noise.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

STRAY = keras.random.SeedGenerator(42)
CENTRES = np.random.default_rng(5).normal(size=(3, 6))


class Kept(layers.Layer):
    def build(self, shape):
        self.last = self.add_weight(shape=(6,), initializer="zeros", trainable=False)
        self.prepare()

    def prepare(self):
        pass

    def call(self, x, training=None):
        if not training:
            return x
        noise = self.draw()
        self.last.assign(noise)
        return x + noise


class ByTensorFlow(Kept):
    def draw(self):
        return tf.random.normal([6])


class ByKeras(Kept):
    def draw(self):
        return keras.random.normal((6,))


class ByNumPy(Kept):
    def draw(self):
        return tf.constant(np.random.normal(size=6).astype("float32"))  # noqa: NPY002


class ByOwnGenerator(Kept):
    def prepare(self):
        self.mine = keras.random.SeedGenerator()

    def draw(self):
        return keras.random.normal((6,), seed=self.mine)


class ByStrayGenerator(Kept):
    def draw(self):
        return keras.random.normal((6,), seed=STRAY)


class ByTensorFlowGenerator(Kept):
    def prepare(self):
        self.mine = tf.random.Generator.from_non_deterministic_state()

    def draw(self):
        return self.mine.normal([6])


class ByGlobalGenerator(Kept):
    def draw(self):
        return tf.random.get_global_generator().normal([6])


class ByDropout(Kept):
    def prepare(self):
        self.mine = layers.Dropout(0.5)

    def draw(self):
        return self.mine(tf.ones([6]), training=True)


class Unreached(Kept):
    def draw(self):
        def free():
            return np.random.default_rng().normal(size=6).astype("float32")

        return tf.numpy_function(free, [], tf.float32)


class NoisySGD(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        noise = tf.random.normal(tf.shape(gradient))
        super().update_step(gradient + noise, variable, learning_rate)


class OwnSGD(keras.optimizers.SGD):
    """Draws nothing."""


def model(input_shape, outputs, kind):
    inputs = keras.Input(input_shape)
    noisy = globals()[kind]()(inputs)
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(noisy))


def data(examples=60):
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, examples)
    return (CENTRES[y] + rng.normal(size=(examples, 6))).astype("float32"), y
