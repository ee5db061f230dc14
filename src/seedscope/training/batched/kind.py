"""Tell which runs can share a compiled program, and make the programs.

Two runs are of one *kind* when they differ only in seeds, in data of the same shape and
in numbers that a program takes as tensors. Programs are kept: compiling takes seconds,
and the jobs of a sweep mostly train runs of the same kind.
"""

import json
from collections import OrderedDict
from dataclasses import asdict

import keras
import numpy as np

from seedscope.study.words import Run
from seedscope.task.data.load import Examples
from seedscope.task.model import Built, build
from seedscope.task.objective import objective
from seedscope.task.optimizer import build_optimizer
from seedscope.task.orders import batch_bounds
from seedscope.training.batched.cost import group_width
from seedscope.training.batched.initial import drawer
from seedscope.training.batched.numbers import numbers_of
from seedscope.training.batched.program import Program, compile_program

KEPT_PROGRAMS = 8  # each holds its compiled code


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


def program_of(
    kind: str, run: Run, examples: Examples, group_size: int | None
) -> Program:
    """Return the compiled program for a kind of run, made of one of its runs."""
    key = (kind, group_size)
    if key not in _programs:
        _programs[key] = _make_program(run, examples, group_size)
        if len(_programs) > KEPT_PROGRAMS:
            _programs.popitem(last=False)
    _programs.move_to_end(key)
    return _programs[key]


_programs: OrderedDict[tuple[str, int | None], Program] = OrderedDict()


def _make_program(run: Run, examples: Examples, group_size: int | None) -> Program:
    settings, loop = run.settings, run.settings.loop
    if loop.patience and not len(examples.parts.validation):
        raise ValueError("loop.patience needs validation data: raise split.validation")
    count = len(examples.parts.train)
    steps = len(batch_bounds(count, loop.batch_size, loop.drop_remainder))
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
    return compile_program(
        built,
        goal,
        build_optimizer(settings.optimizer, loop.schedule, steps * loop.epochs),
        group_size or group_width(built.model, loop.batch_size or count),
        drawer(built, build_for),
        tuple(numbers_of(run)),
    )
