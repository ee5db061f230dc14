"""A training script that knows nothing of seedscope: arrays, augmentation, dropout, fit."""

import argparse

import keras
import numpy as np
from keras import layers

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--lr", type=float, default=1e-3)
options = parser.parse_args()

x = np.random.rand(400, 8, 8, 1).astype("float32")
y = (x.mean((1, 2, 3)) > 0.5).astype("float32")

inputs = keras.Input((8, 8, 1))
hidden = layers.RandomFlip("horizontal")(inputs)
hidden = layers.Flatten()(layers.Conv2D(8, 3, activation="relu")(hidden))
hidden = layers.Dropout(0.3)(hidden)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
model.compile(
    keras.optimizers.Adam(options.lr), "binary_crossentropy", metrics=["accuracy"]
)
model.fit(x[:300], y[:300], 32, options.epochs, validation_split=0.2, verbose=0)
print("test", model.evaluate(x[300:], y[300:], verbose=0))
