"""Keep what the batches and epochs of a group leave, and take it apart into traces."""

import hashlib
from collections.abc import Sequence
from functools import cached_property

import keras
import numpy as np

from seedscope.trace.trace import Predictions, Trace, digest, on_test
from seedscope.training import runtime
from seedscope.training.batched.group import Group
from seedscope.training.sequential.recording import stopped


class GroupRecorder:
    """The growing record of the runs of one group."""

    def __init__(self, group: Group, keep_weights: str) -> None:
        self.active = np.ones(len(group.runs), bool)  # not stopped early
        self._group = group
        self._keep_weights = keep_weights
        self._names = ("loss", *group.program.objective.metrics)
        self._epochs = np.zeros(len(group.runs), int)  # that each run trained
        self._raw: list[np.ndarray] = []  # of each epoch: (steps, runs, names)
        self._val: list[np.ndarray] = []  # of each epoch: (runs, names)
        self._sha256: list[list[str]] = []
        self._weights: list[np.ndarray] = []  # (runs, parameters)

    def note_batches(self, values: np.ndarray) -> None:
        """Note an epoch's raw values, shape (steps, runs, names)."""
        self._raw.append(values)
        self._epochs += self.active

    def note_weights(self) -> None:
        """Note digests of the weights as they are now, and the weights if kept."""
        weights = self._group.program.weights(self._group.state)
        weights = [values[: len(self.active)] for values in weights]
        self._sha256.append(weight_digests(weights))
        if self._keep_weights != "none":
            dtype = keras.config.floatx()
            flat = [v.reshape(len(v), -1).astype(dtype) for v in weights]
            self._weights.append(np.concatenate(flat, axis=1))
            if self._keep_weights == "final":
                del self._weights[:-1]

    def note_validation(self, values: np.ndarray) -> None:
        """Note scores, shape (runs, names), and stop the runs that get no better."""
        self._val.append(values)
        patience = self._group.loop.patience
        for run in np.flatnonzero(self.active):
            losses = [scores[run, 0] for scores in self._val]
            self.active[run] = not stopped(losses, patience)

    def trace(
        self, number: int, outputs: np.ndarray, test: np.ndarray, seconds: float
    ) -> Trace:
        """Return the trace of one run; its curves end where it was stopped."""
        group, epochs = self._group, self._epochs[number]
        examples, goal = group.examples[number], group.program.objective
        answers, labels = goal.answers(outputs)
        sizes = [stop - start for start, stop in group.bounds]
        raw = self._by_run[number, :epochs]
        means = np.average(raw.astype(np.float64), axis=1, weights=sizes)
        batch = self._named(raw.reshape(-1, len(self._names)))
        reported = batch
        if group.runs[number].settings.loop.name == "fit":
            running = _running_means(raw, sizes)
            reported = self._named(running.reshape(-1, len(self._names)))
        val = [scores[number] for scores in self._val[:epochs]]
        return Trace(
            run=group.runs[number],
            steps_per_epoch=len(sizes),
            batch=batch,
            batch_reported=reported,
            train=self._named(means),
            val=self._named(np.array(val)) if val else {},
            scores=on_test(dict(zip(self._names, map(float, test), strict=True))),
            weights_sha256=tuple(s[number] for s in self._sha256[: epochs + 1]),
            predictions=Predictions(
                examples.test_rows,
                goal.truth(examples.y_test),
                answers.astype(np.float32),
                labels,
            ),
            digests=dict(examples.digests) | {"order": digest([group.orders[number]])},
            seconds=seconds,
            facts=self._facts(number),
            weights=self._kept_weights(number, epochs),
        )

    @cached_property
    def _by_run(self) -> np.ndarray:
        """All raw values when training has ended: (runs, epochs, steps, names)."""
        return np.ascontiguousarray(np.moveaxis(np.stack(self._raw), 2, 0))

    def _named(self, values: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self._names, values.T, strict=True))

    def _facts(self, number: int) -> dict[str, str]:
        group = self._group
        facts = runtime.facts() | {
            "engine": "batched",
            "group_width": str(group.program.width),
            "jit": "True",
        }
        facts |= group.program.built.facts()
        facts["optimizer"] = group.program.optimizer(group.runs[number])
        facts["loss"] = group.program.objective.loss.name
        if perturbed := group.perturbed[number]:
            facts["perturbed_weight"] = perturbed
        return facts

    def _kept_weights(self, number: int, epochs: int) -> np.ndarray | None:
        if self._keep_weights == "none":
            return None
        kept = self._weights
        if self._keep_weights == "epochs":
            kept = kept[: epochs + 1]
        return np.stack([weights[number] for weights in kept])


def weight_digests(weights: Sequence[np.ndarray]) -> list[str]:
    """Return what `trace.digest` returns for each run's weights.

    Args:
        weights: of shape (runs, ...).
    """
    runs = len(weights[0])
    columns = []
    for values in weights:
        shape = values.shape[1:] or (1,)  # as NumPy makes of a single number
        header = np.frombuffer(f"{values.dtype.str}{shape}".encode(), np.uint8)
        columns.append(np.broadcast_to(header, (runs, len(header))))
        columns.append(np.ascontiguousarray(values).reshape(runs, -1).view(np.uint8))
    return [hashlib.sha256(row).hexdigest() for row in np.concatenate(columns, axis=1)]


def _running_means(raw: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return what `fit` reports after each batch: means over the epoch so far.

    Args:
        raw: shape (epochs, steps, names).
        sizes: examples in each step's batch.
    """
    weights = np.array(sizes, raw.dtype)[:, None]
    return np.cumsum(raw * weights, axis=1, dtype=raw.dtype) / np.cumsum(
        weights, axis=0
    )
