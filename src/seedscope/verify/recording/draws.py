"""Count what a program draws, from which generator, and which seeds it sets itself.

Keras draws the seeds of initializers and layers from Python's generator, so a seed of
that one has an effect where only Keras draws. Operations of TensorFlow are counted as
they are made, not as often as they run.
"""

import os
import random
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.initializers import random_initializers
from keras.src.random import seed_generator
from numpy.random import bit_generator, mtrand
from tensorflow.python.framework import random_seed

from seedscope.verify.recording import frames
from seedscope.verify.recording.patching import put
from seedscope.verify.words import Draw, Record, SeedSet

SEEDS = {  # generator -> which draws its seed decides
    "python": ("python", "keras"),
    "numpy": ("numpy",),
    "tensorflow": ("tensorflow",),
}
HASH = "PYTHONHASHSEED"
NOT_DRAWS = ("seed", "get_state", "set_state", "getstate", "setstate")
_whose = lru_cache(maxsize=None)(frames.of_whom)


class Draws:
    """What one program draws and seeds."""

    def __init__(self) -> None:
        self._drawn: Counter[tuple[str, str, str, bool]] = Counter()
        self._seeds: list[tuple[tuple[str, ...], str, str, list[int]]] = []
        self._under: dict[str, list[list[int]]] = {}  # drawn generator -> counters
        self._quiet = 0
        self._hash = os.environ.get(HASH)
        self._numpy = _numpy_state()

    def install(self) -> None:
        """Count from now on."""
        self._python()
        self._numpy_draws()
        self._tensorflow()
        self._keras()
        self._system()
        every = ("python", "numpy", "tensorflow")
        for owner, name, call, generators in (
            (keras.utils, "set_random_seed", "keras.utils.set_random_seed", every),
            (random, "seed", "random.seed", ("python",)),
            (np.random, "seed", "np.random.seed", ("numpy",)),
            (tf.random, "set_seed", "tf.random.set_seed", ("tensorflow",)),
        ):
            self._seeding(owner, name, call, generators)

    def finish(self, record: Record) -> None:
        """Write down what was counted."""
        if "numpy" not in self._under and not self._count("numpy"):
            state = _numpy_state()
            if state != self._numpy:
                self._add("numpy", "a library that was given no random_state", None)
        record.draws = [
            Draw(generator, call, place, count, seeded)
            for (generator, call, place, seeded), count in self._drawn.items()
        ]
        record.seeds_set = [
            SeedSet(" ".join(generators), call, place, counter[0])
            for generators, call, place, counter in self._seeds
        ]
        now = os.environ.get(HASH)
        if now is not None and now != self._hash:
            call = f"os.environ[{HASH!r}]={now!r}"
            record.seeds_set.append(SeedSet("hash", call, "the program", 0))

    # ---- counting ------------------------------------------------------------------

    def _count(self, generator: str) -> int:
        return sum(n for (name, *_), n in self._drawn.items() if name == generator)

    def _add(self, generator: str, call: str, seeded: bool | None) -> None:
        counters = self._under.get(generator, [])
        known = bool(counters) if seeded is None else seeded
        place = frames.caller()
        self._drawn[generator, call, str(place or "a library"), known] += 1
        for counter in counters:
            counter[0] += 1

    def _counting(
        self, owner: Any, name: str, generator: str, call: str, seeded: bool | None
    ) -> None:
        original = getattr(owner, name)

        def drawing(*args: Any, **kwargs: Any) -> Any:
            if not self._quiet and self._is_the_programs():
                self._add(generator, call, seeded)
            return original(*args, **kwargs)

        put(owner, name, drawing)

    def _is_the_programs(self) -> bool:
        """Leave out what the standard library draws for itself (names of files)."""
        caller = sys._getframe(2).f_code.co_filename
        return "site-packages" in caller or _whose(caller) != "library"

    def _seeding(
        self, owner: Any, name: str, call: str, generators: tuple[str, ...]
    ) -> None:
        original = getattr(owner, name)

        def seeding(*args: Any, **kwargs: Any) -> Any:
            if not self._quiet:
                self._set(generators, call)
            self._quiet += 1
            try:
                return original(*args, **kwargs)
            finally:
                self._quiet -= 1

        put(owner, name, seeding)

    def _set(self, generators: tuple[str, ...], call: str) -> None:
        counter = [0]
        for generator in generators:
            for drawn in SEEDS[generator]:
                self._under[drawn] = [counter]
        place = frames.caller()
        if place is not None and _whose(place.file) == "user":
            self._seeds.append((generators, call, str(place), counter))

    # ---- the generators ------------------------------------------------------------

    def _python(self) -> None:
        for name in dir(random):
            bound = getattr(getattr(random, name), "__self__", None)
            if bound is random._inst and name not in NOT_DRAWS:
                self._counting(random, name, "python", f"random.{name}", None)

    def _numpy_draws(self) -> None:
        for name in dir(np.random):
            bound = getattr(getattr(np.random, name), "__self__", None)
            if bound is mtrand._rand and name not in NOT_DRAWS:
                self._counting(np.random, name, "numpy", f"np.random.{name}", None)
        original = getattr(bit_generator, "randbits")  # noqa: B009 - in no stub

        def randbits(bits: int) -> int:
            self._add("numpy_fresh", "np.random.default_rng() or alike", False)
            return original(bits)

        put(bit_generator, "randbits", randbits)

    def _tensorflow(self) -> None:
        original = random_seed.get_seed

        def get_seed(op_seed: Any) -> Any:
            if not self._quiet:
                name = sys._getframe(1).f_code.co_name.strip("_")
                seeded = True if op_seed is not None else None
                self._add("tensorflow", _who_asks(name), seeded)
            return original(op_seed)

        put(random_seed, "get_seed", get_seed)
        kind = tf.random.Generator
        fresh = kind.from_non_deterministic_state

        def from_non_deterministic_state(*args: Any, **kwargs: Any) -> Any:
            self._add("tensorflow", "Generator.from_non_deterministic_state", False)
            return fresh(*args, **kwargs)

        put(kind, "from_non_deterministic_state", from_non_deterministic_state)

    def _keras(self) -> None:
        for owner, what in (
            (random_initializers.random, "the seed of an initializer"),
            (seed_generator, "the seed of a layer's generator"),
        ):
            original = owner.make_default_seed

            def make(original: Callable[[], Any] = original, what: str = what) -> Any:
                if not self._quiet:
                    self._add("keras", what, None)
                self._quiet += 1
                try:
                    return original()
                finally:
                    self._quiet -= 1

            put(owner, "make_default_seed", make)

    def _system(self) -> None:
        for owner, name in ((os, "urandom"), (uuid, "uuid4")):
            call = f"{owner.__name__}.{name}"
            self._counting(owner, name, "system", call, False)


def _who_asks(name: str) -> str:
    """Name the operation that asks for a seed, by the function that does."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.endswith("shuffle_op.py"):
            return "Dataset.shuffle"
        if file.endswith("array_data_adapter.py"):
            return "the order in which fit takes arrays"
        frame = frame.f_back
    return f"tf.random ({name})"


def _numpy_state() -> tuple[bytes, int]:
    state: Any = mtrand._rand.get_state(legacy=False)
    inner = state["state"]
    return inner["key"].tobytes(), int(inner.get("pos", 0))
