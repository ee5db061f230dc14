"""A model and data in parts; of_parts.py is the same as a script."""

import keras
import numpy as np


def load():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(80, 6)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    return (x[:64], y[:64]), (x[64:], y[64:])


def build():
    def start(seed):
        return keras.initializers.GlorotUniform(seed=seed)

    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, "tanh", kernel_initializer=start(1)),
            keras.layers.Dense(2, "softmax", kernel_initializer=start(2)),
        ]
    )
