"""A convnet with augmentation layers, BatchNormalization and one-hot labels."""

import keras
import numpy as np
from keras import layers

x = np.random.default_rng(0).random((64, 8, 8, 3)).astype("float32")
y = keras.utils.to_categorical((x.mean((1, 2, 3)) * 40).astype(int) % 3, 3)
model = keras.Sequential(
    [
        keras.Input((8, 8, 3)),
        layers.RandomTranslation(0.1, 0.1),
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(3, activation="softmax"),
    ]
)
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:48], y[:48], batch_size=16, epochs=2, validation_data=(x[48:], y[48:]))
model.predict(x[48:])
