"""A training script with a tf.data pipeline, class weights, callbacks and a seed of its own."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

keras.utils.set_random_seed(42)  # the author thinks that this fixes everything

rng = np.random.default_rng()  # and forgot this one
x = rng.normal(size=(600, 10)).astype("float32")
y = (x[:, 0] + 0.5 * rng.normal(size=600) > 1).astype("int32")

train = (
    tf.data.Dataset.from_tensor_slices((x[:400], y[:400]))
    .shuffle(400)
    .map(lambda a, b: (a + tf.random.normal(tf.shape(a), stddev=0.05), b))
    .batch(32)
    .prefetch(2)
)
validation = tf.data.Dataset.from_tensor_slices((x[400:500], y[400:500])).batch(32)
model = keras.Sequential(
    [layers.Dense(32, "relu"), layers.Dropout(0.2), layers.Dense(1, "sigmoid")]
)
model.compile(
    "adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc"), "accuracy"]
)
model.fit(
    train,
    epochs=6,
    validation_data=validation,
    class_weight={0: 1.0, 1: 4.0},
    callbacks=[
        keras.callbacks.EarlyStopping(
            "val_loss", patience=2, restore_best_weights=True
        ),
        keras.callbacks.ReduceLROnPlateau(patience=1),
    ],
    verbose=0,
)
predictions = model.predict(x[500:], verbose=0)
print("test accuracy", float(((predictions[:, 0] > 0.5) == y[500:]).mean()))
