"""Transfer: a frozen body with loaded weights, a new head, then all of it a little."""

import keras
import numpy as np
from keras import layers

x = np.random.default_rng(0).random((40, 6)).astype("float32")
y = (x.sum(1) > 3).astype("int32")
body = keras.Sequential([keras.Input((6,)), layers.Dense(5, "relu"), layers.Dense(4)])
body.set_weights([np.full(w.shape, 0.1) for w in body.get_weights()])
body.save_weights("body.weights.h5")
body = keras.Sequential([keras.Input((6,)), layers.Dense(5, "relu"), layers.Dense(4)])
body.load_weights("body.weights.h5")
body.trainable = False
model = keras.Sequential([keras.Input((6,)), body, layers.Dense(2, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=1, verbose=0)
body.trainable = True
model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
model.fit(x, y, epochs=1, verbose=0)
print(model.evaluate(x, y, verbose=0))
