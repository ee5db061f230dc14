"""An autoencoder that is trained twice: alone, then with noise at its inputs."""

import keras
import numpy as np

x = np.random.default_rng(0).random((60, 12)).astype("float32")
autoencoder = keras.Sequential(
    [keras.Input((12,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(12)]
)
autoencoder.compile("adam", "mse")
autoencoder.fit(x, x, epochs=1, batch_size=20, verbose=0)
noisy = x + 0.1 * np.random.normal(size=x.shape)
autoencoder.fit(noisy, x, epochs=2, batch_size=20, validation_split=0.2, verbose=0)
autoencoder.predict(x)
