"""What a run leaves behind: the waist between training and everything after.

Engines write traces; tracking stores them; nothing after that looks
back at how they were made.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from seedscope.study.words import Run


@dataclass(frozen=True)
class Predictions:
    """The model's answers on the test set after the last epoch."""

    examples: np.ndarray  # (examples,) row numbers in the data set
    targets: np.ndarray  # (examples,) true labels or values
    outputs: np.ndarray  # (examples, outputs) probabilities, or values in regression
    labels: np.ndarray | None  # (examples,) predicted class; None in regression


@dataclass(frozen=True)
class Trace:
    """Everything that one finished run leaves behind.

    Losses and metrics are raw: `batch` holds the value of that very batch, `train` the
    mean of an epoch's batches weighted by their examples (which is what Keras'
    `History` means by it), `val` and `test` one pass with the weights at rest.
    """

    run: Run
    steps_per_epoch: int
    batch: Mapping[str, np.ndarray]  # name -> (steps,)
    batch_reported: Mapping[str, np.ndarray]  # name -> (steps,), as the API says it
    train: Mapping[str, np.ndarray]  # name -> (epochs,)
    val: Mapping[str, np.ndarray]  # name -> (epochs,); empty without validation data
    test: Mapping[str, float]
    weights_sha256: tuple[str, ...]  # before training, then after each epoch
    predictions: Predictions
    digests: Mapping[str, str]  # what was drawn: data, split, order
    seconds: float  # training alone
    facts: Mapping[str, str] = field(default_factory=dict)  # engine, threads, device
    weights: np.ndarray | None = None  # (snapshots, parameters), when kept, in floatx

    @property
    def diverged(self) -> bool:
        """Tell whether a loss or an output stopped being a finite number."""
        values = [*self.batch.values(), *self.val.values(), [*self.test.values()]]
        finite = all(np.isfinite(value).all() for value in values)
        return not (finite and np.isfinite(self.predictions.outputs).all())


def digest(arrays: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 of arrays: values, types and shapes, in order."""
    sha = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
