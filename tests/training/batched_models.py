"""Tiny models for the tests of the batched engine, one for each family of layers."""

import keras
from keras import layers

FAMILIES = {
    "dense": lambda: [
        layers.Flatten(),
        layers.Dense(
            6, "gelu", kernel_regularizer="l1l2", kernel_constraint="max_norm"
        ),
        layers.PReLU(alpha_initializer="ones"),  # see "is not finite" below
        layers.EinsumDense("ab,bc->ac", 5),
        layers.UnitNormalization(),
    ],
    "noise": lambda: [
        layers.Flatten(),
        layers.Dense(6, "tanh"),
        layers.Dropout(0.3),
        layers.GaussianNoise(0.3),
        layers.GaussianDropout(0.3),
        layers.AlphaDropout(0.3),
    ],
    "convolution": lambda: [
        layers.Conv2D(3, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(2, 3, strides=2),
        layers.SeparableConv2D(3, 3, padding="same"),
        layers.SpatialDropout2D(0.3),
        layers.MaxPooling2D(),
    ],
    "series": lambda: [
        layers.Reshape((8, 8)),
        layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
        layers.Conv1D(4, 3, activation="relu"),
        layers.MaxPooling1D(),
        layers.TimeDistributed(layers.Dense(3)),
    ],
    "pooling": lambda: [
        layers.ZeroPadding2D(),
        layers.Conv2D(3, 3, dilation_rate=2),
        layers.MaxPooling2D(3, strides=1),
        layers.UpSampling2D(),
        layers.AveragePooling2D(2),
        layers.GlobalAveragePooling2D(),
    ],
    "normalization": lambda: [
        layers.Conv2D(4, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.GroupNormalization(2),
        layers.Flatten(),
        layers.LayerNormalization(),
    ],
    "augmentation": lambda: [
        layers.RandomFlip(),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
        layers.RandomContrast(0.2),
        layers.RandomBrightness(0.2, value_range=(0, 1)),
    ],
    "embedding": lambda: [
        layers.Flatten(),
        layers.Rescaling(16.0, dtype="float32"),
        AsIntegers(),
        layers.Embedding(17, 3),
    ],
    "attention": lambda: [layers.Reshape((4, 16)), SelfAttention()],
    "recurrent": lambda: [
        layers.Reshape((4, 16)),
        layers.LSTM(3, return_sequences=True),
        layers.Bidirectional(layers.GRU(3)),
    ],
}
REFUSED = {
    "Conv3D": lambda: [layers.Reshape((4, 4, 4, 1)), layers.Conv3D(2, 2)],
    "in groups": lambda: [layers.Conv2D(4, 3), layers.Conv2D(4, 3, groups=2)],
    "Resizing": lambda: [layers.Resizing(6, 6)],
    "recurrent_noise": lambda: [
        layers.Reshape((4, 16)),
        layers.SimpleRNN(5, recurrent_dropout=0.2),
    ],
    "ActivityRegularization": lambda: [layers.ActivityRegularization(0.1)],
    "spectral_normalization": lambda: [
        layers.Flatten(),
        layers.SpectralNormalization(layers.Dense(5)),
    ],
    "seed generator": lambda: [Unseeded()],
    "is not finite": lambda: [  # XLA's gradient at an example that is 0 throughout
        layers.Flatten(),
        layers.Dense(6, "tanh"),
        layers.PReLU(),
        layers.EinsumDense("ab,bc->ac", 5),
        layers.UnitNormalization(),
    ],
}


def model(input_shape, outputs, family):
    stack = (FAMILIES | REFUSED)[family]()
    last = [layers.Flatten(), layers.Dense(outputs)]
    return keras.Sequential([keras.Input(input_shape), *stack, *last])


class AsIntegers(layers.Layer):
    def call(self, x):
        return keras.ops.cast(x, "int32")


class SelfAttention(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(2, 4, dropout=0.2)

    def build(self, shape):
        self.attention.build(shape, shape)

    def call(self, x, training=False):
        return self.attention(x, x, training=training)


class Unseeded(layers.Layer):
    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x))
