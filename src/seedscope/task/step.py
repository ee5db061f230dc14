"""Whose step it is: what of a run's training is its author's own, or Keras' alone.

Everything that is not plain (one array in, one row of numbers out, a loss and metrics
that are means over examples) is trained and scored by Keras' own methods, as it came.
"""

from collections.abc import Mapping
from typing import Any

import keras

from seedscope.study.words import Run
from seedscope.task.data.arrays import is_one
from seedscope.task.data.load import Examples
from seedscope.task.data.streams import Streams
from seedscope.task.model import Built
from seedscope.task.noise import left_alone
from seedscope.task.objective import is_stateful
from seedscope.task.optimizer import AUTO

STEPS = (  # methods of keras.Model that decide what a step does or reports
    "train_step",
    "test_step",
    "compute_loss",
    "compute_metrics",
    "compile",
    "make_train_function",
    "make_test_function",
    "fit",
    "evaluate",
    "predict_step",
    "train_on_batch",
    "test_on_batch",
    "reset_metrics",
)
PLAIN_IN_OPTIMIZERS = (  # what a subclass may write without a word: all engines ask it
    "__init__",
    "build",
    "update_step",
    "get_config",
    "from_config",
)


def own_steps(model: keras.Model) -> tuple[str, ...]:
    """Return which methods of a training step the model's author wrote."""
    return tuple(
        name
        for name in STEPS
        if name in vars(model) or not _of_keras(getattr(type(model), name))
    )


def own_in_optimizer(optimizer: keras.optimizers.Optimizer) -> tuple[str, ...]:
    """Return what an optimizer's author changed, other than its update's formula."""
    changed = [
        name
        for kind in type(optimizer).__mro__
        if kind.__module__.split(".")[0] not in ("keras", "tensorflow", "builtins")
        for name, value in vars(kind).items()
        if callable(value) and name not in PLAIN_IN_OPTIMIZERS
        if hasattr(keras.optimizers.Optimizer, name)
    ]
    return tuple(dict.fromkeys(changed))


def own_constraints(model: keras.Model) -> tuple[str, ...]:
    """Return which weights have a constraint that is not one of Keras'."""
    return tuple(
        variable.path
        for variable in model.trainable_variables
        if variable.constraint is not None
        and not type(variable.constraint).__module__.startswith("keras.")
    )


def only_keras(run: Run, examples: Examples | Streams, built: Built) -> str | None:
    """Return why a run must be trained by Keras' own methods, or None: it is plain."""
    reason = _of_model(built.model) or _of_loop(run.settings.loop) or _of_data(examples)
    if reason:
        return reason
    with left_alone(built.model):  # a layer may draw at rest as well
        return _of_outputs(built.model(examples.sample, training=False))


def _of_model(model: keras.Model) -> str | None:
    if names := own_steps(model):
        return f"{type(model).__name__} has its own {' and '.join(names)}"
    if model.compiled:
        return "the model is compiled by its function"
    return None


def _of_loop(loop: Any) -> str | None:
    if loop.callbacks:
        return "loop.callbacks act in Keras' own fit"
    if loop.class_weight:
        return "loop.class_weight is kept by Keras' own fit"
    if not isinstance(loop.loss, str):
        return "loop.loss is an object, which may do anything with a batch"
    if isinstance(loop.metrics, Mapping) or any(map(is_stateful, loop.metrics)):
        return "loop.metrics has a metric that is more than a mean over examples"
    return None


def _of_data(examples: Examples | Streams) -> str | None:
    if isinstance(examples, Streams):
        return "its data is a Dataset, which is fed as it stands"
    if not is_one(examples.x):
        return "it has several inputs"
    if examples.x.dtype.kind in "OSU":
        return "its examples are text"
    if examples.y is None:
        return "it has no targets"
    if not is_one(examples.y):
        return "it has several targets"
    if examples.weights is not None:
        return "its examples are weighted"
    if examples.y.ndim > 2 or examples.labels.kind == "grid":
        return f"its targets have shape {examples.y.shape[1:]} for each example"
    return None


def _of_outputs(outputs: Any) -> str | None:
    if not is_one(outputs):
        return "the model has several outputs"
    if len(outputs.shape) != 2:
        return f"the model answers with shape {tuple(outputs.shape[1:])}"
    return None


def asked_for(run: Run) -> dict[str, Any]:
    """Return what of optimizer, loss and metrics a study names, whoever compiled."""
    settings = run.settings
    named = {
        "optimizer": settings.optimizer.get("name") != AUTO,
        "loop.loss": settings.loop.loss != "auto",
        "loop.metrics": settings.loop.metrics != ["auto"],
        "loop.schedule": settings.loop.schedule != "constant",
    }
    given = {key: _name(settings, key) for key, is_given in named.items() if is_given}
    if "optimizer" not in given:
        rest = ("name", "_target_")
        given |= {
            f"optimizer.{key}": value
            for key, value in settings.optimizer.items()
            if value is not None and key not in rest
        }
    return given


def _name(settings: Any, key: str) -> Any:
    if key == "optimizer":
        return settings.optimizer.get("name", settings.optimizer["_target_"])
    return getattr(settings.loop, key.removeprefix("loop."))


def _of_keras(method: Any) -> bool:
    return getattr(method, "__module__", "").startswith("keras.")
