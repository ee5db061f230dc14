"""Whose value is it: how every variable of a model got the value that it starts with.

While the user's function runs, each initializer of Keras that has no seed draws from
the run's seed of the source `init`, in a stream of its own. So nothing has to be drawn
again afterwards: what the function sets stays (loaded weights, embeddings, moving
statistics), and what it copies from one layer to another is the copy that it means. The
origin of a weight is one of

    drawn      by an initializer of Keras, from the source `init`
    own        by the function or an initializer of its own: it follows `init` as well
    kept       set by the function, the same whatever the seed
    pinned     by an initializer with an integer `seed=`: given to one layer, so kept
    constant   zeros, ones, a matrix: nothing to draw
"""

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.backend.tensorflow import random as keras_seeds

from seedscope.study.seeds import stream_seed

NAMES = "object_name_uids"  # where Keras counts the layers that are called dense


class DefaultSeed(int):
    """A seed that Keras chose for a layer, not its user."""


@dataclass
class Draw:
    """One initial value: the variable, and what its initializer returned."""

    initializer: Any  # as it came, a Keras initializer or any callable
    ordinal: int  # in the order of creation
    variable: Any = None  # keras.Variable
    value: Any = None  # what the initializer returned; None: not seen

    @property
    def untouched(self) -> bool:
        """Tell whether the variable still holds what its initializer returned."""
        if self.value is None:
            return False
        now, drawn = np.asarray(self.variable), np.asarray(self.value)
        return now.tobytes() == drawn.astype(now.dtype).tobytes()


@dataclass
class Recording:
    """What happens while a model is made."""

    draws: list[Draw] = field(default_factory=list)
    made: list[Any] = field(default_factory=list)  # every Keras variable
    compiled: dict[int, tuple[Any, dict[str, Any]]] = field(default_factory=dict)


def of_keras(initializer: Any) -> bool:
    """Tell whether an initializer is one of Keras', not a user's."""
    return type(initializer).__module__.startswith("keras.")


def is_random(initializer: Any) -> bool:
    """Tell whether an initializer draws: all of Keras' that do hold a seed."""
    return hasattr(initializer, "_init_seed")


def seeded(initializer: Any, seed: Any) -> Any:
    """Return an initializer that is the same but for its seed."""
    fresh = copy.copy(initializer)
    fresh.seed = seed
    return fresh


def weight_seed(seed: int, ordinal: int) -> int:
    """Return the seed of one initial weight for a seed of the source `init`."""
    return stream_seed(seed, "weight", ordinal)


@contextmanager
def recording(seed: int) -> Iterator[Recording]:
    """Give the initial values that are drawn meanwhile their streams, and note them.

    Args:
        seed: of the source `init`.
    """
    recorded = Recording()
    add_weight, compile_ = keras.Layer.add_weight, keras.Model.compile
    make, default_seed = keras.Variable.__init__, keras_seeds.make_default_seed

    def add(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        args, kwargs, given = _initializer_of(layer, args, kwargs)
        draw = Draw(_without_seed_of(layer, given), len(recorded.draws))
        recorded.draws.append(draw)

        def initializer(shape: Any, dtype: Any = None) -> Any:
            chosen = draw.initializer
            if is_random(chosen) and not pinned(chosen):
                chosen = seeded(chosen, weight_seed(seed, draw.ordinal))
            value = chosen(shape, dtype=dtype)
            symbolic = tf.is_tensor(value) and not hasattr(value, "numpy")
            draw.value = None if symbolic else value
            return value

        kwargs["initializer"] = initializer
        draw.variable = add_weight(layer, *args, **kwargs)
        return draw.variable

    def noted(variable: Any, *args: Any, **kwargs: Any) -> None:
        make(variable, *args, **kwargs)
        recorded.made.append(variable)

    def compiled(model: keras.Model, *args: Any, **kwargs: Any) -> None:
        compile_(model, *args, **kwargs)
        recorded.compiled[id(model)] = (args, kwargs)

    patches = (
        (keras.Layer, "add_weight", add),
        (keras.Model, "compile", compiled),
        (keras.Variable, "__init__", noted),
        (keras_seeds, "make_default_seed", lambda: DefaultSeed(default_seed())),
    )
    with ExitStack() as stack:
        stack.enter_context(_fresh_names())
        for owner, name, new in patches:
            stack.enter_context(replaced(owner, name, new))
        yield recorded


def pinned(initializer: Any) -> bool:
    """Tell whether a user gave an initializer its seed."""
    return _given(getattr(initializer, "_init_seed", None))


def seed_is_given(generator: keras.random.SeedGenerator) -> bool:
    """Tell whether a user gave the generator of a layer its seed."""
    return _given(generator._initial_seed)


def _given(seed: Any) -> bool:
    if isinstance(seed, keras.random.SeedGenerator):
        seed = seed._initial_seed
    return seed is not None and not isinstance(seed, DefaultSeed)


def _initializer_of(
    layer: keras.Layer, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any], Any]:
    """Return the arguments of `add_weight` without the initializer, and that."""
    names = ("shape", "initializer", "dtype")
    kwargs = {**dict(zip(names, args, strict=False)), **kwargs}
    given = kwargs.pop("initializer", None)
    if given is None:
        dtype = kwargs.get("dtype") or layer.variable_dtype
        floats = "float" in keras.backend.standardize_dtype(dtype)
        given = "glorot_uniform" if floats else "zeros"
    return args[3:], kwargs, keras.initializers.get(given)


def _without_seed_of(layer: keras.Layer, initializer: Any) -> Any:
    """Return an initializer without the seed that its layer, not its user, gave it.

    EinsumDense makes a copy of its initializer, seed included, to tell it the axes.
    """
    seed = getattr(initializer, "_init_seed", None)
    for own in vars(layer).values():
        if seed is not None and is_random(own) and not pinned(own) and own.seed == seed:
            initializer = copy.copy(initializer)
            initializer._init_seed = None
    return initializer


@contextmanager
def _fresh_names() -> Iterator[None]:
    """Count names from the start: they are a run's own, whatever was made before."""
    before = global_state.get_global_attribute(NAMES)
    global_state.set_global_attribute(NAMES, defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute(NAMES, before)


@contextmanager
def replaced(owner: Any, name: str, new: Any) -> Iterator[None]:
    """Put something in the place of `owner.name` meanwhile."""
    own = vars(owner).get(name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        if own is None:  # it was inherited
            delattr(owner, name)
        else:
            setattr(owner, name, own)
