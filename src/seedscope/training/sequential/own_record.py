"""Keep what Keras reports of a run that it trains by its own methods."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from seedscope.trace.trace import digest
from seedscope.training.checkpoint import columns, part, rows
from seedscope.training.sequential.raw_loss import RawLoss
from seedscope.training.sequential.recording import stopped

VALIDATION = "val_"  # how Keras begins the names of validation scores


class OwnRecord:
    """The growing record of one run."""

    def __init__(self, model: keras.Model, keep_weights: str, patience: int) -> None:
        self.sha256: list[str] = []
        self.raw = RawLoss()
        self._model = model
        self._keep = keep_weights
        self._patience = patience
        self._batches: list[dict[str, float]] = []
        self._epochs: list[dict[str, float]] = []
        self._weights: list[np.ndarray] = []
        self._after: Callable[[int], None] | None = None
        self._note_weights()

    def after_epoch(self, then: Callable[[int], None]) -> None:
        """Have a function called after each epoch that training goes on after.

        It is given the number of the epoch, from 1.
        """
        self._after = then

    def batch(self, logs: Mapping[str, Any] | None) -> None:
        """Note what is reported after a batch: running means since the epoch began."""
        self._batches.append(scalars(logs or {}))

    def epoch(self, logs: Mapping[str, Any] | None) -> bool:
        """Note the end of an epoch; return whether training should stop."""
        self._epochs.append(scalars(logs or {}))
        self._note_weights()
        losses = [scores.get("val_loss", np.nan) for scores in self._epochs]
        stop = stopped(losses, self._patience)
        if self._after is not None and not stop:
            self._after(len(self._epochs))
        return stop

    def held(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all that is noted, to be kept: arrays, and what JSON takes."""
        batches = columns(self._batches, np.float64)
        epochs = columns(self._epochs, np.float64)
        arrays = {f"batch.{name}": values for name, values in batches.items()}
        arrays |= {f"epoch.{name}": values for name, values in epochs.items()}
        arrays |= self.raw.held()
        if self._weights:
            arrays["weights"] = np.stack(self._weights)
        counts = [len(self._batches), len(self._epochs)]
        return arrays, {"sha256": self.sha256, "counts": counts}

    def go_on(self, arrays: Mapping[str, np.ndarray], plain: Mapping[str, Any]) -> None:
        """Take what was noted before a run was cut off."""
        self.sha256 = list(plain["sha256"])
        self._weights = list(arrays["weights"]) if "weights" in arrays else []
        self.raw.go_on(arrays)
        batches, epochs = plain["counts"]
        self._batches = rows(part(arrays, "batch."), batches)
        self._epochs = rows(part(arrays, "epoch."), epochs)

    def end(self) -> None:
        """Note the weights that training leaves: a callback may put others back."""
        if digest(self._values()) != self.sha256[-1]:
            self.sha256.pop()
            self._weights[-1:] = []
            self._note_weights()

    def callback(self, begin: Callable[[], None]) -> keras.callbacks.Callback:
        """Return the callback that notes what `fit` reports.

        Args:
            begin: called when training begins, after the other callbacks were told.
        """
        record, model = self, self._model

        class Recording(keras.callbacks.Callback):
            def on_train_begin(self, logs: dict | None = None) -> None:
                begin()

            def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
                record.batch(logs)

            def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
                if record.epoch(logs):
                    model.stop_training = True

        return Recording()

    def reported(self) -> dict[str, np.ndarray]:
        """Return name -> (steps,) values."""
        return columns(self._batches, np.float32)

    def train(self) -> dict[str, np.ndarray]:
        """Return name -> (epochs,) values of training."""
        own = [_without(logs, validation=False) for logs in self._epochs]
        return columns(own, np.float64)

    def validation(self) -> dict[str, np.ndarray]:
        """Return name -> (epochs,) scores on the validation examples."""
        own = [_without(logs, validation=True) for logs in self._epochs]
        return columns(own, np.float64)

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
