"""Draws that no layer names: found by trial, two seeds and two outcomes.

A layer may draw by `tf.random`, by NumPy, by `keras.random` without a generator or by a
generator that it does not hold as Keras wants it. Nothing of the model shows that; so a
few examples go through it under one seed, under that seed again, and under another. All
such draws belong to the source `dropout` and follow the global seeds that are set when
a run starts; only Keras' own loop repeats them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR as GLOBAL

from seedscope.study.seeds import stream_seed
from seedscope.task import standing


@dataclass(frozen=True)
class Unnamed:
    """What draws in a model besides its layers' own generators."""

    draws: bool  # its outcome follows the global seeds
    states: tuple[Any, ...] = ()  # of Keras' seed generators that no layer holds


def start(seed: int, model: keras.Model) -> None:
    """Start all that draws besides Keras' layers from a seed of `dropout`."""
    keras.utils.set_random_seed(seed)  # Python, NumPy, TensorFlow, Keras' global one
    standing.start(seed)
    for ordinal, owner in enumerate(
        (*model._flatten_layers(), getattr(model, "optimizer", None))
    ):
        if owner is not None:
            standing.start_held(owner, stream_seed(seed, "held", ordinal))
    whole = tf.random.Generator.from_seed(stream_seed(seed, "generator"))
    tf.random.set_global_generator(whole)
    for ordinal, generator in enumerate(_tensorflows(model), start=1):
        generator.reset_from_seed(stream_seed(seed, "generator", ordinal))


def stray(seed: int, ordinal: int, where: str = "stray") -> np.ndarray:
    """Return the state, before its first draw, of a generator that no layer holds."""
    return np.asarray([stream_seed(seed, where, ordinal), 0], np.uint32)


def unnamed(model: keras.Model, sample: Any, seed: int, name: str, key: str) -> Unnamed:
    """Return what a model draws that no layer names, found once for a function."""
    if key not in _known or _known[key].states:  # they may be others each time
        _known[key] = _found_out(model, sample, seed, name)
    return _known[key]


_known: dict[str, Unnamed] = {}


def _found_out(model: keras.Model, sample: Any, seed: int, name: str) -> Unnamed:
    """Find out what a model draws that no layer names; it is left as it was.

    Args:
        model: built, its weights and named noise at the start of a run.
        sample: a few examples.
        seed: of the source `dropout`.
        name: what to call the model.

    Raises:
        ValueError: under one seed it answers twice otherwise.
    """
    own = {id(generator) for generator in named(model)}
    with noted() as used, left_alone(model):
        _answer(model, sample, seed)
    states = tuple(g.state for g in used if id(g) not in own)
    elsewhere = stream_seed(seed, "elsewhere")
    first, again, other = (
        _repeated(model, sample, one, states) for one in (seed, seed, elsewhere)
    )
    if not all(map(close, first, again)):
        raise ValueError(
            f"{name} draws numbers that no seed reaches while it is called (such as of "
            "an np.random.default_rng() that is made there): draw with np.random, "
            "tf.random or keras.random, which follow the source dropout"
        )
    return Unnamed(not all(map(close, first, other)), states)


def _repeated(
    model: keras.Model, sample: Any, seed: int, states: Sequence[Any]
) -> list[np.ndarray]:
    with left_alone(model):
        for ordinal, state in enumerate(states):
            state.assign(stray(seed, ordinal))
        return _answer(model, sample, seed)


def _answer(model: keras.Model, sample: Any, seed: int) -> list[np.ndarray]:
    start(seed, model)
    outputs = model(sample, training=True)
    return [np.asarray(part) for part in keras.tree.flatten(outputs)]


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two outcomes are the same but for rounding."""
    if one.shape != other.shape:
        return False
    if one.dtype.kind not in "fc":
        return np.array_equal(one, other)
    return np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)


@contextmanager
def left_alone(model: keras.Model) -> Iterator[None]:
    """Put back what a call in training changes: statistics, states of generators."""
    held = [(v, np.asarray(v)) for v in model.variables]
    try:
        yield
    finally:
        for variable, value in held:
            variable.assign(value)


@contextmanager
def noted() -> Iterator[list[keras.random.SeedGenerator]]:
    """Note every generator of Keras that is asked meanwhile, but for the global one."""
    used: dict[int, keras.random.SeedGenerator] = {}
    original = keras.random.SeedGenerator.next

    def ask(generator: keras.random.SeedGenerator, *args: Any, **kwargs: Any) -> Any:
        if generator is not global_state.get_global_attribute(GLOBAL):
            used[id(generator)] = generator
        return original(generator, *args, **kwargs)

    listed: list[keras.random.SeedGenerator] = []
    setattr(keras.random.SeedGenerator, "next", ask)  # noqa: B010 - a stub forbids it
    try:
        yield listed
    finally:
        setattr(keras.random.SeedGenerator, "next", original)  # noqa: B010
        listed.extend(used.values())


def named(model: keras.Model) -> Iterator[keras.random.SeedGenerator]:
    """Yield the generators that a model's layers hold."""
    for layer in model._flatten_layers():
        yield from getattr(layer, "_seed_generators", ())


def _tensorflows(model: keras.Model) -> list[tf.random.Generator]:
    """Return the generators of TensorFlow that layers hold, in the layers' order."""
    found: dict[int, tf.random.Generator] = {}
    for layer in model._flatten_layers():
        for value in vars(layer).values():
            if isinstance(value, tf.random.Generator):
                found.setdefault(id(value), value)
    return list(found.values())
