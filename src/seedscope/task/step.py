"""Whose step it is: what of a model's training is its author's own, not Keras'."""

from typing import Any

import keras

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


def only_keras(model: keras.Model) -> str | None:
    """Return why a model must be trained by Keras' own methods, or None."""
    if names := own_steps(model):
        return f"{type(model).__name__} has its own {' and '.join(names)}"
    if model.compiled:
        return "the model is compiled by its function"
    return None


def _of_keras(method: Any) -> bool:
    return getattr(method, "__module__", "").startswith("keras.")
