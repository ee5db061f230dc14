"""Flip one bit of one live initial weight (Summers and Dinneen 2021, section 3.1)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.seeds import UNPERTURBED
from seedscope.task.objective import Objective


def perturb(
    model: keras.Model, objective: Objective, x: np.ndarray, y: np.ndarray, seed: int
) -> str | None:
    """Flip the lowest bit of one weight; return which, or None for an unperturbed run.

    A weight behind a constant input is dead: flipping it does nothing, for ever. The
    weight is drawn from those whose gradient on the first batch is not zero.

    Args:
        model: with its initial weights.
        objective: whose loss is differentiated.
        x: the first batch.
        y: its targets.
        seed: of the source `perturbation`.
    """
    if seed == UNPERTURBED:
        return None
    variables = model.trainable_variables
    values = [np.asarray(variable) for variable in variables]
    live = _live_weights(_gradients(model, objective, x, y), values)
    if not len(live):
        raise ValueError("perturbation: no weight of this model has a gradient")
    which, index = live[np.random.default_rng(seed).integers(len(live))]
    flipped = values[which].ravel().copy()
    bits = flipped.view(f"u{flipped.itemsize}")
    bits[index] ^= 1
    variables[which].assign(flipped.reshape(values[which].shape))
    return f"{variables[which].path}[{index}]"


def _gradients(
    model: keras.Model, objective: Objective, x: np.ndarray, y: np.ndarray
) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss: Any = objective.loss(y, model(x, training=False))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    return [np.zeros(1) if g is None else np.asarray(g) for g in gradients]


def _live_weights(
    gradients: Sequence[np.ndarray], values: Sequence[np.ndarray]
) -> np.ndarray:
    """Return (variable, index) of every weight that is moved and is not zero."""
    live = []
    for which, (gradient, value) in enumerate(zip(gradients, values, strict=True)):
        if gradient.shape == value.shape:
            indices = np.flatnonzero((gradient != 0) & (value != 0))
            live.append(np.stack([np.full_like(indices, which), indices], axis=1))
    return np.concatenate(live) if live else np.empty((0, 2), int)
