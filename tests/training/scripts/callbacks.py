"""Callbacks that change the training: a schedule, early stopping, a checkpoint."""

import keras
import numpy as np

x = np.random.default_rng(0).random((60, 4)).astype("float32")
y = x @ np.array([[1.0], [2.0], [-1.0], [0.5]], "float32")


class Jitter(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        kernel = self.model.layers[0].kernel
        kernel.assign_add(0.001 * np.random.normal(size=kernel.shape))


model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(
    x,
    y,
    epochs=6,
    validation_split=0.2,
    verbose=0,
    callbacks=[
        Jitter(),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True),
        keras.callbacks.CSVLogger("log.csv"),
    ],
)
