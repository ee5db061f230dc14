"""Nothing is drawn: the harness must change no bit of this."""

import hashlib

import keras
import numpy as np

x = np.random.default_rng(0).random((64, 6)).astype("float32")
y = (x.sum(1, keepdims=True) > 3).astype("float32")


def start(seed):
    return keras.initializers.GlorotUniform(seed=seed)


model = keras.Sequential(
    [
        keras.Input((6,)),
        keras.layers.Dense(16, "tanh", kernel_initializer=start(1)),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2, seed=3),
        keras.layers.Dense(1, "sigmoid", kernel_initializer=start(2)),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(
    x, y, batch_size=16, epochs=3, shuffle=False, validation_split=0.25, verbose=0
)
sha = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights()))
print(sha.hexdigest(), history.history, file=open("bits.txt", "w"))
