"""A variational autoencoder with its own train_step."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


class VAE(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.sample = layers.Dense(8, "relu"), Sampling()
        self.mean, self.log_var = layers.Dense(2), layers.Dense(2)
        self.decode = layers.Dense(10, "sigmoid")
        self.total = keras.metrics.Mean(name="total")

    @property
    def metrics(self):
        return [self.total]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            hidden = self.hidden(data)
            mean, log_var = self.mean(hidden), self.log_var(hidden)
            restored = self.decode(self.sample([mean, log_var]))
            restored = restored + 0.01 * tf.random.normal(tf.shape(restored))
            fit = ops.mean(ops.square(restored - data))
            kl = -0.5 * ops.mean(1 + log_var - ops.square(mean) - ops.exp(log_var))
            loss = fit + kl
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        self.total.update_state(loss)
        return {"total": self.total.result()}


vae = VAE()
vae.compile(optimizer="adam")
vae.fit(np.random.rand(64, 10).astype("float32"), epochs=2, batch_size=16, verbose=0)
