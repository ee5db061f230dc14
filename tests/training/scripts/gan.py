"""A GAN: two models, two optimizers, noise in every step."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

real = np.random.default_rng(0).normal(2, 1, (64, 2)).astype("float32")


class GAN(keras.Model):
    def __init__(self, discriminator, generator):
        super().__init__()
        self.discriminator, self.generator = discriminator, generator
        self.seed_generator = keras.random.SeedGenerator()

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.loss_fn = loss_fn

    def train_step(self, data):
        size = tf.shape(data)[0]
        noise = keras.random.normal((size, 3), seed=self.seed_generator)
        both = tf.concat([self.generator(noise), data], 0)
        labels = tf.concat([tf.ones((size, 1)), tf.zeros((size, 1))], 0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(both))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights))
        noise = tf.random.normal((size, 3))
        with tf.GradientTape() as tape:
            fake = self.discriminator(self.generator(noise))
            g_loss = self.loss_fn(tf.zeros((size, 1)), fake)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights))
        return {"d_loss": d_loss, "g_loss": g_loss}


discriminator = keras.Sequential(
    [keras.Input((2,)), layers.Dense(8, "relu"), layers.Dense(1)]
)
generator = keras.Sequential(
    [keras.Input((3,)), layers.Dense(8, "relu"), layers.Dense(2)]
)
gan = GAN(discriminator, generator)
gan.compile(
    keras.optimizers.Adam(0.001),
    keras.optimizers.Adam(0.001),
    keras.losses.BinaryCrossentropy(from_logits=True),
)
gan.fit(real, epochs=2, batch_size=16, verbose=0)
