"""Keep what Keras reports of a run that it trains by its own methods."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from seedscope.trace.trace import digest
from seedscope.training.sequential.recording import stopped

VALIDATION = "val_"  # how Keras begins the names of validation scores


class OwnRecord:
    """The growing record of one run."""

    def __init__(self, model: keras.Model, keep_weights: str, patience: int) -> None:
        self.sha256: list[str] = []
        self._model = model
        self._keep = keep_weights
        self._patience = patience
        self._batches: list[dict[str, float]] = []
        self._epochs: list[dict[str, float]] = []
        self._weights: list[np.ndarray] = []
        self._note_weights()

    def batch(self, logs: Mapping[str, Any] | None) -> None:
        """Note what is reported after a batch: running means since the epoch began."""
        self._batches.append(scalars(logs or {}))

    def epoch(self, logs: Mapping[str, Any] | None) -> bool:
        """Note the end of an epoch; return whether training should stop."""
        self._epochs.append(scalars(logs or {}))
        self._note_weights()
        losses = [scores.get("val_loss", np.nan) for scores in self._epochs]
        return stopped(losses, self._patience)

    def end(self) -> None:
        """Note the weights that training leaves: a callback may put others back."""
        if digest(self._values()) != self.sha256[-1]:
            self.sha256.pop()
            self._weights[-1:] = []
            self._note_weights()

    def callback(self) -> keras.callbacks.Callback:
        """Return the callback that notes what `fit` reports."""
        record, model = self, self._model

        class Recording(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
                record.batch(logs)

            def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
                if record.epoch(logs):
                    model.stop_training = True

        return Recording()

    def reported(self) -> dict[str, np.ndarray]:
        """Return name -> (steps,) values."""
        return _columns(self._batches, np.float32)

    def train(self) -> dict[str, np.ndarray]:
        """Return name -> (epochs,) values of training."""
        own = [_without(logs, validation=False) for logs in self._epochs]
        return _columns(own, np.float64)

    def validation(self) -> dict[str, np.ndarray]:
        """Return name -> (epochs,) scores on the validation examples."""
        own = [_without(logs, validation=True) for logs in self._epochs]
        return _columns(own, np.float64)

    def kept(self) -> np.ndarray | None:
        """Return the kept weights, shape (snapshots, parameters)."""
        if self._keep == "none":
            return None
        return np.stack(self._weights if self._keep == "epochs" else self._weights[-1:])

    def _values(self) -> list[np.ndarray]:
        return [np.asarray(weight) for weight in self._model.weights]

    def _note_weights(self) -> None:
        values = self._values()
        self.sha256.append(digest(values))
        if self._keep != "none":
            kind = keras.config.floatx()
            flat = [v.ravel().astype(kind) for v in values]
            self._weights.append(np.concatenate(flat))


def scalars(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return what is a single number of what Keras reports, parts of parts as well."""
    found: dict[str, float] = {}
    for name, value in logs.items():
        if isinstance(value, Mapping):
            found |= {f"{name}_{k}": v for k, v in scalars(value).items()}
        elif np.ndim(value) == 0:
            found[name] = float(value)
    return found


def _without(logs: Mapping[str, float], validation: bool) -> dict[str, float]:
    start = VALIDATION if validation else ""
    return {
        name.removeprefix(start): value
        for name, value in logs.items()
        if name.startswith(VALIDATION) == validation
    }


def _columns(rows: list[dict[str, float]], kind: Any) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {n: np.array([row.get(n, np.nan) for row in rows], kind) for n in names}
