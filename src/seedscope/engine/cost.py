"""Estimate what training costs, to choose the width of groups and between engines.

A group of `width` runs costs compile + steps x (a + b x width) seconds; its last group
is filled up, so runs count in whole groups. benchmarks/batched.py fits the constants.
Whatever is chosen must depend on the plan alone: an engine or width that depended on
how many runs are left to train would give a study other bits when it is started again.
"""

import math
from dataclasses import dataclass

import keras

GROUP_WORK = (
    2e7  # multiply-adds of a group's step beyond which wider groups gain nothing
)
LEAST_WIDTH, MOST_WIDTH = 8, 256


@dataclass(frozen=True)
class Cost:
    """The cost of one kind of run, in seconds of one core."""

    compile: float
    step: float  # a: of a step of a group, whatever its width
    run_step: float  # b: of a step, for each run of the group

    def seconds(self, runs: int, steps: int, width: int) -> float:
        """Return what it costs to train runs of so many steps in groups."""
        groups = math.ceil(runs / width)
        return self.compile + groups * steps * (self.step + self.run_step * width)


def multiply_adds(model: keras.Model, batch_size: int) -> int:
    """Return the multiplications of the forward pass of one batch, roughly.

    Every element of a kernel counts once for each place that it is laid on.
    """
    total = 0
    for layer in model._flatten_layers():
        own = sum(math.prod(v.shape) for v in layer._trainable_variables)
        total += own * _places(layer)
    return batch_size * total


def group_width(model: keras.Model, batch_size: int) -> int:
    """Return how many runs make a group: a power of two, fewer of larger models."""
    work = max(multiply_adds(model, batch_size), 1)
    power = 2 ** math.floor(math.log2(max(GROUP_WORK / work, 1)))
    return min(max(power, LEAST_WIDTH), MOST_WIDTH)


def _places(layer: keras.Layer) -> int:
    """Return at how many places of an image or series a layer's kernel is used."""
    given = getattr(layer, "output", None)  # layers inside layers have none
    if given is None or len(given.shape) < 3:
        return 1
    return math.prod(size or 1 for size in given.shape[1:-1])
