"""Build the optimizer of a run, with its learning rate schedule."""

from collections.abc import Mapping
from typing import Any

import keras

from seedscope.task.parts import call


def build_optimizer(
    options: Mapping[str, Any], schedule: str, steps: int
) -> keras.optimizers.Optimizer:
    """Return a new optimizer whose learning rate follows the schedule.

    Args:
        options: `_target_` and its arguments, `learning_rate` among them.
        schedule: constant | cosine | exponential | warmup_cosine.
        steps: all steps of the run; the last three end near 0 there.

    Raises:
        ValueError: the optimizer does not take its options.
    """
    if schedule == "constant":
        return call(options, "optimizer")
    rate = options["learning_rate"]
    schedules = keras.optimizers.schedules
    made = {
        "cosine": lambda: schedules.CosineDecay(rate, steps),
        "exponential": lambda: schedules.ExponentialDecay(rate, steps, decay_rate=0.01),
        "warmup_cosine": lambda: schedules.CosineDecay(
            0.0, steps - steps // 10, warmup_target=rate, warmup_steps=steps // 10
        ),
    }[schedule]()
    return call({**options, "learning_rate": made}, "optimizer")
