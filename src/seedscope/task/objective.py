"""What a run minimizes and what it measures: the loss, the metrics, the answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.task.data.labels import Labels
from seedscope.task.parts import made_or_itself

CLASSIFIERS = ("classification", "binary", "one_hot", "many")
OF_CLASSES = ("crossentropy", "hinge", "dice", "tversky", "kl_divergence")
BINARY = ("binary_crossentropy", "binary_focal_crossentropy")  # losses of 0 and 1


@dataclass(frozen=True)
class Objective:
    """The loss and the metrics of a run, and how outputs become answers.

    The task is one of classification (a number for each example), one_hot, binary (one
    output decides), many (several outputs, each decides) and regression.
    """

    task: str
    loss: keras.losses.Loss
    metrics: Mapping[str, Callable[[Any, Any], Any]]  # (y, outputs) -> (examples,)
    from_logits: bool

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return y in the shape of the outputs: (B, 1) - (B,) would make (B, B)."""
        y = y if self.task == "classification" else y.astype(keras.config.floatx())
        return y[:, None] if self.task != "classification" and y.ndim == 1 else y

    def truth(self, y: np.ndarray) -> np.ndarray:
        """Return what answers are held against: one class or value an example."""
        if self.task == "one_hot":
            return y.argmax(axis=1).astype(np.int32)
        return y.astype(np.int32) if self.task == "binary" else y

    def answers(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return probabilities and predicted classes, or values and None."""
        outputs = np.asarray(outputs, np.float64)
        if self.task == "regression":
            return outputs, None
        if self.from_logits:
            with np.errstate(over="ignore"):
                outputs = _probabilities(outputs, self.task == "many")
        if self.task == "many":
            return outputs, None
        if self.task == "binary":
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        return outputs, outputs.argmax(axis=1)


def objective(
    loss: Any,
    metrics: Sequence[Any],
    from_logits: bool,
    classes: int | Labels,
    outputs: np.ndarray,
) -> Objective:
    """Choose the loss and the metrics that fit the labels and the model's outputs.

    Args:
        loss: auto, the name of a Keras loss, or the options of a loss object.
        metrics: auto, or names of Keras metric functions.
        from_logits: whether a classifier answers with logits.
        classes: what the labels hold, or the number of classes; 0: regression.
        outputs: the model's outputs for a few examples.

    Raises:
        ValueError: the outputs fit neither the labels nor `from_logits`.
    """
    labels = Labels.of(classes)
    task = _task(loss, metrics, from_logits, labels, outputs)
    if task in CLASSIFIERS and (loss == "auto" or labels.kind == "classes"):
        _check_logits(from_logits, task, outputs)
    named: dict[str, Callable[[Any, Any], Any]] = {}
    for name in metrics:
        if name == "accuracy" and task == "regression":
            raise ValueError(
                "loop.metrics=[accuracy] needs classes, and y holds values; give y as "
                "whole numbers (or 0 and 1 with loop.loss=binary_crossentropy), or "
                "leave loop.metrics=[auto]"
            )
        if name in ("auto", "accuracy"):
            name, function = _auto_metric(task, from_logits)
        else:
            function = named_metric(name)
        named[name] = function
    return Objective(task, _loss(loss, task, from_logits), named, from_logits)


def _loss(loss: Any, task: str, from_logits: bool) -> keras.losses.Loss:
    if loss != "auto":
        return named_loss(loss)
    if task == "regression":
        return keras.losses.MeanSquaredError()
    losses = {
        "classification": keras.losses.SparseCategoricalCrossentropy,
        "one_hot": keras.losses.CategoricalCrossentropy,
        "binary": keras.losses.BinaryCrossentropy,
        "many": keras.losses.BinaryCrossentropy,
    }
    return losses[task](from_logits=from_logits)


def _task(
    loss: Any, metrics: Sequence[Any], logits: bool, labels: Labels, outputs: np.ndarray
) -> str:
    if outputs.ndim != 2:
        raise ValueError(
            f"the model's outputs have shape (examples, {outputs.shape[1:]}); it must "
            "answer with one row of numbers for each example"
        )
    width = outputs.shape[1]
    if labels.kind in ("one_hot", "many", "zero_one"):
        return _task_of_zeros_and_ones(loss, metrics, logits, labels, outputs)
    if labels.kind != "classes":
        if labels.width != width and loss == "auto":
            raise ValueError(
                f"the model answers with {width} outputs, y holds {labels.width} "
                f"values for each example; give it {labels.width} outputs (a model "
                "function that takes `outputs` is told)"
            )
        return "regression"
    classes = labels.classes
    if width == 1 and classes <= 2:
        return "binary"
    if width >= classes:
        return "classification"
    raise ValueError(
        f"the model answers with {width} outputs, the labels have {classes} classes; "
        f"give it {classes} outputs (a model function that takes `outputs` is told)"
    )


def _task_of_zeros_and_ones(
    loss: Any, metrics: Sequence[Any], logits: bool, labels: Labels, outputs: np.ndarray
) -> str:
    """Tell classes from values where y holds 0 and 1: by the loss, or the outputs."""
    classes = {"one_hot": "one_hot", "many": "many", "zero_one": "binary"}[labels.kind]
    name = loss if isinstance(loss, str) else _snake(loss["_target_"])
    if loss != "auto":
        told = any(word in name for word in OF_CLASSES) or "accuracy" in metrics
        binary = name in BINARY and classes == "one_hot"
        chosen = ("many" if binary else classes) if told else "regression"
    elif logits or _look_like_shares(outputs, classes):
        chosen = classes
    elif classes == "one_hot" and _look_like_shares(outputs, "many"):
        chosen = "many"  # a sigmoid for each class
    else:
        raise ValueError(
            "y holds only 0 and 1, and the model's outputs are no probabilities: are "
            "they classes or values? For classes end the model in sigmoid or softmax, "
            "or set model.from_logits=true; for values set "
            "loop.loss=mean_squared_error"
        )
    if chosen != "regression" and outputs.shape[1] != labels.width:
        raise ValueError(
            f"the model answers with {outputs.shape[1]} outputs, y holds "
            f"{labels.width} numbers for each example; give it {labels.width} outputs "
            "(a model function that takes `outputs` is told)"
        )
    return chosen


def _snake(target: str) -> str:
    """Return the name of a class as Keras names the function of the same loss."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", target.rsplit(".", 1)[-1]).lower()


def _look_like_shares(outputs: np.ndarray, task: str) -> bool:
    inside = bool(((outputs >= 0) & (outputs <= 1)).all()) and bool((outputs > 0).any())
    return inside and (
        task != "one_hot" or np.allclose(outputs.sum(axis=1), 1, atol=1e-2)
    )


def _check_logits(from_logits: bool, task: str, outputs: np.ndarray) -> None:
    inside = (outputs >= 0).all() and (outputs <= 1).all()
    if task in ("classification", "one_hot"):
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


def named_loss(name: Any) -> keras.losses.Loss:
    """Return a loss object of Keras' by its name, or one by its `_target_`."""
    if not isinstance(name, str):
        made = made_or_itself(name, "loop.loss")
        if not callable(made):
            raise ValueError(
                f"loop.loss._target_={name['_target_']} must return a loss, got "
                f"{type(made).__name__}"
            )
        is_loss = isinstance(made, keras.losses.Loss)
        return (
            made if is_loss else _FunctionLoss(made, getattr(made, "__name__", "own"))
        )
    try:
        found: Any = keras.losses.get(name)
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
    if task == "one_hot":
        return "accuracy", keras.metrics.categorical_accuracy
    threshold = 0.0 if from_logits else 0.5

    def accuracy(y: Any, outputs: Any) -> Any:
        return keras.metrics.binary_accuracy(y, outputs, threshold)

    return "accuracy", accuracy


def is_stateful(metric: Any) -> bool:
    """Tell whether a metric is an object: it keeps more than a mean of examples."""
    if not isinstance(metric, str):
        return True
    return metric not in ("auto", "accuracy") and isinstance(
        getattr(keras.metrics, metric, None), type
    )


def stateful_metric(metric: Any) -> Any:
    """Return a new metric by the name of its class, or what its `_target_` makes."""
    if isinstance(metric, str):
        return getattr(keras.metrics, metric)()
    return made_or_itself(metric, "loop.metrics")


def named_metric(name: str) -> Callable[[Any, Any], Any]:
    """Return a metric function of Keras' by its name."""
    found = getattr(keras.metrics, name, None)
    if found is None or isinstance(found, type):
        raise ValueError(
            f"loop.metrics: {name!r} is no function of keras.metrics; choose for "
            "example mean_absolute_error, sparse_top_k_categorical_accuracy or AUC"
        )
    return found


def answers_of(
    labels: Labels, y: Any, outputs: np.ndarray, from_logits: bool | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return answers, predicted classes and the truth of a run that Keras scores.

    Args:
        labels: what the targets hold.
        y: the targets of these examples.
        outputs: the model's outputs, one row an example.
        from_logits: as the model says; None: by the outputs' looks.
    """
    kinds = {"classes": "classification", "one_hot": "one_hot", "zero_one": "binary"}
    task, width = kinds.get(labels.kind, "regression"), outputs.shape[1]
    if task == "classification" and width == 1:
        task = "binary" if labels.classes <= 2 else "regression"
    if task == "classification" and width < labels.classes:
        task = "regression"
    if (task, width) == ("one_hot", 1) or (task == "binary" and width != 1):
        task = "regression"
    if from_logits is None and task != "regression":
        from_logits = not _look_like_shares(outputs, "many")
    goal = Objective(task, keras.losses.MeanSquaredError(), {}, bool(from_logits))
    answers, predicted = goal.answers(outputs)
    if not isinstance(y, np.ndarray) or not (y.ndim == 1 or y.ndim == 2):
        return answers, predicted, None
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    return answers, predicted, goal.truth(flat)


def _probabilities(logits: np.ndarray, each: bool) -> np.ndarray:
    if each or logits.shape[1] == 1:
        return 1 / (1 + np.exp(-logits))
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def batch_values(
    objective: Objective, loss: Any, y: Any, outputs: Any, dtype: Any = tf.float32
) -> Any:
    """Return a batch's own loss and metrics, shape (1 + metrics,)."""
    values = [tf.reduce_mean(m(y, outputs)) for m in objective.metrics.values()]
    # Keras divides a loss by the number of replicas that will be summed.
    loss *= tf.distribute.get_strategy().num_replicas_in_sync
    return tf.stack([tf.cast(value, dtype) for value in (loss, *values)])
