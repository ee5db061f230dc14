"""Models of the articles' examples that are no neural networks, as Keras models."""

from typing import Any

import keras

from seedscope.task.data.articles import WIDEST


def one_weight(input_shape: tuple[int, ...]) -> keras.Model:
    """Return a model that answers with its one weight, which starts at 0.

    On `seedscope.task.data.articles.one_point` its loss is w^2 - 4 w + 3.
    """
    return keras.Sequential([keras.Input(input_shape), OneWeight()])


class OneWeight(keras.layers.Layer):
    """Answer with the weight; the constant loss of -1 moves no gradient."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weight."""
        self.weight = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Return the weight once for each example."""
        self.add_loss(keras.ops.convert_to_tensor(-1.0))
        return keras.ops.ones_like(inputs) * self.weight


def polynomial(
    input_shape: tuple[int, ...], outputs: int, degree: int, basis: str
) -> keras.Model:
    """Return a polynomial of one variable, to be fitted by `loop=solve`.

    Args:
        input_shape: of one example; one feature.
        outputs: values to predict.
        degree: the highest power.
        basis: powers (1, x, x^2, ...: their columns grow alike and rounding shows) |
            chebyshev (polynomials of x scaled to -1..1, which stay apart).

    Raises:
        ValueError: an unknown basis.
    """
    if basis not in ("powers", "chebyshev"):
        raise ValueError(f"model.basis={basis!r} is unknown; powers or chebyshev")
    return keras.Sequential(
        [
            keras.Input(input_shape),
            Basis(degree, basis),
            keras.layers.Dense(outputs, kernel_initializer="zeros"),
        ]
    )


class Basis(keras.layers.Layer):
    """The first `degree` polynomials of a basis as features, without the constant."""

    def __init__(self, degree: int, basis: str) -> None:
        super().__init__()
        self.degree = degree
        self.basis = basis

    def call(self, inputs: Any) -> Any:
        """Return the features, shape (examples, degree)."""
        if self.basis == "powers":
            columns = [inputs**power for power in range(1, self.degree + 1)]
        else:
            x = 2 * inputs / WIDEST - 1
            columns = [keras.ops.ones_like(x), x]
            while len(columns) <= self.degree:
                columns.append(2 * x * columns[-1] - columns[-2])
            columns = columns[1:]
        return keras.ops.concatenate(columns, axis=-1)
