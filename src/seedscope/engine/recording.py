"""Keep what the batches and epochs of one run leave, while it trains."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.data.load import Examples
from seedscope.objective import Objective
from seedscope.trace import digest

CHUNK = 1024  # examples that are scored at once


def batch_values(objective: Objective, loss: Any, y: Any, outputs: Any) -> Any:
    """Return a batch's own loss and metrics, shape (1 + metrics,)."""
    values = [tf.reduce_mean(m(y, outputs)) for m in objective.metrics.values()]
    # Keras divides a loss by the number of replicas that will be summed.
    loss *= tf.distribute.get_strategy().num_replicas_in_sync
    return tf.stack([tf.cast(value, tf.float32) for value in (loss, *values)])


def answer(
    model: keras.Model, like: np.ndarray, eager: bool
) -> Callable[[Any], tuple[Any, Any]]:
    """Return a function from examples to (outputs, sum of regularization losses)."""

    def forward(x: Any) -> tuple[Any, Any]:
        outputs = model(x, training=False)
        extra = keras.ops.sum(model.losses) if model.losses else 0.0
        return outputs, tf.cast(extra, tf.float64)

    if eager:
        return forward
    shape = [None, *like.shape[1:]]
    return tf.function(forward, input_signature=[tf.TensorSpec(shape, like.dtype)])


def stopped(losses: Sequence[float], patience: int) -> bool:
    """Tell whether early stopping ends a run after these validation losses."""
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    return bool(patience) and len(losses) - 1 - best >= patience


class Recorder:
    """The growing record of one run; `Trace` is made of it at the end."""

    def __init__(
        self,
        model: keras.Model,
        forward: Callable[[Any], tuple[Any, Any]],
        objective: Objective,
        examples: Examples,
    ) -> None:
        self.names = ("loss", *objective.metrics)
        self.sha256: list[str] = []
        self._model = model
        self._forward = forward
        self._objective = objective
        self._validation = (examples.x_validation, examples.y_validation)
        self._dtype = keras.config.floatx()
        self._raw: list[np.ndarray] = []
        self._reported: list[list[float]] = []
        self._val: list[dict[str, float]] = []
        self._weights: list[np.ndarray] = []

    def start(self, keep_weights: str, patience: int) -> None:
        """Note the initial weights."""
        self._keep_weights = keep_weights
        self._patience = patience
        self._note_weights()

    def batch(self, raw: np.ndarray, reported: Mapping[str, Any]) -> None:
        """Note one batch: its own values, and what the training API says."""
        self._raw.append(np.array(raw))
        self._reported.append([float(reported[name]) for name in self.names])

    def epoch(self) -> bool:
        """Note the end of an epoch; return whether training should stop."""
        self._note_weights()
        x, y = self._validation
        if not len(x):
            return False
        self._val.append(self.score(x, y)[1])
        return stopped([scores["loss"] for scores in self._val], self._patience)

    def score(
        self, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Return the outputs for x and the loss and metrics against y, at rest."""
        x = x.astype(self._dtype, copy=False) if x.dtype.kind == "f" else x
        chunks = [
            self._forward(tf.constant(x[i : i + CHUNK]))
            for i in range(0, len(x), CHUNK)
        ]
        outputs = tf.concat([outputs for outputs, _ in chunks], axis=0)
        sizes = [len(x[i : i + CHUNK]) for i in range(0, len(x), CHUNK)]
        extra = np.average([float(e) for _, e in chunks], weights=sizes)
        targets = tf.constant(self._objective.targets(y))
        scores = {"loss": float(self._objective.loss(targets, outputs)) + extra}
        for name, metric in self._objective.metrics.items():
            values = np.asarray(metric(targets, outputs), np.float64)
            scores[name] = float(values.mean())
        return outputs.numpy(), scores

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

    def _note_weights(self) -> None:
        values = [weight.numpy() for weight in self._model.weights]
        self.sha256.append(digest(values))
        if self._keep_weights != "none":
            flat = [v.ravel().astype(self._dtype) for v in values]
            self._weights.append(np.concatenate(flat))
