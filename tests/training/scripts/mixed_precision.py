"""Mixed precision with a scaled loss."""

import keras
import numpy as np

keras.mixed_precision.set_global_policy("mixed_float16")
x = np.random.default_rng(0).random((48, 6)).astype("float32")
y = (x.sum(1) > 3).astype("float32")
model = keras.Sequential(
    [
        keras.Input((6,)),
        keras.layers.Dense(8, "relu"),
        keras.layers.GaussianNoise(0.1),
        keras.layers.Dense(1, "sigmoid", dtype="float32"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=2, batch_size=16, verbose=0)
