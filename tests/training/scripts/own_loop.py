"""A training script with a GradientTape loop that logs to MLflow by itself."""

import keras
import mlflow
import numpy as np
import tensorflow as tf
from keras import layers

x = np.random.default_rng(0).normal(size=(512, 10)).astype("float32")
y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
model = keras.Sequential(
    [layers.Dense(32, "relu"), layers.Dropout(0.2), layers.Dense(1)]
)
optimizer = keras.optimizers.Adam(0.01)
loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
batches = tf.data.Dataset.from_tensor_slices((x[:400], y[:400])).shuffle(400).batch(32)


@tf.function
def step(a, b):
    with tf.GradientTape() as tape:
        loss = loss_of(b, model(a, training=True))
    optimizer.apply(
        tape.gradient(loss, model.trainable_variables), model.trainable_variables
    )
    return loss


with mlflow.start_run():
    for epoch in range(5):
        for a, b in batches:
            loss = step(a, b)
        mlflow.log_metric("loss", float(loss), step=epoch)
    right = (model(x[400:]).numpy() > 0) == (y[400:] > 0.5)
    mlflow.log_metric("test_accuracy", float(right.mean()))
