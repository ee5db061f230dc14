"""A PyDataset that shuffles after each epoch and draws noise for each batch."""

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    def __init__(self, **options):
        super().__init__(**options)
        self.x = np.random.default_rng(0).random((40, 4)).astype("float32")
        self.y = self.x.sum(1, keepdims=True)
        self.rows = np.arange(40)
        self.on_epoch_end()

    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = self.rows[index * 10 : index * 10 + 10]
        return self.x[rows] + 0.1 * np.random.normal(size=(10, 4)), self.y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.rows)


model = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
model.fit(Batches(), epochs=2, verbose=0)
