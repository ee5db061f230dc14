"""An eager GradientTape loop that shuffles by NumPy, on variables of its own."""

import keras
import numpy as np
import tensorflow as tf

x = tf.random.normal((40, 3))
y = tf.reduce_sum(x, 1, keepdims=True)
weight = tf.Variable(tf.random.normal((3, 1)), name="weight")
layer = keras.layers.Dense(3)
layer(x)
optimizer = keras.optimizers.SGD(0.1)
variables = [weight, *layer.trainable_variables]
optimizer.build(variables)
for epoch in range(2):
    order = np.random.permutation(40)
    for start in range(0, 40, 10):
        rows = order[start : start + 10]
        with tf.GradientTape() as tape:
            hidden = tf.nn.dropout(layer(tf.gather(x, rows)), 0.2)
            loss = tf.reduce_mean((hidden @ weight - tf.gather(y, rows)) ** 2)
        optimizer.apply(tape.gradient(loss, variables), variables)
