"""Hand a group of runs its batches: every run has its own rows in its own order.

Runs that share a data set share one copy of it and differ in row numbers; where the
data differ, the sets lie behind each other in one table.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.task.data.load import Examples
from seedscope.task.objective import Objective

CHUNK = 128  # examples of each run that are scored at once
MEMORY = 2**28  # bytes of features that one call may train on

Tensor = Any


@dataclass(frozen=True)
class Batches:
    """The batches of some steps."""

    x: Tensor  # (steps, runs, batch, ...)
    y: Tensor  # (steps, runs, batch, ...)
    present: Tensor  # (steps, batch): 0 where a smaller batch is filled up, else 1
    steps: int  # that count; the others only make all calls of one shape


@dataclass(frozen=True)
class Chunk:
    """Some examples of each run to be scored."""

    x: Tensor  # (runs, CHUNK, ...)
    y: Tensor  # (runs, CHUNK, ...)
    present: Tensor  # (runs, CHUNK): 0 where a run has fewer examples, else 1


class Feed:
    """The examples of the runs of one group, as tensors."""

    def __init__(
        self,
        examples: Sequence[Examples],
        objective: Objective,
        orders: Sequence[np.ndarray],
    ) -> None:
        """Lay out the tables.

        Args:
            examples: of each run.
            objective: gives the labels the shape of the outputs.
            orders: of each run, shape (epochs, examples).
        """
        offsets: dict[str, int] = {}
        sets: list[Examples] = []
        length = 0
        for one in examples:
            if one.digests["data"] not in offsets:
                offsets[one.digests["data"]] = length
                sets.append(one)
                length += len(one.x)
        self._offsets = [offsets[one.digests["data"]] for one in examples]
        self._examples = examples
        self._orders = orders
        rows = [
            offset + one.parts.train
            for one, offset in zip(examples, self._offsets, strict=True)
        ]
        self._train = np.stack(rows).astype(np.int32)
        x = [fed(one.x) for one in sets]
        y = [objective.targets(one.y) for one in sets]
        self._x = tf.constant(x[0] if len(x) == 1 else np.concatenate(x))
        self._y = tf.constant(y[0] if len(y) == 1 else np.concatenate(y))
        # Training labels have a table of their own: label noise differs between runs.
        noisy = [objective.targets(one.y_train) for one in examples]
        self._y_train = tf.constant(np.concatenate(noisy))

    def batches(
        self, epoch: int, bounds: Sequence[tuple[int, int]]
    ) -> Iterator[Batches]:
        """Yield the batches of an epoch between bounds, as many as one call takes.

        Args:
            epoch: which of the orders.
            bounds: where each step starts and stops; a smaller last batch is filled up.
        """
        size = bounds[0][1] - bounds[0][0]
        row_bytes = self._x.dtype.size * math.prod(
            size or 1 for size in self._x.shape[1:].as_list()
        )
        each = steps_in_call(len(bounds), row_bytes * size * len(self._examples))
        order = np.stack([orders[epoch] for orders in self._orders])
        x_rows = np.take_along_axis(self._train, order, axis=1)
        runs, count = order.shape
        y_rows = order + count * np.arange(runs)[:, None]
        for first in range(0, len(bounds), each):
            starts, stops = np.array(bounds[first : first + each]).T
            missing = each - len(starts)  # every call takes as many steps
            starts, stops = np.pad(starts, (0, missing)), np.pad(stops, (0, missing))
            places = starts[:, None] + np.arange(size)
            present = places < stops[:, None]
            chosen = np.where(present, places, starts[:, None])
            yield Batches(
                tf.gather(self._x, x_rows[:, chosen].swapaxes(0, 1)),
                tf.gather(self._y_train, y_rows[:, chosen].swapaxes(0, 1)),
                tf.constant(present, keras.config.floatx()),
                each - missing,
            )

    def chunks(self, part: str) -> Iterator[Chunk]:
        """Yield the examples of a part, validation or test."""
        rows = [getattr(one.parts, part) for one in self._examples]
        for first in range(0, max(map(len, rows)), CHUNK):
            chosen = np.zeros((len(rows), CHUNK), np.int32)
            present = np.zeros((len(rows), CHUNK), keras.config.floatx())
            for run, (own, offset) in enumerate(zip(rows, self._offsets, strict=True)):
                here = own[first : first + CHUNK]
                chosen[run] = offset + own[0]  # fills up with any row that exists
                chosen[run, : len(here)] = offset + here
                present[run, : len(here)] = 1
            x, y = tf.gather(self._x, chosen), tf.gather(self._y, chosen)
            yield Chunk(x, y, tf.constant(present))


def steps_in_call(steps: int, batch_bytes: int) -> int:
    """Return how many of an epoch's steps one call takes, within MEMORY."""
    calls = -(-steps * batch_bytes // MEMORY)
    return -(-steps // min(max(calls, 1), steps))


def fed(x: np.ndarray) -> np.ndarray:
    """Return features in the type they are fed in: the model's float, or integers."""
    return x.astype(keras.config.floatx(), copy=False) if x.dtype.kind == "f" else x
