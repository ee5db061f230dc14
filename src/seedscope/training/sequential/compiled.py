"""How a model that Keras trains by its own methods is compiled: as its author did.

A model that its function compiled is taken as compiled. What the command line, a preset
or a factor names instead holds, and that is said.
"""

import inspect
import warnings
from typing import Any
from weakref import WeakSet

import keras
import numpy as np

from seedscope.study.words import Run
from seedscope.task.goals import goals, made_loss, made_metrics
from seedscope.task.model import Built, answers
from seedscope.task.noise import left_alone
from seedscope.task.optimizer import adapted, build_optimizer, told
from seedscope.task.step import asked_for, own_steps

STEP_BY_STEP = (
    "steps_per_execution=1 instead of what the model's function compiled: each step is "
    "recorded, and what is computed is the same"
)
_trained: WeakSet[Any] = WeakSet()  # optimizers of the runs before


def compile_as_asked(
    run: Run, built: Built, x: Any, y: Any, steps: int
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Compile a model; return what trains it (facts) and what a reader should know.

    Args:
        run: whose settings say what holds.
        built: its model, compiled by its function or not.
        x: a few examples.
        y: their targets.
        steps: all steps of the run.

    Raises:
        ValueError: what is asked for does not fit the model.
    """
    model, loop = built.model, run.settings.loop
    own_compile = "compile" in own_steps(model)
    said: tuple[str, ...] = ()
    if model.compiled:
        loss, said = _recompiled(run, built, own_compile, steps)
    elif own_compile:
        raise ValueError(
            f"{type(model).__name__} has its own compile: call it in the function that "
            "makes the model"
        )
    elif not answers(model):
        raise ValueError(
            f"{type(model).__name__} has no call: compile it in the function that "
            "makes it"
        )
    else:
        with left_alone(model):  # a layer may draw at rest as well
            outputs = keras.tree.map_structure(np.asarray, model(x, training=False))
        from_logits = bool(run.settings.model.get("from_logits", False))
        loss, metrics = goals(loop, from_logits, y, outputs)
        optimizer = build_optimizer(run.settings.optimizer, loop.schedule, steps)
        model.compile(optimizer, loss, metrics=metrics)
        _build_metrics(model, y, outputs)
    if model.optimizer in _trained:
        raise ValueError(
            f"model._target_={run.settings.model['_target_']} compiles with an "
            "optimizer that trained the run before: make it inside the function"
        )
    if model.optimizer is not None:
        _trained.add(model.optimizer)
    _set_compilation(run, built)
    if model.steps_per_execution != 1:  # they would run on into the next epoch
        model.steps_per_execution = 1
        said = (*said, STEP_BY_STEP)
    facts = {"loss": _named(loss)}
    if model.optimizer is not None:
        facts["optimizer"] = told(model.optimizer, {})
    return facts, said


def _recompiled(
    run: Run, built: Built, own_compile: bool, steps: int
) -> tuple[Any, tuple[str, ...]]:
    """Compile again where something else is asked for; return the loss, and say so."""
    settings, model = run.settings, built.model
    arguments = _arguments(built)
    asked = asked_for(run)
    changed: dict[str, Any] = {}
    if any(key.startswith("optimizer") or key == "loop.schedule" for key in asked):
        changed["optimizer"] = adapted(
            model.optimizer, settings.optimizer, settings.loop.schedule, steps
        )
    if "loop.loss" in asked:
        changed["loss"] = made_loss(settings.loop.loss)
    if "loop.metrics" in asked:
        if "auto" in settings.loop.metrics:
            raise ValueError(
                "loop.metrics: auto among others is of no compiled model; name them all"
            )
        changed["metrics"] = made_metrics(settings.loop.metrics)
    if not changed:
        return arguments.get("loss"), ()
    if own_compile or built.compiled is None:
        raise ValueError(
            f"{', '.join(asked)}: {type(model).__name__} is compiled by its own "
            "compile; change it there, or leave these out"
        )
    model.compile(**{**arguments, **changed})
    said = ", ".join(f"{key}={value}" for key, value in asked.items())
    kept = f"{said} instead of what the model's function compiled"
    return {**arguments, **changed}.get("loss"), (kept,)


def _build_metrics(model: keras.Model, y: Any, outputs: Any) -> None:
    """Let Keras ask for metrics that an own `train_step` leaves alone."""
    if model._compile_metrics is not None and y is not None:
        model._compile_metrics.build(y, outputs)


def _arguments(built: Built) -> dict[str, Any]:
    """Return by name what `compile` was given."""
    args, kwargs = built.compiled or ((), {})
    bound = inspect.signature(keras.Model.compile).bind(built.model, *args, **kwargs)
    return {key: value for key, value in bound.arguments.items() if key != "self"}


def _set_compilation(run: Run, built: Built) -> None:
    """Run the step as its author compiled it, else as `runtime.compilation` says."""
    model, way = built.model, run.settings.runtime.compilation
    given = _arguments(built)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Keras goes on without XLA: an error here
        if way != "graph" or "run_eagerly" not in given:
            model.run_eagerly = way == "eager"
        if way != "graph" or given.get("jit_compile", "auto") == "auto":
            model.jit_compile = way == "jit"


def _named(loss: Any) -> str:
    if loss is None:
        return "the model's own"
    if isinstance(loss, dict):
        return ", ".join(f"{key}: {_named(one)}" for key, one in loss.items())
    if isinstance(loss, list | tuple):
        return ", ".join(map(_named, loss))
    if isinstance(loss, str):
        return loss
    return getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__)
