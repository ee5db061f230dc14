"""Say what the batched engine cannot train, and why: never silently different numbers.

Some reasons are rules about settings and layers. The last word has a trial of a few
steps: what the compiler stumbles over is named, and what comes out otherwise than in
Keras' own loop.
"""

import json
import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import cast

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Engine, Run
from seedscope.task.data.load import Examples, load
from seedscope.task.data.streams import Streams
from seedscope.task.model import Built, build
from seedscope.task.optimizer import build_optimizer
from seedscope.task.step import only_keras, own_constraints, own_in_optimizer
from seedscope.training.batched import trial, verdicts
from seedscope.training.batched.cost import Cost, cost
from seedscope.training.batched.group import Group
from seedscope.training.batched.kind import (
    MANY,
    kind_of,
    program_of,
    steps_of,
    width_of,
    work_of,
)
from seedscope.training.batched.stateless import stateless_optimizers
from seedscope.training.choice import own_loop

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D)
LONGEST_SEQUENCE = 64  # time steps of a recurrent layer; each is compiled
UNNAMED = (
    "the model draws random numbers that no layer names (tf.random, NumPy, or "
    "keras.random without a generator of the layer's own)"
)
RECURRENT = (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU)


def first(
    runs: Sequence[Run], group_size: int | None, planned: int | None = None
) -> str | None:
    """Return why some of these runs cannot be trained in a group, or None.

    Raises:
        ValueError: a run cannot be trained at all.
    """
    reasons = (refusal(run, group_size, planned) for run in runs)
    return next((why for why in reasons if why), None)


def refusal(run: Run, group_size: int | None, planned: int | None = None) -> str | None:
    """Return why a run cannot be trained in a group, or None if it can.

    Args:
        run: any.
        group_size: that was asked for.
        planned: runs of an arm (kind.width_of).

    Raises:
        ValueError: the run cannot be trained at all.
    """
    key = json.dumps([asdict(run.settings), group_size, planned], sort_keys=True)
    if key not in _answers:
        _answers[key] = _refusal(run, group_size, planned)
    return _answers[key]


_answers: dict[str, str | None] = {}


def costs(runs: Sequence[Run], planned: int | None) -> list[Cost] | None:
    """Return what the planned runs of each of these arms cost in either way.

    None: one of them is Keras' own business, or its step cannot be traced.
    """
    found = []
    for run in runs:
        if own_loop(run.settings):
            return None
        loaded = load(run)
        if _own(run, loaded):
            return None
        examples = cast(Examples, loaded)
        work = work_of(kind_of(run, examples), run, examples)
        if work is None:
            return None
        found.append(cost(work, steps_of(run, examples), planned or MANY))
    return found


def width(run: Run, engine: Engine) -> int:
    """Return how many runs of the kind of one that is not refused make a group."""
    examples = cast(Examples, load(run))
    kind = kind_of(run, examples)
    return width_of(kind, run, examples, engine.group_size, engine.planned)


def _refusal(run: Run, group_size: int | None, planned: int | None) -> str | None:
    reason = own_loop(run.settings)
    if reason:
        return reason
    loaded = load(run)
    if reason := _own(run, loaded):
        return reason
    examples = cast(Examples, loaded)
    kind = kind_of(run, examples)
    width = width_of(kind, run, examples, group_size, planned)
    if (kind, width) not in _tried:
        name = verdicts.name_of(run, kind, width)
        known, reason = verdicts.read(name)
        if not known:
            reason = _by_trial(run, examples, kind, width)
            verdicts.write(name, reason)
        _tried[kind, width] = reason
    return _tried[kind, width]


_tried: dict[tuple[str, int], str | None] = {}


def _by_trial(run: Run, examples: Examples, kind: str, width: int) -> str | None:
    program = program_of(kind, run, examples, width)
    reason = _layer(program.built) or _optimizer(run)
    if reason:
        return reason
    try:
        with _quiet():
            group = Group([run], [examples], program)
            copies = trial.in_group(group)
    except (ValueError, TypeError, NotImplementedError, tf.errors.OpError) as error:
        return _told(str(error))
    return trial.differs(run, examples, group, copies)


def _own(run: Run, examples: Examples | Streams) -> str | None:
    """Return what of the training is its author's own, which only Keras does."""
    settings = run.settings
    built = build(settings.model, examples.sample, examples.labels, run.seeds)
    model = built.model
    if built.unnamed:
        return UNNAMED
    if reason := only_keras(run, examples, built):
        return reason
    if weights := own_constraints(model):
        return f"a constraint of its author's own is on {', '.join(weights[:3])}"
    optimizer = build_optimizer(settings.optimizer, settings.loop.schedule, 10)
    if names := own_in_optimizer(optimizer):
        return f"optimizer {type(optimizer).__name__} has its own {', '.join(names)}"
    return None


def _layer(built: Built) -> str | None:
    for layer in built.model._flatten_layers():
        name = f"layer {layer.name} ({type(layer).__name__})"
        if getattr(layer, "activity_regularizer", None) is not None:
            return f"{name} has an activity regularizer, a loss of the whole batch"
        if isinstance(layer, keras.layers.RNN):
            if not isinstance(layer, RECURRENT):
                return f"{name} is a recurrent layer of its own kind"
            if layer.dropout or layer.recurrent_dropout:
                return f"{name} draws noise inside its loop over time"
            given = getattr(layer, "input", None)  # layers inside layers have none
            given = next(iter(keras.tree.flatten(given)), None)  # a mask is the other
            if given is not None and (given.shape[1] or math.inf) > LONGEST_SEQUENCE:
                return f"{name} takes more than {LONGEST_SEQUENCE} time steps"
        if isinstance(layer, CONVOLUTIONS) and layer.groups > 1:
            return f"{name} convolves in groups"
    return None


def _optimizer(run: Run) -> str | None:
    """Step as `fit` does and as a group does: an optimizer's two ways may differ."""
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape) for shape in ((3, 2), (2,))]
    gradients = [keras.ops.convert_to_tensor(value * 0.3 + 0.1) for value in start]
    settings = run.settings
    fitted, stepped = (
        build_optimizer(settings.optimizer, settings.loop.schedule, 10)
        for _ in range(2)
    )
    variables, others = ([keras.Variable(v) for v in start] for _ in range(2))
    fitted.build(variables)
    with stateless_optimizers():
        stepped.build(others)
        values = [keras.ops.convert_to_tensor(v) for v in others]
        slots = [keras.ops.convert_to_tensor(v) for v in stepped.variables]
    for _ in range(3):
        fitted.apply_gradients(list(zip(gradients, variables, strict=True)))
        with stateless_optimizers():
            values, slots = stepped.stateless_apply(slots, gradients, values)
    for variable, value in zip(variables, values, strict=True):
        if not np.allclose(np.asarray(variable), np.asarray(value), atol=1e-5):
            name = type(fitted).__name__
            return f"optimizer {name} steps otherwise in Keras' stateless way"
    return None


def _told(message: str) -> str:
    """Return the operation, and the layer where TensorFlow says so, in one line."""
    unknown = re.search(r"No pfor vectorization defined for (\w+)", message)
    place = re.search(r"loop_body/([\w/.]+)", message)
    layer = f" (in {place[1]})" if place else ""
    if unknown:
        return f"TensorFlow cannot map {unknown[1]}{layer} over runs"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("File ", "in user code"))]
    said = lines[-1] if "in user code" in message else lines[0]
    said = said.removeprefix("Failed getting HLO text: ").strip("'")
    return f"its training step cannot be compiled for many runs: {said[:200]}{layer}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence TensorFlow's log of a failed conversion: the reason is the answer."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
