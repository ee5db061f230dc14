"""Keep what the batches and epochs of one run leave, while it trains."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.task.noise import left_alone
from seedscope.task.optimizer import told
from seedscope.trace.trace import Predictions, Trace, digest, on_test
from seedscope.training import runtime
from seedscope.training.sequential.prepare import Task

CHUNK = 1024  # examples that are scored at once


def stopped(losses: Sequence[float], patience: int) -> bool:
    """Tell whether early stopping ends a run after these validation losses."""
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    return bool(patience) and len(losses) - 1 - best >= patience


class Recorder:
    """The growing record of one run; `Trace` is made of it at the end."""

    def __init__(self, task: Task) -> None:
        examples = task.examples
        self.names = ("loss", *task.objective.metrics)
        self.sha256: list[str] = []
        self._model = task.built.model
        self._forward = task.forward
        self._objective = task.objective
        with left_alone(task.built.model):  # a layer may draw at rest as well
            self._at_once = _at_once(task)
        self._validation = (examples.x_validation, examples.y_validation)
        self._dtype = keras.config.floatx()
        self._raw: list[np.ndarray] = []
        self._reported: list[list[float]] = []
        self._val: list[dict[str, float]] = []
        self._weights: list[np.ndarray] = []
        self._ends: list[list[float]] = [[]]  # when each step of each epoch ended
        self._traced = {0}  # epochs in which steps are traced
        self._after: Callable[[int], None] | None = None

    def start(self, keep_weights: str, patience: int) -> None:
        """Note the initial weights."""
        self._keep_weights = keep_weights
        self._patience = patience
        self._note_weights()

    @property
    def kind(self) -> str:
        """Return what is noted besides numbers, and when a run stops."""
        return f"{self._keep_weights} {self._patience}"

    def after_epoch(self, then: Callable[[int], None]) -> None:
        """Have a function called after each epoch that training goes on after.

        It is given the number of the epoch, from 1.
        """
        self._after = then

    def batch(self, raw: np.ndarray, reported: Mapping[str, Any]) -> None:
        """Note one batch: its own values, and what the training API says."""
        self._raw.append(np.array(raw))
        self._ends[-1].append(time.perf_counter())
        self._reported.append([float(reported[name]) for name in self.names])

    def epoch(self) -> bool:
        """Note the end of an epoch; return whether training should stop."""
        self._ends.append([])
        self._note_weights()
        x, y = self._validation
        if len(x):
            self._val.append(self.score(x, y)[1])
        stop = stopped([scores["loss"] for scores in self._val], self._patience)
        if self._after is not None and not stop:
            self._after(len(self.sha256) - 1)
        return stop

    def score(
        self, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Return the outputs for x and the loss and metrics against y, at rest."""
        x = x.astype(self._dtype, copy=False) if x.dtype.kind == "f" else x
        y = self._objective.targets(y)
        outputs, scores, sizes = [], [], []
        for first in range(0, len(x), self._at_once):
            rows = slice(first, first + self._at_once)
            answers, values = self._forward(tf.constant(x[rows]), tf.constant(y[rows]))
            outputs.append(answers.numpy())
            scores.append(values.numpy())
            sizes.append(len(answers))
        means = np.average(scores, axis=0, weights=sizes)
        means[0] += means[-1]  # the sum of regularization losses
        named = zip(self.names, map(float, means), strict=False)
        return np.concatenate(outputs), dict(named)

    def step_seconds(self) -> float | None:
        """Return the mean seconds from step to step after the first epoch.

        The first epoch of a process traces: a full batch, and a smaller one where it
        is the last.
        """
        untraced = [
            np.diff(ends)
            for epoch, ends in enumerate(self._ends)
            if epoch not in self._traced
        ]
        spent = np.concatenate(untraced or [[]])
        return float(spent.mean()) if len(spent) else None

    def raw(self) -> dict[str, np.ndarray]:
        """Return name -> (steps,) raw values."""
        return dict(zip(self.names, np.array(self._raw).T, strict=True))

    def reported(self) -> dict[str, np.ndarray]:
        """Return name -> (steps,) values as the training API reports them."""
        values = np.array(self._reported, np.float32).T
        return dict(zip(self.names, values, strict=True))

    def epoch_means(self, sizes: Sequence[int]) -> dict[str, np.ndarray]:
        """Return name -> (epochs,) means of the batches, weighted by their examples."""
        by_epoch = np.array(self._raw, np.float64).reshape(
            -1, len(sizes), len(self.names)
        )
        means = np.average(by_epoch, axis=1, weights=sizes)
        return dict(zip(self.names, means.T, strict=True))

    def validation(self) -> dict[str, np.ndarray]:
        """Return name -> (epochs,) scores on the validation examples."""
        if not self._val:
            return {}
        return {n: np.array([scores[n] for scores in self._val]) for n in self.names}

    def kept_weights(self) -> np.ndarray | None:
        """Return the kept weights, shape (snapshots, parameters)."""
        if self._keep_weights == "none":
            return None
        kept = self._weights if self._keep_weights == "epochs" else self._weights[-1:]
        return np.stack(kept)

    def held(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all that is noted, to be kept: arrays, and what JSON takes."""
        arrays = {"raw": np.array(self._raw), "reported": np.array(self._reported)}
        if self._weights:
            arrays["weights"] = np.stack(self._weights)
        plain = {
            "sha256": self.sha256,
            "val": self._val,
            "ends": self._ends,
            "traced": sorted(self._traced),
        }
        return arrays, plain

    def go_on(self, arrays: Mapping[str, np.ndarray], plain: Mapping[str, Any]) -> None:
        """Take what was noted before a run was cut off."""
        self._raw, self._reported = list(arrays["raw"]), arrays["reported"].tolist()
        self._weights = list(arrays["weights"]) if "weights" in arrays else []
        self.sha256, self._val = list(plain["sha256"]), list(plain["val"])
        self._ends = list(plain["ends"])
        self._traced = {*plain["traced"], len(self._ends) - 1}

    def _note_weights(self) -> None:
        values = [weight.numpy() for weight in self._model.weights]
        self.sha256.append(digest(values))
        if self._keep_weights != "none":
            flat = [v.ravel().astype(self._dtype) for v in values]
            self._weights.append(np.concatenate(flat))


def _at_once(task: Task) -> int:
    """Return how many examples are scored at once.

    Where a batch scores otherwise than its halves (examples of a batch see each other,
    a loss is no mean), scores are means over batches, as Keras makes them.
    """
    x, y = task.x[:32], task.y[:32]
    half = len(x) // 2

    def scored(rows: slice) -> list[np.ndarray]:
        return [np.asarray(part, np.float64) for part in task.forward(x[rows], y[rows])]

    whole = scored(slice(None))
    if not half or not all(np.isfinite(part).all() for part in whole):
        return CHUNK
    one, other = scored(slice(half)), scored(slice(half, None))
    outputs = np.concatenate([one[0], other[0]])
    scores = np.average([one[1], other[1]], axis=0, weights=[half, len(x) - half])
    alike = all(
        np.allclose(a, b, rtol=1e-3, atol=1e-4 * (1 + np.abs(b).max()))
        for a, b in zip((outputs, scores), whole, strict=True)
    )
    return CHUNK if alike else task.bounds[0][1]


def recording(
    model: keras.Model, recorder: Recorder, raw: Any
) -> keras.callbacks.Callback:
    """Return the callback that keeps each batch's own values while `fit` runs."""

    class Recording(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            recorder.batch(raw.numpy(), logs or {})

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            model.stop_training = recorder.epoch()

    return Recording()


def trace_of(run: Run, task: Task, recorder: Recorder, seconds: float) -> Trace:
    """Return what a trained run leaves."""
    examples = task.examples
    outputs, test = recorder.score(examples.x_test, examples.y_test)
    answers, labels = task.objective.answers(outputs)
    facts = runtime.facts() | runtime.facts_of_model(task.built.model)
    facts["engine"] = "sequential"
    facts |= task.built.facts()
    facts["optimizer"] = told(task.optimizer, run.settings.optimizer)
    facts["loss"] = task.objective.loss.name
    if task.perturbed:
        facts["perturbed_weight"] = task.perturbed
    return Trace(
        run=run,
        steps_per_epoch=len(task.bounds),
        batch=recorder.raw(),
        batch_reported=recorder.reported(),
        train=recorder.epoch_means([stop - start for start, stop in task.bounds]),
        val=recorder.validation(),
        scores=on_test(test),
        weights_sha256=tuple(recorder.sha256),
        predictions=Predictions(
            examples.test_rows,
            task.objective.truth(examples.y_test),
            answers.astype(np.float32),
            labels,
        ),
        digests=dict(examples.digests) | {"order": digest([task.orders])},
        seconds=seconds,
        step_seconds=recorder.step_seconds(),
        facts=facts,
        weights=recorder.kept_weights(),
    )
