"""Choose the width of groups, and between the engines, by what a step computes.

Keras costs for each run a start, as it traces the step anew, and steps; a group costs
its program once, then steps that grow with its width, the copies that fill it up
included. Both are linear in the work that the traced step holds (work.py).

The constants are CPU seconds of the reference models (benchmarks/choice.py measures
them and checks the choice). They are the same on every machine and know nothing of what
is left to train: a study that is started again elsewhere gets the same bits. A program
counts as one that XLA has kept (training/cache.py).
"""

import math
from dataclasses import dataclass

from seedscope.training.batched.work import Work

LEAST_WIDTH, MOST_WIDTH = 8, 256  # a run's last digits may depend on the width
LARGEST = 2e8  # numbers of a group's step: more take gigabytes
NEAR = 2e7  # numbers of a group's step: more leave the caches
US = 1e-6


@dataclass(frozen=True)
class Cost:
    """CPU seconds of some runs that differ in seeds alone."""

    runs: int
    alone: float  # one by one
    grouped: float
    width: int  # of the groups


def cost(work: Work, steps: int, runs: int) -> Cost:
    """Return what runs cost in either way.

    Args:
        work: of a step.
        steps: of a run, over all epochs.
        runs: that are planned.
    """
    width = best_width(work, steps, runs)
    return Cost(
        runs, one_by_one(work, steps, runs), in_groups(work, steps, runs, width), width
    )


def best_width(work: Work, steps: int, runs: int) -> int:
    """Return the width with which runs cost least: a power of two."""
    powers = range(round(math.log2(LEAST_WIDTH)), round(math.log2(MOST_WIDTH)) + 1)
    widths = [2**power for power in powers]
    fit = [w for w in widths if w * (work.numbers + work.patches) <= LARGEST]
    return min(fit or widths[:1], key=lambda width: in_groups(work, steps, runs, width))


def one_by_one(work: Work, steps: int, runs: int) -> float:
    """Return the CPU seconds of runs that Keras trains."""
    start = 0.9 + 2.5e-3 * work.operations
    step = US * (
        1800
        + 1.8 * work.operations
        + 0.05e-3 * work.multiply_adds
        + 0.6e-3 * work.numbers
    )
    return runs * (start + steps * step)


def in_groups(work: Work, steps: int, runs: int, width: int) -> float:
    """Return the CPU seconds of runs in groups, their program included."""
    program = 0.5 + 10e-3 * work.operations
    groups = -(-runs // width)
    one = US * (
        7
        + 0.07e-3 * work.multiply_adds
        + 1.8e-3 * work.patches
        + 0.1e-3 * work.numbers
        + 1.4e-3 * work.hard
        + 0.2e-3 * work.random
    )
    far = math.log2(max(width * work.numbers / NEAR, 1))
    return program + groups * (
        0.15 + steps * (150 * US + width * one * (1 + 0.1 * far))
    )
