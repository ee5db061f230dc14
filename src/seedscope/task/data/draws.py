"""Whose draw it is, while the user's function makes data.

What it draws itself, by NumPy, Python or TensorFlow, is data. What its pipelines draw
is not: the order of `Dataset.shuffle` and of the folder loaders of `keras.utils`
follows `shuffle`; what functions of a pipeline draw, by operations and by layers of
Keras, follows `augmentation`. A seed that is given is kept.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.random import seed_generator
from tensorflow.python.data.util import random_seed as of_datasets
from tensorflow.python.framework import random_seed as of_operations

from seedscope.study.seeds import stream_seed
from seedscope.task.initial import replaced

LOADERS = "keras.src.utils."  # where the loaders of folders and of series live


@contextmanager
def drawing(seeds: Mapping[str, int]) -> Iterator[Callable[[], bool]]:
    """Give what is drawn meanwhile the seeds of a run.

    Args:
        seeds: source -> seed.

    Yields:
        a function that tells whether an operation inside a pipeline draws: with a seed
        it draws the same numbers in every epoch.
    """
    count: Counter[str] = Counter()
    of_each, randint = of_operations.get_seed, np.random.randint

    def stream(kind: str, source: str) -> int:
        count[kind] += 1
        return stream_seed(seeds[source], kind, count[kind])

    def of_dataset(seed: Any) -> tuple[Any, Any]:
        if seed is None:
            caller = sys._getframe(1).f_globals["__name__"]
            draws = caller.endswith("random_op")  # Dataset.random: numbers, no order
            seed = stream("order", "augmentation" if draws else "shuffle")
        first = of_operations.DEFAULT_GRAPH_SEED
        return tf.constant(first, tf.int64), tf.cast(seed, tf.int64)

    def of_operation(seed: Any) -> Any:
        if tf.executing_eagerly():
            return of_each(seed)
        if seed is None:
            return stream("operation", "augmentation"), 1
        return of_operations.DEFAULT_GRAPH_SEED, seed

    def of_loader(*args: Any, **kwargs: Any) -> Any:
        if sys._getframe(1).f_globals["__name__"].startswith(LOADERS):
            chosen = np.random.RandomState(stream("loader", "shuffle"))
            return chosen.randint(*args, **kwargs)
        return randint(*args, **kwargs)

    keras.utils.set_random_seed(stream_seed(seeds["data"], "loader"))
    patches = (
        (of_datasets, "get_seed", of_dataset),
        (of_operations, "get_seed", of_operation),
        (np.random, "randint", of_loader),
        (
            seed_generator,
            "make_default_seed",
            lambda: stream("generator", "augmentation"),
        ),
    )
    with ExitStack() as stack:
        for owner, name, new in patches:
            stack.enter_context(replaced(owner, name, new))
        yield lambda: count["operation"] > 0
