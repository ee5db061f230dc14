"""Tell which runs can share a compiled program, and make the programs.

Two runs are of one *kind* when they differ only in seeds, in data of the same shape and
in numbers that a program takes as tensors. Programs are kept: compiling takes seconds,
and the jobs of a sweep mostly train runs of the same kind.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.task.data.load import Examples
from seedscope.task.model import Built, build
from seedscope.task.objective import objective
from seedscope.task.optimizer import build_optimizer
from seedscope.task.orders import batch_bounds
from seedscope.training.batched.cost import LEAST_WIDTH, best_width
from seedscope.training.batched.feed import fed
from seedscope.training.batched.initial import drawer
from seedscope.training.batched.numbers import numbers_of
from seedscope.training.batched.one_run import OneRun
from seedscope.training.batched.program import Program, compile_program, one_run
from seedscope.training.batched.work import Work, traced

KEPT_PROGRAMS = 8  # each holds its compiled code
MANY = 1000  # runs, where nobody said how many are planned


def kind_of(run: Run, examples: Examples) -> str:
    """Return the name of a run's kind."""
    settings, loop = run.settings, run.settings.loop
    numbers = dict.fromkeys(numbers_of(run), "one for each run")
    optimizer, model = (
        {k: numbers.get(k, v) for k, v in part.items() if k != "name"}
        for part in (settings.optimizer, settings.model)
    )
    return json.dumps(
        [
            model,
            optimizer,
            [loop.epochs, loop.batch_size, loop.drop_remainder, loop.schedule],
            [loop.patience, loop.loss, loop.metrics, settings.runtime.precision],
            [examples.x.dtype.str, examples.x.shape[1:], len(examples.parts.train)],
            [examples.y.dtype.str, examples.y.shape[1:], asdict(examples.labels)],
            [len(examples.parts.validation) > 0],
        ],
        sort_keys=True,
    )


def width_of(
    kind: str,
    run: Run,
    examples: Examples,
    group_size: int | None,
    planned: int | None,
) -> int:
    """Return how many runs of a kind make a group.

    Args:
        kind: as `kind_of` names it.
        run: one of the kind.
        examples: its data.
        group_size: that was asked for.
        planned: runs of an arm when the study began; None: many. What is left of them
            does not matter: a run's last digits may depend on the width.
    """
    if group_size:
        return group_size
    work = work_of(kind, run, examples)
    if work is None:
        return LEAST_WIDTH
    return best_width(work, steps_of(run, examples), planned or MANY)


def work_of(kind: str, run: Run, examples: Examples) -> Work | None:
    """Return what a step of a kind of run computes; None: it cannot be traced."""
    if kind not in _works:
        batch = run.settings.loop.batch_size or len(examples.parts.train)
        made = _made_of(kind, run, examples)
        x = fed(examples.x[:1])
        y = made.run.objective.targets(examples.y_train[:1])
        try:
            _works[kind] = traced(
                made.run,
                tuple(numbers_of(run)),
                tf.TensorSpec([batch, *x.shape[1:]], x.dtype),
                tf.TensorSpec([batch, *y.shape[1:]], y.dtype),
            )
        except (ValueError, TypeError, NotImplementedError, tf.errors.OpError):
            _works[kind] = None  # the trial will say why
    return _works[kind]


_works: dict[str, Work | None] = {}


def steps_of(run: Run, examples: Examples) -> int:
    """Return how many steps a run takes that is not stopped early."""
    loop = run.settings.loop
    count = len(examples.parts.train)
    return loop.epochs * len(batch_bounds(count, loop.batch_size, loop.drop_remainder))


def program_of(kind: str, run: Run, examples: Examples, width: int) -> Program:
    """Return the compiled program for a kind of run, made of one of its runs."""
    key = (kind, width)
    if key not in _programs:
        made = _made_of(kind, run, examples)
        _programs[key] = compile_program(
            made.built, made.run, width, made.draw, tuple(numbers_of(run))
        )
    return _kept(_programs, key)


_programs: OrderedDict[tuple[str, int], Program] = OrderedDict()


@dataclass(frozen=True)
class _Made:
    """What programs and the count of their work are made of."""

    built: Built
    run: OneRun
    draw: Callable[[Sequence[Run]], dict[int, np.ndarray]]


def _made_of(kind: str, run: Run, examples: Examples) -> _Made:
    if kind not in _mades:
        _mades[kind] = _make(run, examples)
    return _kept(_mades, kind)


_mades: OrderedDict[str, _Made] = OrderedDict()


def _kept(held: OrderedDict, key: Any) -> Any:
    """Return what is held by a key, and forget what was not asked for longest."""
    held.move_to_end(key)
    if len(held) > KEPT_PROGRAMS:
        held.popitem(last=False)
    return held[key]


def _make(run: Run, examples: Examples) -> _Made:
    settings, loop = run.settings, run.settings.loop
    if loop.patience and not len(examples.parts.validation):
        raise ValueError("loop.patience needs validation data: raise split.validation")
    sample = examples.sample

    def build_for(run: Run) -> Built:
        return build(settings.model, sample, examples.labels, run.seeds)

    built = build_for(run)
    outputs = keras.ops.convert_to_numpy(built.model(sample, training=False))
    goal = objective(
        loop.loss,
        loop.metrics,
        bool(settings.model.get("from_logits", False)),
        examples.labels,
        np.asarray(outputs),
    )
    optimizer = build_optimizer(
        settings.optimizer, loop.schedule, steps_of(run, examples)
    )
    return _Made(built, one_run(built.model, goal, optimizer), drawer(built, build_for))
