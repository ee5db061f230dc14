"""Reference models: what the choice of engine and width is calibrated and checked on.

Each is a pair of a model and data to train it on, and the overrides that name them.
All data are drawn here, so that no file is needed.
"""

import keras
import numpy as np
from keras import layers

VARY = ("factor=sources", "factor.vary=[init,shuffle,dropout]", "split.validation=0")
DIGITS = (*VARY, "data=digits", "model.dropout=0.2")


def images(size: int, channels: int, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures of ten classes that can be told apart."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, examples)
    x = rng.normal(size=(examples, size, size, channels)) + y[:, None, None, None] / 5
    return x.astype("float32"), y


def series(steps: int, features: int, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences of three classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, examples)
    x = rng.normal(size=(examples, steps, features)) + y[:, None, None] / 3
    return x.astype("float32"), y


def tokens(length: int, words: int, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sentences of three classes, in which other words are frequent."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, examples)
    drawn = rng.integers(0, words, (examples, length))
    return np.where(rng.random(drawn.shape) < 0.2, y[:, None], drawn), y


def table(features: int, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of ten classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, examples)
    x = rng.normal(size=(examples, features)) + rng.normal(size=(10, features))[y] / 3
    return x.astype("float32"), y


def transformer(
    input_shape: tuple[int, ...], outputs: int, words: int, units: int, heads: int
) -> keras.Model:
    """Return one block of attention over embedded words."""
    inputs = keras.Input(input_shape, dtype="int32")
    x = layers.Embedding(words, units)(inputs)
    seen = layers.MultiHeadAttention(heads, units // heads)(x, x)
    x = layers.LayerNormalization()(x + seen)
    thought = layers.Dense(units)(layers.Dense(2 * units, activation="relu")(x))
    x = layers.LayerNormalization()(x + layers.Dropout(0.1)(thought))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax")(x))


def lstm(input_shape: tuple[int, ...], outputs: int, units: int) -> keras.Model:
    """Return one recurrent layer."""
    last = layers.Dense(outputs, activation="softmax")
    return keras.Sequential([keras.Input(input_shape), layers.LSTM(units), last])


def normed(input_shape: tuple[int, ...], outputs: int, units: int) -> keras.Model:
    """Return dense layers with batch normalization."""
    stack = [keras.Input(input_shape)]
    for _ in range(2):
        stack += [
            layers.Dense(units, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
        ]
    return keras.Sequential([*stack, layers.Dense(outputs, activation="softmax")])


def convolutions(
    input_shape: tuple[int, ...], outputs: int, filters: list[int]
) -> keras.Model:
    """Return convolutions with pooling and a dense layer."""
    stack = [keras.Input(input_shape)]
    for count in filters:
        stack.append(layers.Conv2D(count, 3, padding="same", activation="relu"))
        stack.append(layers.MaxPooling2D())
    stack += [layers.Flatten(), layers.Dense(64, activation="relu")]
    return keras.Sequential([*stack, layers.Dense(outputs, activation="softmax")])


def own(model: str, data: str, *more: str) -> tuple[str, ...]:
    """Return the overrides of a model and data of this file."""
    return (
        *VARY,
        *("model=own", f"model._target_=models.{model}"),
        *("data=own", f"data._target_=models.{data}"),
        *more,
    )


def _images(size: int, channels: int, examples: int, filters: str) -> tuple[str, ...]:
    return own(
        "convolutions",
        "images",
        *(f"+data.size={size}", f"+data.channels={channels}"),
        *(f"+data.examples={examples}", f"+model.filters=[{filters}]"),
        "loop.epochs=3",
    )


MODELS = {  # name: overrides
    "small MLP": (
        *VARY,
        *("factor.vary=[init,shuffle]", "data=synthetic", "data.examples=1250"),
        *("model.dropout=0", "loop.epochs=10"),
    ),
    "digits MLP": (*DIGITS, "model.hidden=[128]", "loop.epochs=10"),
    "wide MLP": own(
        "normed",
        "table",
        *("+data.features=784", "+data.examples=1250", "+model.units=512"),
        "loop.epochs=3",
    ),
    "digits CNN": (*DIGITS, "model=cnn", "model.augmentation=0", "loop.epochs=5"),
    "BatchNorm": own(
        "normed",
        "table",
        *("+data.features=20", "+data.examples=1250", "+model.units=64"),
        "loop.epochs=10",
    ),
    "LSTM": own(
        "lstm",
        "series",
        *("+data.steps=16", "+data.features=8", "+data.examples=1000"),
        *("+model.units=32", "loop.epochs=10"),
    ),
    "transformer": own(
        "transformer",
        "tokens",
        *("+data.length=32", "+data.words=100", "+data.examples=1000"),
        *("+model.words=100", "+model.units=64", "+model.heads=2", "loop.epochs=5"),
    ),
    "conv 28x28": _images(28, 1, 800, "8,16"),
    "conv 32x32": _images(32, 3, 800, "16,32"),
}
