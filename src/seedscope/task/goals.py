"""Losses and metrics of a model that Keras trains by its own methods: of any shape.

A plain run (task/objective.py) has one row of outputs for each example. Here there may
be several outputs, images or sequences; each output has a loss and metrics of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from seedscope.task.data.arrays import is_one, leaves
from seedscope.task.data.labels import Labels, labels_of
from seedscope.task.objective import (
    is_stateful,
    named_loss,
    named_metric,
    objective,
    stateful_metric,
)
from seedscope.task.parts import is_target


def goals(loop: Any, from_logits: bool, y: Any, outputs: Any) -> tuple[Any, Any]:
    """Return the loss and the metrics to compile a model with.

    Args:
        loop: settings of the loop; its loss and metrics may be auto.
        from_logits: whether classifiers answer with logits.
        y: targets of a few examples, an array or a structure; None: there are none.
        outputs: the model's outputs for them.

    Raises:
        ValueError: there is no rule for such targets and outputs: name the loss.
    """
    if y is None:
        return _without_targets(loop)
    if is_one(outputs):
        if not is_one(y):
            raise ValueError(
                "y holds several targets and the model has one output; give it an "
                "output for each, or train by your own program with "
                "script.path=my_train.py"
            )
        chosen = _of_one(loop.loss, loop.metrics, from_logits, y, np.asarray(outputs))
        return chosen
    places = _places(outputs)
    found = {
        place: _of_one(
            _of_place(loop.loss, place, places, "loop.loss"),
            _of_place(loop.metrics, place, places, "loop.metrics"),
            from_logits,
            target,
            np.asarray(output),
        )
        for place, target, output in _pairs(y, outputs, places)
    }
    if isinstance(outputs, dict):
        return tuple({k: v[i] for k, v in found.items()} for i in range(2))  # type: ignore[return-value]
    return [v[0] for v in found.values()], [v[1] for v in found.values()]


def made_loss(loss: Any) -> Any:
    """Return what `compile` takes for a loss that is named: one, or one an output."""
    if isinstance(loss, Mapping) and not is_target(loss):
        return {key: named_loss(one) for key, one in loss.items()}
    if isinstance(loss, Sequence) and not isinstance(loss, str):
        return [named_loss(one) for one in loss]
    return named_loss(loss)


def made_metrics(metrics: Any) -> Any:
    """Return what `compile` takes for metrics that are named for one output or more."""
    if isinstance(metrics, Mapping):
        return {key: made_metrics(_listed(some)) for key, some in metrics.items()}
    return [_metric(one) for one in metrics]


def _metric(metric: Any) -> Any:
    if metric == "accuracy":
        return metric  # Keras tells which by the shapes
    if is_stateful(metric):
        return stateful_metric(metric)
    return keras.metrics.MeanMetricWrapper(named_metric(metric), name=metric)


def _without_targets(loop: Any) -> tuple[Any, Any]:
    for key, given in (
        ("loss", loop.loss != "auto"),
        ("metrics", loop.metrics != ["auto"]),
    ):
        if given:
            raise ValueError(
                f"loop.{key}={getattr(loop, key)} needs targets and the data has none; "
                "return (x, y), or (x, x) for an autoencoder"
            )
    return None, []


def _of_one(
    loss: Any, metrics: Any, from_logits: bool, y: np.ndarray, output: np.ndarray
) -> tuple[Any, list[Any]]:
    labels = labels_of(y, "y")
    plain = output.ndim == 2 and y.ndim <= 2 and labels.kind != "grid"
    metrics = _listed(metrics)
    wrapped = []
    if plain:
        named = [m for m in metrics if not is_stateful(m)]
        goal = objective(loss, named, from_logits, labels, output)
        by_name = dict(zip(named, goal.metrics.items(), strict=True))
        chosen = goal.loss
    else:
        chosen, accuracy = _of_shape(loss, from_logits, labels, y, output)
        by_name = {"auto": accuracy, "accuracy": accuracy}
    for metric in metrics:
        if is_stateful(metric):
            wrapped.append(stateful_metric(metric))
            continue
        if not plain and metric == "accuracy" and labels.kind == "values":
            raise ValueError(
                "loop.metrics=[accuracy] needs classes, and y holds values; give y as "
                "whole numbers, or leave loop.metrics=[auto]"
            )
        name, function = by_name.get(metric) or (metric, named_metric(metric))
        wrapped.append(keras.metrics.MeanMetricWrapper(function, name=name))
    return chosen, wrapped


def _of_shape(
    loss: Any, from_logits: bool, labels: Labels, y: np.ndarray, output: np.ndarray
) -> tuple[Any, tuple[str, Any]]:
    """Return the loss of images or sequences, and the metric that goes with it."""
    losses, metrics = keras.losses, keras.metrics
    whole = labels.kind in ("grid", "classes", "many", "one_hot")
    same = y.shape[1:] == output.shape[1:]
    y_rank = y.ndim - (y.ndim > 1 and y.shape[-1] == 1 and output.shape[-1] > 1)
    if whole and y_rank == output.ndim - 1 and output.shape[-1] > 1:
        chosen = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        metric = ("accuracy", metrics.sparse_categorical_accuracy)
    elif whole and same and labels.classes <= 2:
        chosen = losses.BinaryCrossentropy(from_logits=from_logits)
        threshold = 0.0 if from_logits else 0.5
        metric = ("accuracy", lambda y, p: metrics.binary_accuracy(y, p, threshold))
    elif not whole and same:
        chosen = losses.MeanSquaredError()
        metric = ("mean_absolute_error", metrics.mean_absolute_error)
    elif loss == "auto":
        raise ValueError(
            f"y holds {y.dtype} of shape {y.shape[1:]} for each example and the model "
            f"answers with {output.shape[1:]}: name the loss, such as "
            "loop.loss=mean_squared_error"
        )
    else:
        metric = ("mean_absolute_error", metrics.mean_absolute_error)
        return named_loss(loss), metric
    return (chosen if loss == "auto" else named_loss(loss)), metric


# ---- several outputs ----------------------------------------------------------------


def _places(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, dict) else list(range(len(outputs)))


def _pairs(y: Any, outputs: Any, places: list[Any]) -> list[tuple[Any, Any, Any]]:
    answers = [outputs[place] for place in places]
    alike = not is_one(y) and len(y) == len(places)
    if isinstance(outputs, dict):
        alike = alike and isinstance(y, dict) and set(y) == set(outputs)
    targets = [y[place] for place in places] if alike and _by(y, outputs) else []
    flat = all(map(is_one, [*targets, *answers]))
    if not targets or not flat:
        raise ValueError(
            f"the model has {len(places)} outputs and y holds {len(leaves(y))} targets "
            "in another structure; return y as the model returns its outputs, compile "
            "the model in its function, or train by your own program with "
            "script.path=my_train.py"
        )
    return list(zip(places, targets, answers, strict=True))


def _by(y: Any, outputs: Any) -> bool:
    return isinstance(y, dict) == isinstance(outputs, dict)


def _of_place(given: Any, place: Any, places: list[Any], key: str) -> Any:
    """Return what is said of one output: for all of them, by name or by place."""
    if isinstance(given, Mapping) and not is_target(given):
        if place not in given:
            raise ValueError(f"{key} names {list(given)}; the outputs are {places}")
        return given[place]
    by_place = key == "loop.loss" and isinstance(given, list)
    if by_place and len(given) != len(places):
        raise ValueError(f"{key} has {len(given)} losses for {len(places)} outputs")
    return given[place] if by_place else given


def _listed(metrics: Any) -> list[Any]:
    return list(metrics) if isinstance(metrics, list | tuple) else [metrics]
