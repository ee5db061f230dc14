"""What a run minimizes and what it measures: the loss, the metrics, the answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Objective:
    """The loss and the metrics of a run, and how outputs become answers."""

    task: str  # classification | binary | regression
    loss: keras.losses.Loss
    metrics: Mapping[str, Callable[[Any, Any], Any]]  # (y, outputs) -> (examples,)
    from_logits: bool

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return y in the shape of the outputs: (B, 1) - (B,) would make (B, B)."""
        y = y if self.task == "classification" else y.astype(keras.config.floatx())
        return y[:, None] if self.task != "classification" and y.ndim == 1 else y

    def answers(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return probabilities and predicted classes, or values and None."""
        outputs = np.asarray(outputs, np.float64)
        if self.task == "regression":
            return outputs, None
        if self.from_logits:
            with np.errstate(over="ignore"):
                outputs = _probabilities(outputs)
        if self.task == "binary":
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        return outputs, outputs.argmax(axis=1)


def objective(
    loss: str,
    metrics: Sequence[str],
    from_logits: bool,
    classes: int,
    outputs: np.ndarray,
) -> Objective:
    """Choose the loss and the metrics that fit the labels and the model's outputs.

    Args:
        loss: auto, or the name of a Keras loss.
        metrics: auto, or names of Keras metric functions.
        from_logits: whether a classifier answers with logits.
        classes: number of classes; 0: regression.
        outputs: the model's outputs for a few examples.

    Raises:
        ValueError: the outputs fit neither the labels nor `from_logits`.
    """
    task = _task(classes, outputs)
    if classes:
        _check_logits(from_logits, task, outputs)
    losses = {
        "classification": keras.losses.SparseCategoricalCrossentropy,
        "binary": keras.losses.BinaryCrossentropy,
    }
    if loss != "auto":
        chosen = _named_loss(loss)
    elif task == "regression":
        chosen = keras.losses.MeanSquaredError()
    else:
        chosen = losses[task](from_logits=from_logits)
    named: dict[str, Callable[[Any, Any], Any]] = {}
    for name in metrics:
        if name in ("auto", "accuracy"):
            name, function = _auto_metric(task, from_logits)
        else:
            function = _named_metric(name)
        named[name] = function
    return Objective(task, chosen, named, from_logits)


def _task(classes: int, outputs: np.ndarray) -> str:
    if outputs.ndim != 2:
        raise ValueError(
            f"the model's outputs have shape (examples, {outputs.shape[1:]}); it must "
            "answer with one row of numbers for each example"
        )
    width = outputs.shape[1]
    if classes == 0:
        return "regression"
    if width == 1 and classes <= 2:
        return "binary"
    if width >= classes:
        return "classification"
    raise ValueError(
        f"the model answers with {width} outputs, the labels have {classes} classes; "
        f"give it {classes} outputs (a model function that takes `outputs` is told)"
    )


def _check_logits(from_logits: bool, task: str, outputs: np.ndarray) -> None:
    inside = (outputs >= 0).all() and (outputs <= 1).all()
    if task == "classification":
        inside = inside and np.allclose(outputs.sum(axis=1), 1, atol=1e-2)
        if inside and from_logits:
            raise ValueError(
                "the model's outputs are probabilities, but model.from_logits=true; "
                "set model.from_logits=false"
            )
    if not inside and not from_logits and np.isfinite(outputs).all():
        raise ValueError(
            "the model's outputs are no probabilities, but model.from_logits=false; "
            "set model.from_logits=true, or end the model in softmax or sigmoid"
        )


def _named_loss(name: str) -> keras.losses.Loss:
    try:
        found = keras.losses.get(name)
    except ValueError:
        raise ValueError(f"loop.loss={name}: Keras has no such loss") from None
    return found if isinstance(found, keras.losses.Loss) else _FunctionLoss(found, name)


class _FunctionLoss(keras.losses.Loss):
    """A loss function as a loss object: the mean over the examples."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__(name=name)
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example."""
        return self.function(y_true, y_pred)


def _auto_metric(task: str, from_logits: bool) -> tuple[str, Callable[[Any, Any], Any]]:
    if task == "regression":
        return "mean_absolute_error", keras.metrics.mean_absolute_error
    if task == "classification":
        return "accuracy", keras.metrics.sparse_categorical_accuracy
    threshold = 0.0 if from_logits else 0.5

    def accuracy(y: Any, outputs: Any) -> Any:
        return keras.metrics.binary_accuracy(y, outputs, threshold)

    return "accuracy", accuracy


def _named_metric(name: str) -> Callable[[Any, Any], Any]:
    found = getattr(keras.metrics, name, None)
    if found is None or isinstance(found, type):
        raise ValueError(
            f"loop.metrics: {name!r} is no function of keras.metrics; choose for "
            "example mean_absolute_error or sparse_top_k_categorical_accuracy"
        )
    return found


def _probabilities(logits: np.ndarray) -> np.ndarray:
    if logits.shape[1] == 1:
        return 1 / (1 + np.exp(-logits))
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def batch_values(objective: Objective, loss: Any, y: Any, outputs: Any) -> Any:
    """Return a batch's own loss and metrics, shape (1 + metrics,)."""
    values = [tf.reduce_mean(m(y, outputs)) for m in objective.metrics.values()]
    # Keras divides a loss by the number of replicas that will be summed.
    loss *= tf.distribute.get_strategy().num_replicas_in_sync
    return tf.stack([tf.cast(value, tf.float32) for value in (loss, *values)])
