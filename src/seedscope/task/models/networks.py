"""The models that come with seedscope."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, regularizers


def logistic(
    input_shape: tuple[int, ...], outputs: int, l2: float, initializer: Any
) -> keras.Model:
    """Return one dense layer on the flattened features; it answers with logits."""
    return mlp(input_shape, outputs, [], "linear", 0.0, 0.0, l2, initializer)


def mlp(
    input_shape: tuple[int, ...],
    outputs: int,
    hidden: Sequence[int],
    activation: str,
    dropout: float,
    l1: float,
    l2: float,
    initializer: Any,
) -> keras.Model:
    """Return dense layers with dropout between them; the model answers with logits."""
    options = _dense_options(l1, l2, initializer)
    stack: list[Any] = [keras.Input(input_shape)]
    if len(input_shape) > 1:
        stack.append(layers.Flatten())
    for units in hidden:
        stack.append(layers.Dense(units, activation, **options()))
        if dropout:
            stack.append(layers.Dropout(dropout))
    return keras.Sequential([*stack, layers.Dense(outputs, **options())])


def cnn(
    input_shape: tuple[int, ...],
    outputs: int,
    filters: Sequence[int],
    activation: str,
    augmentation: float,
    dropout: float,
    l1: float,
    l2: float,
    initializer: Any,
) -> keras.Model:
    """Return convolutions with pooling and one dense layer, which answers with logits.

    Raises:
        ValueError: the examples are not images of shape (height, width, channels).
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"model=cnn needs images (height, width, channels), the data has shape "
            f"{input_shape}; use model=mlp, or data=digits or data=fashion_mnist"
        )
    options = _dense_options(l1, l2, initializer)
    stack: list[Any] = [keras.Input(input_shape)]
    if augmentation:
        shift = (-augmentation, augmentation)
        stack.append(layers.RandomTranslation(shift, shift, fill_mode="constant"))
    for count in filters:
        conv = layers.Conv2D(
            count, 3, padding="same", activation=activation, **options()
        )
        stack += [conv, layers.MaxPooling2D()]
    stack.append(layers.Flatten())
    if dropout:
        stack.append(layers.Dropout(dropout))
    return keras.Sequential([*stack, layers.Dense(outputs, **options())])


def _dense_options(l1: float, l2: float, initializer: Any) -> Callable[[], dict]:
    """Return a maker of kernel options: each layer gets an initializer of its own.

    An initializer given with an integer seed stays one object: that is what its user
    wants to see.
    """
    shared = keras.initializers.get(initializer)

    def options() -> dict[str, Any]:
        chosen: dict[str, Any] = {"kernel_initializer": shared}
        if getattr(shared, "_init_seed", None) is None:
            chosen["kernel_initializer"] = keras.initializers.get(initializer)
        if l1 or l2:
            chosen["kernel_regularizer"] = regularizers.L1L2(l1, l2)
        return chosen

    return options
