"""What a run leaves behind: the waist between training and everything after.

Engines write traces; the store keeps them; nothing after that looks back at how they
were made. A run of the user's own program may leave less than one of ours: all but its
scores is optional, and what is missing is absent, never zero.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seedscope.study.words import Run

TEST = "test/"  # how the names of scores on the test set begin


@dataclass(frozen=True)
class Predictions:
    """The model's answers on the test set after the last epoch."""

    examples: np.ndarray  # (examples,) row numbers in the data set
    targets: np.ndarray | None  # (examples,) true labels or values, where known
    outputs: np.ndarray  # (examples, outputs) probabilities, or values in regression
    labels: np.ndarray | None  # (examples,) predicted class; None in regression


@dataclass(frozen=True)
class Logged:
    """What a program of the user's own logged to MLflow by itself."""

    metrics: Mapping[str, Sequence[tuple[int, float]]]  # name -> (step, value)
    params: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Trace:
    """What one finished run leaves behind.

    Losses and metrics are raw: `batch` holds the value of that very batch, `train` the
    mean of an epoch's batches weighted by their examples (which is what Keras'
    `History` means by it), `val` and the scores under `test/` one pass with the weights
    at rest. Every curve counts from the first step; one may be shorter than another.
    """

    run: Run
    scores: Mapping[str, float]  # whole name (test/accuracy, bleu) -> final value
    steps_per_epoch: int | None = None
    batch: Mapping[str, np.ndarray] = field(default_factory=dict)  # name -> (steps,)
    batch_reported: Mapping[str, np.ndarray] = field(default_factory=dict)  # by the API
    train: Mapping[str, np.ndarray] = field(default_factory=dict)  # name -> (epochs,)
    val: Mapping[str, np.ndarray] = field(default_factory=dict)  # name -> (epochs,)
    weights_sha256: tuple[str, ...] = ()  # before training, then after each epoch
    predictions: Predictions | None = None
    digests: Mapping[str, str] = field(default_factory=dict)  # draw -> what was drawn
    seconds: float | None = None  # training alone
    step_seconds: float | None = None  # of a step, in epochs in which nothing is traced
    facts: Mapping[str, str] = field(default_factory=dict)  # engine, threads, device
    machine: Mapping[str, str] = field(default_factory=dict)  # where it is not ours
    weights: np.ndarray | None = None  # (snapshots, parameters), when kept, in floatx
    logged: Logged | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)  # artifact -> content
    told: tuple[str, ...] = ()  # what a reader of the study should know
    lead: str | None = None  # the score to lead with, where the study names none

    @property
    def test(self) -> dict[str, float]:
        """Return the scores on the test set by their short names."""
        return {
            name.removeprefix(TEST): value
            for name, value in self.scores.items()
            if name.startswith(TEST)
        }

    @property
    def diverged(self) -> bool:
        """Tell whether a loss or an output stopped being a finite number."""
        values = [*self.batch.values(), *self.val.values(), [*self.scores.values()]]
        if self.predictions is not None:
            values.append(self.predictions.outputs)
        return not all(np.isfinite(value).all() for value in values)


def on_test(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores on the test set by their whole names, as a trace holds them."""
    return {f"{TEST}{name}": value for name, value in scores.items()}


def digest(arrays: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 of arrays: values, types and shapes, in order."""
    sha = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
