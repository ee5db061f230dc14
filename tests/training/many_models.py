"""Small models of every layer of Keras that trains, and of architectures people use."""

import keras
import numpy as np
from keras import layers as L
from keras import ops

EXAMPLES = 50  # in batches of 16: the last holds fewer
SHAPES = {
    "vectors": (6,),
    "sequences": (6, 4),
    "images": (8, 8, 4),
    "frames": (3, 6, 6, 2),
    "volumes": (4, 4, 4, 2),
}


def data(kind):
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, EXAMPLES)
    if kind == "tokens":
        return (rng.integers(0, 9, (EXAMPLES, 6)) + y[:, None]) % 9, y
    x = rng.normal(size=(EXAMPLES, *SHAPES[kind])).astype("float32")
    return x + y.reshape(-1, *[1] * (x.ndim - 1)).astype("float32"), y


def model(input_shape, outputs, which):
    _, make = MODELS[which]
    return make(input_shape, outputs)


def drawn(input_shape, outputs, layers):
    """A stack of layers by name: what the generator of models draws."""
    inside = [STACKED[name]() for name in layers]
    return stack(*inside)(input_shape, outputs)


def stack(*inside):
    """A function that makes these layers and a softmax on top."""

    def make(input_shape, outputs):
        kind = "int32" if inside and isinstance(inside[0], L.Embedding) else None
        x = inputs = keras.Input(input_shape, dtype=kind)
        for layer in inside:
            x = layer(x)
        if len(x.shape) > 2:
            x = L.Flatten()(x)
        return keras.Model(inputs, L.Dense(outputs, "softmax")(x))

    return make


def made(*makers):
    """The same with layers that are made anew each time."""
    return lambda shape, outputs: stack(*[maker() for maker in makers])(shape, outputs)


def graph(body):
    """A function that makes a model of a function of tensors."""

    def make(input_shape, outputs):
        inputs = keras.Input(input_shape)
        x = body(inputs)
        x = L.Flatten()(x) if len(x.shape) > 2 else x
        return keras.Model(inputs, L.Dense(outputs, "softmax")(x))

    return make


# ---- styles and architectures -------------------------------------------------------


def subclassed(input_shape, outputs):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = L.Dense(5, "relu"), L.Dense(outputs, "softmax")

        def call(self, x):
            return self.out(self.hidden(x))

    return Mine()


def with_a_loss_of_its_own(input_shape, outputs):
    class Penalty(L.Layer):
        def call(self, x):
            self.add_loss(0.1 * ops.mean(ops.square(x)))
            return x

    return stack(L.Dense(5), Penalty())(input_shape, outputs)


def own_weights(input_shape, outputs):
    class Scale(L.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

        def call(self, x):
            return x * self.scale

    return stack(Scale(), L.Dense(5, "tanh"))(input_shape, outputs)


def nested(input_shape, outputs):
    inner = keras.Sequential([L.Dense(5, "relu"), L.BatchNormalization()])
    return stack(inner, inner.__class__([L.Dense(4)]))(input_shape, outputs)


def shared(x):
    dense = L.Dense(x.shape[-1], "tanh")
    return dense(dense(x))


def residual(x):
    y = L.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = L.Activation("relu")(L.BatchNormalization()(y))
    return L.GlobalAveragePooling2D()(L.Add()([x, y]))


def inception(x):
    paths = [L.Conv2D(2, size, padding="same", activation="relu")(x) for size in (1, 3)]
    return L.GlobalMaxPooling2D()(L.Concatenate()(paths))


def squeezed(x):
    gates = L.Dense(x.shape[-1], "sigmoid")(L.GlobalAveragePooling2D()(x))
    return L.Multiply()([x, L.Reshape((1, 1, -1))(gates)])


def vgg(x):
    x = L.MaxPooling2D()(L.Conv2D(4, 3, padding="same", activation="relu")(x))
    return L.Dropout(0.3)(L.Flatten()(L.Conv2D(4, 3, activation="relu")(x)))


def transformer(x):
    y = L.MultiHeadAttention(2, 2)(x, x)
    x = L.LayerNormalization()(x + y)
    y = L.Dense(x.shape[-1])(L.Dense(8, "gelu")(x))
    return L.GlobalAveragePooling1D()(L.LayerNormalization()(x + y))


def mixer(x):
    y = L.Permute((2, 1))(L.LayerNormalization()(x))
    x = x + L.Permute((2, 1))(L.Dense(x.shape[1], "gelu")(y))
    return x + L.Dense(x.shape[-1], "gelu")(L.LayerNormalization()(x))


def text_cnn(input_shape, outputs):
    inputs = keras.Input(input_shape, dtype="int32")
    x = L.Embedding(9, 4)(inputs)
    paths = [L.GlobalMaxPooling1D()(L.Conv1D(3, n)(x)) for n in (2, 3)]
    return keras.Model(inputs, L.Dense(outputs, "softmax")(L.Concatenate()(paths)))


def attended(x):
    weights = L.Softmax(axis=1)(L.Dense(1)(x))
    return ops.sum(x * weights, axis=1)


def wide_and_deep(x):
    return L.Concatenate()([x, L.Dense(4, "relu")(L.Dense(8, "relu")(x))])


def highway(x):
    gate = L.Dense(x.shape[-1], "sigmoid")(x)
    return gate * L.Dense(x.shape[-1], "relu")(x) + (1 - gate) * x


def cross(x):
    return L.Multiply()([x, L.Dense(x.shape[-1])(x)]) + x


def of(kind, **makers):
    return {name: (kind, make) for name, make in makers.items()}


STACKED = {
    "Dense": lambda: L.Dense(5, "relu"),
    "tanh": lambda: L.Dense(4, "tanh"),
    "l2": lambda: L.Dense(4, kernel_regularizer="l2"),
    "norm": L.BatchNormalization,
    "layer_norm": L.LayerNormalization,
    "dropout": lambda: L.Dropout(0.4),
    "noise": lambda: L.GaussianNoise(0.3),
    "prelu": L.PReLU,
    "leaky": L.LeakyReLU,
}

MODELS = {
    **of(
        "vectors",
        nothing=made(),
        dense=made(lambda: L.Dense(5, "relu")),
        bounded=made(lambda: L.Dense(5, kernel_constraint=keras.constraints.MaxNorm())),
        penalized=made(lambda: L.Dense(5, kernel_regularizer="l1")),
        active=made(lambda: L.Dense(5, activity_regularizer="l2")),
        einsum=made(lambda: L.EinsumDense("ab,bc->ac", output_shape=5, bias_axes="c")),
        prelu=made(lambda: L.Dense(5), L.PReLU),
        leaky=made(lambda: L.Dense(5), L.LeakyReLU),
        elu=made(lambda: L.Dense(5), L.ELU),
        batch_norm=made(lambda: L.Dense(5), L.BatchNormalization),
        layer_norm=made(lambda: L.Dense(5), L.LayerNormalization),
        unit_norm=made(lambda: L.Dense(5), L.UnitNormalization),
        spectral=made(lambda: L.SpectralNormalization(L.Dense(5))),
        dropout=made(lambda: L.Dense(9), lambda: L.Dropout(0.5)),
        alpha=made(lambda: L.Dense(9, "selu"), lambda: L.AlphaDropout(0.3)),
        gaussian=made(lambda: L.GaussianDropout(0.3)),
        noise=made(lambda: L.GaussianNoise(0.3)),
        rescaled=made(lambda: L.Rescaling(0.5), lambda: L.Dense(4)),
        repeated=made(lambda: L.RepeatVector(3), lambda: L.GRU(3)),
        subclassed=subclassed,
        own_loss=with_a_loss_of_its_own,
        own_weights=own_weights,
        nested=nested,
        shared=graph(shared),
        wide_and_deep=graph(wide_and_deep),
        highway=graph(highway),
        cross=graph(cross),
    ),
    **of(
        "sequences",
        rnn=made(lambda: L.SimpleRNN(3)),
        lstm=made(lambda: L.LSTM(3)),
        gru=made(lambda: L.GRU(3, return_sequences=True)),
        cells=made(lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)])),
        both_ways=made(lambda: L.Bidirectional(L.LSTM(2))),
        dropping=made(lambda: L.LSTM(3, dropout=0.3)),
        masked=made(L.Masking, lambda: L.LSTM(3)),
        timed=made(lambda: L.TimeDistributed(L.Dense(2))),
        conv1d=made(lambda: L.Conv1D(3, 2, activation="relu")),
        causal=made(lambda: L.Conv1D(3, 2, padding="causal", dilation_rate=2)),
        separable1d=made(lambda: L.SeparableConv1D(3, 2)),
        depthwise1d=made(lambda: L.DepthwiseConv1D(2)),
        transposed1d=made(lambda: L.Conv1DTranspose(3, 2)),
        pooled1d=made(L.MaxPooling1D, lambda: L.AveragePooling1D(2)),
        resized1d=made(L.ZeroPadding1D, L.Cropping1D, L.UpSampling1D),
        spatial1d=made(lambda: L.SpatialDropout1D(0.4)),
        grouped_query=graph(lambda x: L.GroupQueryAttention(2, 2, 1)(x, x)),
        attention=graph(lambda x: L.Attention(use_scale=True)([x, x])),
        additive=graph(lambda x: L.AdditiveAttention()([x, x])),
        transformer=graph(transformer),
        mixer=graph(mixer),
        attended=graph(attended),
    ),
    **of(
        "tokens",
        embedding=made(lambda: L.Embedding(9, 3)),
        masked_embedding=made(
            lambda: L.Embedding(9, 3, mask_zero=True), lambda: L.GRU(3)
        ),
        text_cnn=text_cnn,
    ),
    **of(
        "images",
        conv2d=made(lambda: L.Conv2D(3, 3, strides=2, activation="relu")),
        in_groups=made(lambda: L.Conv2D(4, 3, groups=2)),
        separable2d=made(lambda: L.SeparableConv2D(3, 3)),
        depthwise2d=made(lambda: L.DepthwiseConv2D(3)),
        transposed2d=made(lambda: L.Conv2DTranspose(2, 3)),
        group_norm=made(lambda: L.GroupNormalization(2)),
        pooled2d=made(L.MaxPooling2D, lambda: L.AveragePooling2D(2)),
        spatial2d=made(lambda: L.SpatialDropout2D(0.4)),
        resized2d=made(L.ZeroPadding2D, L.UpSampling2D, L.GlobalAveragePooling2D),
        flipped=made(L.RandomFlip, lambda: L.Conv2D(2, 3)),
        residual=graph(residual),
        inception=graph(inception),
        squeezed=graph(squeezed),
        vgg=graph(vgg),
    ),
    **of("frames", conv_lstm=made(lambda: L.ConvLSTM2D(2, 3))),
    **of(
        "volumes",
        conv3d=made(lambda: L.Conv3D(2, 2)),
        pooled3d=made(L.MaxPooling3D),
        transposed3d=made(lambda: L.Conv3DTranspose(2, 2)),
    ),
}
