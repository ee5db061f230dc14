"""tf.data with random maps that run side by side, an interleave, and layers in a map."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

x = np.random.default_rng(0).random((48, 6, 6, 1)).astype("float32")
y = np.arange(48) % 2
flip = layers.RandomFlip()


def augment(image, label):
    image = tf.image.random_brightness(image, 0.2)
    if tf.random.uniform(()) > 0.5:
        image = tf.image.random_flip_left_right(image)
    return flip(image, training=True), label


def twice(image, label):
    pair = tf.data.Dataset.from_tensors((image, label)).repeat(2)
    return pair.map(lambda a, b: (a + tf.random.normal(tf.shape(a)) / 50, b))


data = (
    tf.data.Dataset.from_tensor_slices((x, y))
    .shuffle(48)
    .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    .interleave(twice, cycle_length=2)
    .batch(16)
    .prefetch(1)
)
model = keras.Sequential([layers.Flatten(), layers.Dense(2, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(data, epochs=2, verbose=0)
