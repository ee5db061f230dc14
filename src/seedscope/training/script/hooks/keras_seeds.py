"""The seeds of Keras: initializers, and the generators that layers own.

Keras takes both from Python's `random` when the object is made, so one layer more moves
the weights of the layers after it. Here each has a stream of its own. `keras.random`
without a seed uses one generator for everything; here each source has one.
"""

import threading
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf
from keras.src.initializers.random_initializers import RandomInitializer
from keras.src.initializers.random_initializers import random as backend_random
from keras.src.random import seed_generator

from seedscope.training.script import stack
from seedscope.training.script.ledger import Ledger
from seedscope.training.script.patching import patch
from seedscope.training.script.stack import Progress


class Generators:
    """The generators that the script's layers own, and what became of them."""

    def __init__(self) -> None:
        self.origin: WeakKeyDictionary[Any, tuple[str, str, int | None]] = (
            WeakKeyDictionary()
        )
        self.asked: dict[int, bool] = {}

    def pinned(self, generator: Any) -> bool:
        """Tell whether the script gave this generator its seed."""
        return self.origin.get(generator, ("", "", None))[0] == "pinned"


def install(ledger: Ledger, progress: Progress) -> Generators:
    """Give initializers and generators of layers the streams of their sources."""
    found, local = Generators(), threading.local()

    handed: dict[int, tuple[str, str, int]] = {}  # seeds that a layer passes on itself

    def initializer_seed() -> int:
        if not stack.on_stack("initializers/random_initializers.py"):  # RandomCrop
            value = generator_seed()
            handed[value] = local.origin
            return value
        return ledger.take("init", "initializer", f"{stack.line()} initializer")

    def generator_seed() -> int:
        source = stack.source(progress.noise())
        value = ledger.quiet(source, "generator")
        local.origin = (source, f"{stack.line()} {_owner()}", value)
        return value

    backend_random.make_default_seed = initializer_seed
    seed_generator.make_default_seed = generator_seed

    @patch(seed_generator.SeedGenerator, "__init__")
    def _(old: Any, self: Any, seed: Any = None, *args: Any, **options: Any) -> None:
        if isinstance(seed, int) and seed in handed:
            local.origin = handed.pop(seed)
        elif isinstance(seed, int):
            ledger.pin(_owner(), seed, stack.line())
            local.origin = ("pinned", "", seed)
        old(self, seed, *args, **options)
        found.origin[self] = local.origin

    @patch(RandomInitializer, "__init__")
    def _(old: Any, self: Any, seed: Any = None, *args: Any, **options: Any) -> None:
        if isinstance(seed, int):
            ledger.pin(type(self).__name__, seed, stack.line())
        old(self, seed, *args, **options)

    @patch(seed_generator.SeedGenerator, "next")
    def _(old: Any, self: Any, *args: Any, **options: Any) -> Any:
        tell(ledger, found, self)
        return old(self, *args, **options)

    _global_generators(progress)
    return found


def tell(ledger: Ledger, found: Generators, generator: Any) -> None:
    """Write down that a generator is used: a layer may own one and never ask it."""
    source, line, value = found.origin.get(generator, ("pinned", "", None))
    if source != "pinned" and not found.asked.get(id(generator)):
        found.asked[id(generator)] = True
        ledger.write(source, line, value)


def count_uses(ledger: Ledger, found: Generators) -> None:
    """Add how often each generator was asked, as its state counts it."""
    for generator, (source, line, _) in found.origin.items():
        if source == "pinned" or id(generator) not in found.asked:
            continue
        state = np.asarray(generator.state)
        if line.endswith("keras.random") or int(state[1]) < 2:
            continue  # the one generator of `keras.random` counts in another way
        ledger.drawn[source].count += int(state[1]) - 1
        ledger.drawn[source].lines[line] += int(state[1]) - 1


def _global_generators(progress: Progress) -> None:
    held: dict[str, Any] = {}

    def global_seed_generator() -> Any:
        source = stack.source(progress.noise())
        if source not in held:
            with tf.init_scope():
                held[source] = seed_generator.SeedGenerator()
        return held[source]

    seed_generator.global_seed_generator = global_seed_generator


def _owner() -> str:
    """Return the name of the layer that makes a generator."""
    for frame in stack.frames():
        this = stack.holder(frame)
        if isinstance(this, keras.Layer):
            return type(this).__name__
    return "keras.random"
