"""Generators that stand in the user's modules and objects: where a run finds them.

A module is read once in a process, and what a run draws from a generator of it is gone
for the next one. So each run starts them anew: one of NumPy that was given a seed from
where the import left it, any other from a seed of the source that it is used for.
"""

import random
import sys
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study import code
from seedscope.study.seeds import stream_seed

GIVEN = 2**64  # a seed below was written by a person; others are 128 random bits
GLOBAL = np.random.mtrand._rand  # pyright: ignore - what `np.random.seed` sets
KINDS = (
    np.random.Generator,
    np.random.RandomState,
    random.Random,
    tf.random.Generator,
    keras.random.SeedGenerator,
)
SEEDLESS = (tf.random.Generator, keras.random.SeedGenerator)  # none knows if given one
_left: dict[int, tuple[Any, Any]] = {}  # generators and states, as the import left them


def start(seed: int, *, fixed: bool = False) -> None:
    """Start the generators of the user's modules anew.

    Args:
        seed: of the source at work, for those that were given none.
        fixed: those of which nobody knows if they were given one start as imported.
    """
    for name, generator in remember():
        unknown = isinstance(generator, SEEDLESS)
        if fixed if unknown else _is_given(generator):
            _put(generator, _left[id(generator)][1])
        else:
            _set(generator, stream_seed(seed, f"standing {name}"))


def remember() -> list[tuple[str, Any]]:
    """Note the state of each generator when it is first seen: as the import left it.

    Returns:
        All generators of the user's modules, by name.
    """
    found: dict[int, tuple[str, Any]] = {}
    for name, value in sorted(_named(), key=lambda pair: pair[0]):
        found.setdefault(id(value), (name, value))
    for number, (_, value) in found.items():
        if number not in _left:
            _left[number] = value, _state(value)
    return list(found.values())


def start_held(owner: Any, seed: int) -> None:
    """Start the generators of NumPy that an object holds, as if it were just made."""
    for name, value in vars(owner).items():
        if isinstance(value, np.random.Generator) and id(value) not in _left:
            made = value.bit_generator
            kind: Any = type(made)
            own = made.seed_seq if _is_given(value) else stream_seed(seed, name)
            made.state = kind(own).state


def _is_given(generator: Any) -> bool:
    """Tell whether a generator of NumPy or Python was given a seed."""
    if isinstance(generator, np.random.Generator):
        entropy = getattr(generator.bit_generator.seed_seq, "entropy", None)
        return isinstance(entropy, int) and entropy < GIVEN
    if isinstance(generator, np.random.RandomState):  # a given one needs no sequence
        return getattr(generator._bit_generator, "seed_seq", None) is None
    return True


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return deepcopy(generator.bit_generator.state)
    if isinstance(generator, np.random.RandomState):
        return generator.get_state()
    if isinstance(generator, random.Random):
        return generator.getstate()
    return np.asarray(generator.state).copy()


def _put(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = deepcopy(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.state.assign(state)


def _set(generator: Any, seed: int) -> None:
    if isinstance(generator, np.random.Generator):
        kind: Any = type(generator.bit_generator)
        generator.bit_generator.state = kind(seed).state
    elif isinstance(generator, tf.random.Generator):
        generator.reset_from_seed(seed)
    elif isinstance(generator, keras.random.SeedGenerator):
        generator.state.assign(np.asarray([seed, 0], np.uint32))
    else:
        generator.seed(seed)


def _named() -> Iterator[tuple[str, Any]]:
    """Yield the generators of the user's modules, and of classes in them, by name."""
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType) or not _is_users(module):
            continue
        for name, value in list(vars(module).items()):
            if isinstance(value, type) and value.__module__ == module.__name__:
                inner = [(f"{name}.{n}", held) for n, held in vars(value).items()]
            else:
                inner = [(name, value)]
            for place, held in inner:
                if isinstance(held, KINDS) and held is not GLOBAL:
                    yield f"{module.__name__}.{place}", held


def _is_users(module: ModuleType) -> bool:
    file = vars(module).get("__file__")
    return isinstance(file, str) and _holds_users_code(file)


@cache
def _holds_users_code(file: str) -> bool:
    return code.is_users(file)
