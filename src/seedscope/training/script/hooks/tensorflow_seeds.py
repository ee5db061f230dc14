"""The seeds of TensorFlow: stateful operations, datasets, `tf.random.Generator`.

Every stateful operation asks one function for its two numbers. The global seed that a
script sets is not passed on: with it `fit` would walk through one order in every epoch,
which is not the training that the script means.
"""

import threading
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import random_seed

from seedscope.training.script import stack
from seedscope.training.script.ledger import Ledger
from seedscope.training.script.patching import patch
from seedscope.training.script.stack import Progress

BY_ELEMENT = (
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "random_gamma",
    "random_shuffle",
)
BETWEEN = ("call", "get_seed")
REPEATS = (
    "draws in a pipeline by an operation whose seed cannot change from epoch to epoch: "
    "it repeats its draws in each"
)


class Local(threading.local):
    """What a thread is doing; the hooks of pipelines share it."""

    own = False  # the operation that is made is ours
    drew = False  # an operation of the function that is traced drew
    element: Any = None  # the random number of the element that is mapped
    number: int = 0  # of the mapped dataset
    place: int = 0  # draws in the mapped function so far


def install(ledger: Ledger, progress: Progress) -> Local:
    """Give every operation without a seed the stream of its source."""
    local = Local()

    @patch(random_seed, "get_seed")
    def _(old: Any, op_seed: Any) -> Any:
        if local.own:
            return old(op_seed)
        if op_seed is not None:
            if not isinstance(op_seed, tf.Tensor):
                ledger.pin("tf operation", op_seed, stack.line())
            return old(op_seed)
        asks = next(
            f.f_code for f in stack.frames(3) if f.f_code.co_name not in BETWEEN
        )
        if (
            asks.co_name == "_make_one_shot_iterator"
        ):  # its seeds stand beside the map's
            return 1, 1
        if local.element is not None:  # traced again: see pipelines
            if asks.co_name not in BY_ELEMENT:
                ledger.remarks[f"{stack.line()} {REPEATS}"] += 1
            return ledger.quiet("augmentation", "tf graph"), 1
        if asks.co_name == "random_shuffle":
            source = stack.source("order")
            source = progress.order() if source in ("order", "dropout") else source
        else:
            source = stack.source(progress.noise())
        local.drew = True
        line = f"{stack.line()} {_operation(asks)}"
        return ledger.quiet(source, "tf graph"), ledger.take(source, "tf", line)

    @patch(context, "set_global_seed")
    def _(old: Any, seed: Any) -> None:
        ledger.replace("tf.random.set_seed", seed, stack.line())

    @patch(tf.random.Generator, "from_non_deterministic_state")
    def _(old: Any, alg: Any = None) -> Any:
        source = stack.source(progress.noise())
        line = f"{stack.line()} tf.random.Generator"
        seed = ledger.take(source, "tf generator", line)
        return tf.random.Generator.from_seed(seed, *([alg] if alg else []))

    return local


def _operation(code: Any) -> str:
    """Return the name of an operation by the function that makes it."""
    if code.co_filename.endswith("shuffle_op.py"):
        return "Dataset.shuffle"
    if code.co_name == "__init__":
        return "tf.data"
    return f"tf.random.{code.co_name.removeprefix('random_')}"
