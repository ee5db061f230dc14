"""Train many runs in one compiled graph: the engine for studies with many runs.

Runs of one *kind* (the same settings apart from seeds and numbers, the same sizes) are
trained in groups of a fixed width; the last group is filled up with copies. Seeds,
orders, noise and every field of a trace mean what they mean in the sequential engine;
weights agree with it to rounding.
"""

import time
from collections.abc import Iterator, Sequence
from typing import cast

from seedscope.study.words import Engine, Run
from seedscope.task.data.load import Examples, load
from seedscope.task.sources import check_sources
from seedscope.trace.trace import Trace
from seedscope.training.batched.group import Group
from seedscope.training.batched.group_recording import GroupRecorder
from seedscope.training.batched.kind import kind_of, program_of, width_of
from seedscope.training.batched.program import Program


def train(runs: Sequence[Run], engine: Engine) -> Iterator[list[Trace]]:
    """Train runs of any arms; yield the traces of each group when it has finished.

    A run is the same bits in any group, at any position and in any process of the same
    machine, given the same `engine.group_size`, or where none was asked for the same
    `engine.planned`.

    Raises:
        ValueError: data, model and settings do not fit each other.
    """
    waiting: dict[str, list[tuple[Run, Examples]]] = {}
    checked: set[tuple[str, str]] = set()
    for run in runs:
        examples = cast(Examples, load(run))  # what is no array was refused
        kind = kind_of(run, examples)
        group = waiting.setdefault(kind, [])
        group.append((run, examples))
        program = _program(kind, run, examples, engine)
        if (run.factor, run.arm) not in checked:
            check_sources(run, program.built)
            checked.add((run.factor, run.arm))
        if len(group) == program.width:
            yield _train_group(waiting.pop(kind), program, engine)
    for kind, group in waiting.items():
        yield _train_group(group, _program(kind, *group[0], engine), engine)


def _program(kind: str, run: Run, examples: Examples, engine: Engine) -> Program:
    width = width_of(kind, run, examples, engine.group_size, engine.planned)
    return program_of(kind, run, examples, width)


def _train_group(
    members: Sequence[tuple[Run, Examples]], program: Program, engine: Engine
) -> list[Trace]:
    """Train at most as many runs as the program is wide, and return their traces."""
    started = time.perf_counter()
    group = Group([run for run, _ in members], [e for _, e in members], program)
    recorder = GroupRecorder(group, engine.keep_weights)
    recorder.note_weights()
    for epoch in range(group.loop.epochs):
        recorder.note_batches(group.train_epoch(epoch, recorder.active))
        recorder.note_weights()
        if len(group.examples[0].parts.validation):
            recorder.note_validation(group.score("validation")[1])
        if not recorder.active.any():
            break
    outputs, test = group.score("test")
    seconds = (time.perf_counter() - started) / len(members)
    return [
        recorder.trace(number, outputs[number], test[number], seconds)
        for number in range(len(members))
    ]
