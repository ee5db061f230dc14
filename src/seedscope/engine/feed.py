"""Hand a group of runs its batches: every run has its own rows in its own order.

Runs that share a data set share one copy of it and differ in row numbers; where the
data differ, the sets lie behind each other in one table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.data.load import Examples
from seedscope.models import Objective

CHUNK = 128  # examples of each run that are scored at once
MEMORY = 2**28  # bytes of features that one call may train on

Tensor = Any


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
        self._orders = np.stack(orders).astype(np.int32)
        x = [fed(one.x) for one in sets]
        y = [objective.targets(one.y) for one in sets]
        self._x = tf.constant(x[0] if len(x) == 1 else np.concatenate(x))
        self._y = tf.constant(y[0] if len(y) == 1 else np.concatenate(y))
        # Training labels have a table of their own: label noise differs between runs.
        noisy = [objective.targets(one.y_train) for one in examples]
        self._y_train = tf.constant(np.concatenate(noisy))

    def batches(
        self, epoch: int, start: int, stop: int, size: int
    ) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Yield x, y of shape (steps, runs, size, ...) and how many steps count.

        Every x of an epoch's full batches has as many steps, so that one compiled
        function takes them all.
        """
        steps = (stop - start) // size
        row_bytes = self._x.dtype.size * int(np.prod(self._x.shape[1:]))
        most = max(1, MEMORY // (row_bytes * size * len(self._examples)))
        calls = -(-steps // most)
        each = -(-steps // calls)
        for first in range(0, steps, each):
            count = min(each, steps - first)
            begin = start + first * size
            chosen = self._orders[:, epoch, begin : begin + count * size]
            x_rows, y_rows = self._train_rows(chosen, size)
            if count < each:
                x_rows, y_rows = (
                    np.concatenate([rows, rows[: each - count]])
                    for rows in (x_rows, y_rows)
                )
            yield tf.gather(self._x, x_rows), tf.gather(self._y_train, y_rows), count

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

    def _train_rows(
        self, chosen: np.ndarray, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return row numbers of features and labels, shape (steps, runs, size)."""
        x_rows = np.empty(chosen.shape, np.int32)
        y_rows = np.empty(chosen.shape, np.int32)
        length = self._orders.shape[2]
        for run, (one, offset) in enumerate(
            zip(self._examples, self._offsets, strict=True)
        ):
            x_rows[run] = offset + one.parts.train[chosen[run]]
            y_rows[run] = run * length + chosen[run]
        shape = (len(chosen), -1, size)
        return tuple(
            rows.reshape(shape).transpose(1, 0, 2) for rows in (x_rows, y_rows)
        )


def fed(x: np.ndarray) -> np.ndarray:
    """Return features in the type they are fed in: the model's float, or integers."""
    return x.astype(keras.config.floatx(), copy=False) if x.dtype.kind == "f" else x
