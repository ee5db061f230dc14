"""Build the optimizer of a run, with its learning rate schedule."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from seedscope.task.parts import NOT_ARGUMENTS, call, locate

AUTO = "auto"  # the name of conf/optimizer/auto.yaml: nobody asked for an optimizer


def build_optimizer(
    options: Mapping[str, Any], schedule: str, steps: int
) -> keras.optimizers.Optimizer:
    """Return a new optimizer whose learning rate follows the schedule.

    Args:
        options: `_target_` and its arguments; what is null is the optimizer's own.
        schedule: constant | cosine | exponential | warmup_cosine.
        steps: all steps of the run; the last three end near 0 there.

    Raises:
        ValueError: the optimizer does not take its options.
    """
    options = {key: value for key, value in options.items() if value is not None}
    if schedule == "constant":
        return call(options, "optimizer")
    rate = options.get("learning_rate", _own_rate(options))
    return call(
        {**options, "learning_rate": scheduled(rate, schedule, steps)}, "optimizer"
    )


def scheduled(rate: float, schedule: str, steps: int) -> Any:
    """Return a learning rate schedule that starts at or rises to `rate`."""
    schedules = keras.optimizers.schedules
    return {
        "cosine": lambda: schedules.CosineDecay(rate, steps),
        "exponential": lambda: schedules.ExponentialDecay(rate, steps, decay_rate=0.01),
        "warmup_cosine": lambda: schedules.CosineDecay(
            0.0, steps - steps // 10, warmup_target=rate, warmup_steps=steps // 10
        ),
    }[schedule]()


def asked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study asks of the optimizer; nothing where it leaves it open.

    `_target_` is among it where an optimizer is named.
    """
    given = {k: v for k, v in options.items() if k != "name" and v is not None}
    if options.get("name") == AUTO:
        del given["_target_"]
    return given


def adapted(
    optimizer: keras.optimizers.Optimizer,
    options: Mapping[str, Any],
    schedule: str,
    steps: int,
) -> keras.optimizers.Optimizer:
    """Return the optimizer of a compiled model with what a study asks for instead.

    Raises:
        ValueError: it does not take the options, or its rate has a schedule already.
    """
    given = asked(options)
    if "_target_" in given:
        return build_optimizer(options, schedule, steps)
    given = {key: value for key, value in given.items() if key not in NOT_ARGUMENTS}
    if schedule != "constant":
        rate = given.get("learning_rate", optimizer.get_config()["learning_rate"])
        if not isinstance(rate, int | float):
            raise ValueError(
                f"loop.schedule={schedule}: the compiled optimizer has a schedule of "
                "its own; set optimizer.learning_rate, or leave loop.schedule=constant"
            )
        given["learning_rate"] = scheduled(rate, schedule, steps)
    if not given:
        return optimizer
    try:
        return type(optimizer).from_config({**optimizer.get_config(), **given})
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"optimizer: the compiled {type(optimizer).__name__} does not take "
            f"{', '.join(given)}: {error}"
        ) from None


def told(optimizer: keras.optimizers.Optimizer, options: Mapping[str, Any]) -> str:
    """Return an optimizer's name and rate, as a reader knows them.

    Args:
        optimizer: that trained.
        options: of the run, whose own rate it is, where it has one: the runs of a group
            share an optimizer.
    """
    rate = options.get("learning_rate")
    own = getattr(optimizer, "_learning_rate", None)
    if isinstance(own, keras.optimizers.schedules.LearningRateSchedule):
        peak = "" if rate is None else f" of {rate:g}"
        return f"{type(optimizer).__name__} with {type(own).__name__}{peak}"
    if rate is None:
        rate = optimizer.get_config().get("learning_rate")
    said = f" at {rate:g}" if isinstance(rate, int | float) else ""
    return f"{type(optimizer).__name__}{said}"


def _own_rate(options: Mapping[str, Any]) -> float:
    """Return the rate that an optimizer takes where none is given."""
    parameters = inspect.signature(locate(options, "optimizer")).parameters
    own = parameters.get("learning_rate")
    if own is None or not isinstance(own.default, int | float):
        raise ValueError(
            f"optimizer._target_={options['_target_']} has no learning rate of its "
            "own; set optimizer.learning_rate"
        )
    return own.default
