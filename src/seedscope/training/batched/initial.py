"""Draw the initial weights of many runs at once.

Building a Keras model for each run takes tens of milliseconds. The initializers of one
model, called again with each run's seeds in one graph, draw the same bits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.seeds import stream_seed
from seedscope.study.words import Run
from seedscope.task.initial import seeded
from seedscope.task.model import Built, Weight


def drawer(
    built: Built, rebuild: Callable[[Run], Built]
) -> Callable[[Sequence[Run]], dict[int, np.ndarray]]:
    """Return a function from runs to {id of variable: values, shape (runs, ...)}.

    Variables that are the same in every run are left out.

    Args:
        built: the model whose variables are meant.
        rebuild: builds the model anew for a run, for initializers that are not Keras'.
    """
    draw_weights = _weights_drawer(built) if _drawable(built) else None

    def draw(runs: Sequence[Run]) -> dict[int, np.ndarray]:
        if draw_weights:
            values = draw_weights([run.seeds["init"] for run in runs])
        else:
            models = [rebuild(run).model.weights for run in runs]
            values = {
                id(variable): np.stack(
                    [np.asarray(weights[place]) for weights in models]
                )
                for place, variable in enumerate(built.model.weights)
            }
        for noise in built.noise:
            states = [noise.state(run.seeds[noise.source]) for run in runs]
            dtype = np.asarray(noise.variable).dtype
            values[id(noise.variable)] = np.stack(states).astype(dtype)
        return values

    return draw


def _drawable(built: Built) -> bool:
    """Tell whether Keras' own initializers draw every weight that is drawn.

    A user's function may draw from anywhere: it is called anew for each run.
    """
    return all(weight.origin != "own" for weight in built.weights)


def _weights_drawer(built: Built) -> Callable[[Sequence[int]], dict[int, np.ndarray]]:
    """Return a function from seeds to the values of every weight that is drawn."""
    free = [weight for weight in built.weights if weight.free]

    @tf.function
    def draw_all(states: tf.Tensor) -> list[tf.Tensor]:
        def draw_one(state: tf.Tensor) -> list[tf.Tensor]:
            return [_redraw(w, state[i]) for i, w in enumerate(free)]

        types = [tf.as_dtype(w.variable.dtype) for w in free]
        return tf.map_fn(draw_one, states, fn_output_signature=types)

    def draw(seeds: Sequence[int]) -> dict[int, np.ndarray]:
        if not free:
            return {}
        states = [
            [(stream_seed(seed, "weight", weight.ordinal), 0) for weight in free]
            for seed in seeds
        ]
        drawn = draw_all(tf.constant(states, tf.int64))
        return {
            id(weight.variable): values.numpy()
            for weight, values in zip(free, drawn, strict=True)
        }

    return draw


class _Stream(keras.random.SeedGenerator):
    """A seed that is a tensor, where Keras wants a number or a generator."""

    def __init__(self, state: tf.Tensor) -> None:
        self._given = state

    def next(self, ordered: bool = True) -> tf.Tensor:
        """Return the state."""
        return self._given


def _redraw(weight: Weight, state: tf.Tensor) -> Any:
    fresh = seeded(weight.initializer, _Stream(state))
    return fresh(weight.variable.shape, dtype=weight.variable.dtype)
