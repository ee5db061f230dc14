"""Numbers that a program takes as tensors, one value for each run of a group.

Arms that differ only in them share one compiled program. Where Keras looks for a number
of its own while the training step is traced, it finds this run's tensor instead.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run

OF_OPTIMIZERS = ("learning_rate", "weight_decay")
OF_MODELS = ("dropout", "l1", "l2")  # where above 0: else there is no such layer

Tensor = Any


def numbers_of(run: Run) -> dict[str, float]:
    """Return the hyperparameters of a run that a program takes as tensors.

    A user's own optimizer or model may do anything with its arguments; those of Keras
    and of this package pass them on as they are.
    """
    optimizer, model = run.settings.optimizer, run.settings.model
    found = {}
    if optimizer["_target_"].startswith("keras.optimizers."):
        found |= {name: optimizer.get(name) for name in OF_OPTIMIZERS}
    if model["_target_"].startswith("seedscope.task.models.networks."):
        found |= {name: model.get(name) or None for name in OF_MODELS}
    return {n: float(v) for n, v in found.items() if isinstance(v, int | float)}


def scheduled_rates(
    optimizer: keras.optimizers.Optimizer,
    numbers: dict[str, np.ndarray],
    steps: int,
    width: int,
) -> np.ndarray:
    """Return the learning rates of a schedule, shape (steps, runs); else zeros.

    The optimizer's own schedule, called where nothing is mapped: it may branch.
    """
    schedule = _schedule(optimizer)
    if schedule is None:
        return np.zeros((steps, width), keras.config.floatx())
    peaks = numbers.get("learning_rate", np.zeros(width))
    config = schedule.get_config()
    name = "initial_learning_rate"
    name = "warmup_target" if config.get("warmup_target") else name
    curves = {}
    for peak in map(float, np.unique(peaks)):
        given = {name: peak} if "learning_rate" in numbers else {}
        curve = type(schedule).from_config({**config, **given})
        rate = tf.function(
            lambda count, curve=curve: tf.map_fn(
                curve, tf.range(count), keras.config.floatx()
            )
        )
        curves[peak] = rate(tf.constant(steps)).numpy()
    return np.stack([curves[float(peak)] for peak in peaks], axis=1)


@contextmanager
def given_to_optimizer(
    optimizer: keras.optimizers.Optimizer, numbers: dict[str, Tensor], rate: Tensor
) -> Iterator[None]:
    """Put this run's numbers where the optimizer looks for its own.

    A constant learning rate is a variable of the optimizer, hence part of its slots.
    """
    with ExitStack() as stack:
        if "weight_decay" in numbers:
            value = numbers["weight_decay"]
            stack.enter_context(_replaced(optimizer, "weight_decay", value))
        if _schedule(optimizer):
            stack.enter_context(_replaced(optimizer, "_learning_rate", rate))
        yield


@contextmanager
def given_to_model(model: keras.Model, numbers: dict[str, Tensor]) -> Iterator[None]:
    """Put this run's numbers into the layers and regularizers that use them."""
    with ExitStack() as stack:
        for layer in model._flatten_layers():
            if "dropout" in numbers and type(layer) is keras.layers.Dropout:
                call = _dropout_call(layer, numbers["dropout"])
                stack.enter_context(_replaced(layer, "call", call))
        for variable in model.trainable_variables:
            if variable.regularizer is not None and {"l1", "l2"} & set(numbers):
                penalty = _Penalty(numbers)
                stack.enter_context(_replaced(variable, "regularizer", penalty))
        yield


def _dropout_call(layer: keras.layers.Dropout, rate: Tensor) -> Callable:
    """Return what the layer does, which asks whether its rate is above 0."""

    def call(inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        noise = keras.random.uniform(
            inputs.shape, dtype=inputs.dtype, seed=layer.seed_generator
        )
        kept = inputs * (1 / (1 - tf.cast(rate, inputs.dtype)))
        return tf.where(noise >= tf.cast(rate, inputs.dtype), kept, 0)

    return call


class _Penalty(keras.regularizers.Regularizer):
    """What `keras.regularizers.L1L2` computes, with tensors."""

    def __init__(self, numbers: dict[str, Tensor]) -> None:
        self._numbers = numbers

    def __call__(self, weights: Tensor) -> Tensor:
        total = tf.zeros([], weights.dtype)
        if "l1" in self._numbers:
            total += self._numbers["l1"] * keras.ops.sum(keras.ops.abs(weights))
        if "l2" in self._numbers:
            total += self._numbers["l2"] * keras.ops.sum(keras.ops.square(weights))
        return total


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _schedule(optimizer: keras.optimizers.Optimizer) -> Any:
    """Return the optimizer's learning rate schedule, or None if it is constant."""
    rate = getattr(optimizer, "_learning_rate", None)
    kind = keras.optimizers.schedules.LearningRateSchedule
    return rate if isinstance(rate, kind) else None
