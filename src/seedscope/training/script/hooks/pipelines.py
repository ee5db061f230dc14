"""Functions of tf.data that draw: one random number per element, new in each epoch.

An operation with a seed inside `Dataset.map` would draw the same numbers in every epoch
(each epoch makes the function's kernels anew), and in any order where calls run side by
side. So a dataset of random numbers is zipped with the elements, and what is drawn for
an element depends on its number alone. A function that draws nothing stays as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.autograph.core import ag_ctx
from tensorflow.python.autograph.impl.api import autograph_artifact, tf_convert
from tensorflow.python.framework import random_seed
from tensorflow.python.ops import gen_random_ops
from tensorflow.python.ops.stateless_random_ops import (
    stateless_shuffle,
)

from seedscope.training.script import stack
from seedscope.training.script.hooks.keras_seeds import Generators
from seedscope.training.script.hooks.tensorflow_seeds import Local
from seedscope.training.script.ledger import Ledger, stream
from seedscope.training.script.patching import patch

FUNCTIONS = ("map", "flat_map", "interleave")


def install(ledger: Ledger, local: Local, generators: Generators) -> None:
    """Make functions of pipelines draw by element."""
    for name in FUNCTIONS:
        _by_element(ledger, local, name)
    _draws(local, generators)


def _by_element(ledger: Ledger, local: Local, name: str) -> None:
    @patch(tf.data.Dataset, name)
    def _(old: Any, self: Any, map_func: Any, *args: Any, **options: Any) -> Any:
        before, local.drew = local.drew, False
        try:
            plain = old(self, map_func, *args, **options)
            drew = local.drew
        finally:
            local.drew = before or local.drew
        if not drew or local.own:
            return plain
        function = tf_convert(map_func, ag_ctx.control_status_ctx())
        outer, number = local.element, ledger.quiet("augmentation", "map")
        seed = number if outer is None else outer + number
        beside = _beside(local, seed, inner=outer is not None)

        @autograph_artifact
        def with_number(element: Any, drawn: Any) -> Any:
            with _mapping(local, drawn, number):
                if type(element) is tuple:  # as tf.data takes them apart
                    return function(*element)
                return function(element)

        return old(tf.data.Dataset.zip((self, beside)), with_number, *args, **options)


def _beside(local: Local, seed: Any, inner: bool) -> Any:
    """Return a dataset of random numbers, others in each pass over it.

    The dataset inside another one's element is made anew for each element.
    """
    before, local.own = local.own, True
    try:
        return tf.data.Dataset.random(seed, rerandomize_each_iteration=not inner)
    finally:
        local.own = before


@contextmanager
def _mapping(local: Local, drawn: Any, number: int) -> Iterator[None]:
    before = local.element, local.number, local.place
    local.element, local.number, local.place = drawn, number, 0
    try:
        yield
    finally:
        local.element, local.number, local.place = before


def _draws(local: Local, generators: Generators) -> None:
    """Draw from the element's number wherever a function of a pipeline draws."""

    def key() -> Any:
        local.place += 1
        place = tf.constant(stream(0, local.number, local.place), tf.int64)
        return tf.stack([local.element, place])

    @patch(keras.random.SeedGenerator, "next")
    def _(old: Any, self: Any, ordered: bool = True) -> Any:
        if generators.pinned(self):
            return old(self, ordered)
        if local.element is not None:
            return key()
        if tf.inside_function() and stack.on_stack("data/ops/structured_function.py"):
            local.drew = True
        return old(self, ordered)

    @patch(gen_random_ops, "random_uniform")
    def _(old: Any, shape: Any, dtype: Any, *args: Any, **options: Any) -> Any:
        if _seeded(local, args, options):
            return old(shape, dtype, *args, **options)
        return tf.random.stateless_uniform(shape, key(), dtype=dtype)

    @patch(gen_random_ops, "random_standard_normal")
    def _(old: Any, shape: Any, dtype: Any, *args: Any, **options: Any) -> Any:
        if _seeded(local, args, options):
            return old(shape, dtype, *args, **options)
        return tf.random.stateless_normal(shape, key(), dtype=dtype)

    @patch(gen_random_ops, "truncated_normal")
    def _(old: Any, shape: Any, dtype: Any, *args: Any, **options: Any) -> Any:
        if _seeded(local, args, options):
            return old(shape, dtype, *args, **options)
        return tf.random.stateless_truncated_normal(shape, key(), dtype=dtype)

    @patch(gen_random_ops, "random_uniform_int")
    def _(old: Any, shape: Any, low: Any, high: Any, *args: Any, **options: Any) -> Any:
        if _seeded(local, args, options):
            return old(shape, low, high, *args, **options)
        return tf.random.stateless_uniform(shape, key(), low, high, low.dtype)

    @patch(gen_random_ops, "random_gamma")
    def _(old: Any, shape: Any, alpha: Any, *args: Any, **options: Any) -> Any:
        if _seeded(local, args, options):
            return old(shape, alpha, *args, **options)
        whole = tf.concat([shape, tf.shape(alpha)], 0)
        return tf.random.stateless_gamma(whole, key(), alpha, dtype=alpha.dtype)

    @patch(gen_random_ops, "random_shuffle")
    def _(old: Any, value: Any, *args: Any, **options: Any) -> Any:
        if _seeded(local, args, options):
            return old(value, *args, **options)
        return stateless_shuffle(value, key())


def _seeded(local: Local, args: tuple, options: dict) -> bool:
    """Tell whether an operation keeps its own seeds: no pipeline, or a pinned one."""
    seed = options.get("seed", args[0] if args else 0)
    return local.element is None or seed == random_seed.DEFAULT_GRAPH_SEED
