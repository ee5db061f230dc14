"""Models and data as users bring them, each with something of its own."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

CENTRES = np.random.default_rng(5).normal(size=(3, 6)) * 1.3


# ---- data --------------------------------------------------------------------------


def blobs(examples=400):
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, examples)
    return (CENTRES[y] + rng.normal(size=(examples, 6))).astype("float32"), y


def one_hot(examples=400):
    x, y = blobs(examples)
    return x, keras.utils.to_categorical(y, 3)


def zeros_and_ones_as_floats(examples=400):
    x, y = blobs(examples)
    return x, (y == 1).astype("float32")


def weighted(examples=400):
    x, y = blobs(examples)
    return x, y, np.where(y == 0, 5.0, 1.0)


def several_targets(examples=200):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(examples, 6)).astype("float32")
    return x, (x @ rng.normal(size=(6, 3))).astype("float32")


def with_a_nan(examples=200):
    x, y = blobs(examples)
    x[3, 2] = np.nan
    return x, y


def two_inputs(examples=200):
    x, y = blobs(examples)
    return {"left": x[:, :3], "right": x[:, 3:]}, y


def dataset(examples=200):
    return tf.data.Dataset.from_tensor_slices(blobs(examples)).batch(32)


# ---- models ------------------------------------------------------------------------


def _functional(input_shape, hidden, outputs, cls=keras.Model):
    inputs = keras.Input(input_shape)
    return cls(inputs, layers.Dense(outputs, activation="softmax")(hidden(inputs)))


def plain(input_shape, outputs, units=16):
    return _functional(input_shape, layers.Dense(units, activation="relu"), outputs)


def loaded_and_frozen(input_shape, outputs):
    """Weights from elsewhere: kernel .125, bias .5, not to be trained."""
    body = layers.Dense(12, activation="tanh", name="body", trainable=False)
    model = _functional(input_shape, body, outputs)
    body.set_weights([np.full((input_shape[0], 12), 0.125), np.full(12, 0.5)])
    return model


class _Scaled(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight((shape[-1],), "ones")  # a positional initializer

    def call(self, x):
        return x * self.scale


def positional_initializer(input_shape, outputs):
    return _functional(input_shape, _Scaled(name="scaled"), outputs)


class _NoUpdate(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            answers = self(x, training=True)
            loss = self.compute_loss(x, y, answers)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply([0.0 * g for g in gradients], self.trainable_variables)
        self._loss_tracker.update_state(loss)
        return {"loss": loss}


def own_train_step(input_shape, outputs):
    """Learns nothing, on purpose: every score must stay what it was at the start."""
    return _functional(input_shape, layers.Dense(16), outputs, _NoUpdate)


class _NoLoss(keras.Model):
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        return 0.0 * ops.sum(y_pred)


def own_compute_loss(input_shape, outputs):
    """A loss of zero, on purpose: the weights must stay what they were."""
    return _functional(input_shape, layers.Dense(16), outputs, _NoLoss)


def compiled_by_the_user(input_shape, outputs):
    """Compiled with a rate of zero: the weights must stay."""
    model = plain(input_shape, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    return model


class _Draws(layers.Layer):
    def call(self, x, training=None):
        return x + 0.8 * tf.random.normal(tf.shape(x)) if training else x


def draws_by_tensorflow(input_shape, outputs):
    inputs = keras.Input(input_shape)
    hidden = _Draws()(layers.Dense(12, activation="tanh")(inputs))
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(hidden))


def coupled_batch(input_shape, outputs):
    """Every example sees the others of its batch; the operation is no layer."""
    inputs = keras.Input(input_shape)
    hidden = layers.Dense(8, activation="relu")(inputs)
    hidden = hidden - ops.mean(hidden, axis=0, keepdims=True)
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(hidden))


def own_initializer(input_shape, outputs):
    def draw(shape, dtype=None):
        return keras.random.normal(shape, stddev=0.1, dtype=dtype)

    hidden = layers.Dense(8, kernel_initializer=draw)
    return _functional(input_shape, hidden, outputs)


_KEPT = []


def the_same_object_each_time(input_shape, outputs):
    if not _KEPT:
        _KEPT.append(plain(input_shape, outputs))
    return _KEPT[0]


def dropout_with_a_seed(input_shape, outputs):
    inputs = keras.Input(input_shape)
    hidden = layers.Dropout(0.5, seed=42)(layers.Dense(32, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(hidden))


def autoencoder(input_shape):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, layers.Dense(input_shape[0])(layers.Dense(3)(inputs)))


def raises(input_shape, outputs):
    raise ValueError("shapes (3,) and (4,) not aligned")  # the user must learn where
