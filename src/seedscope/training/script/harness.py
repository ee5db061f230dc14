"""Everything that stands between a script and chance, and what it leaves, in one place.

`begin` puts the hooks in this process, once and for good: a process runs one script.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import keras

from seedscope.training import runtime
from seedscope.training.checkpoint import Checkpoint
from seedscope.training.script import stack
from seedscope.training.script.hooks import (
    fit_order,
    generators,
    keras_seeds,
    pipelines,
    recording,
    resume,
    scikit_learn,
    tensorflow_seeds,
)
from seedscope.training.script.ledger import SOURCES, Ledger
from seedscope.training.script.record import Record
from seedscope.training.script.stack import Progress


@dataclass(frozen=True)
class Harness:
    """The hooks of this process."""

    ledger: Ledger
    recorder: recording.Recorder
    asked: keras_seeds.Generators | None  # none where the script keeps its own seeds
    states: generators.States
    extra: dict[str, Any] = field(default_factory=dict)  # of a caller's own hooks


def begin(
    seeds: Mapping[str, int] | None,
    max_epochs: int | None = None,
    max_steps: int | None = None,
    kept: Checkpoint | None = None,
) -> Harness:
    """Put the hooks in place.

    Args:
        seeds: source -> seed; none: the script draws as it does without us.
        max_epochs: most epochs of each `fit`.
        max_steps: most steps of each epoch.
        kept: the run's checkpoint, if one is kept.
    """
    if max_epochs is not None:
        keras.config.set_max_epochs(max_epochs)
    if max_steps is not None:
        keras.config.set_max_steps_per_epoch(max_steps)
    ledger = Ledger(seeds or dict.fromkeys(SOURCES, 0))
    progress = Progress()
    stack.install()
    found, states, numbers = None, {}, []
    if seeds is not None:
        states = generators.install(ledger, progress)
        found = keras_seeds.install(ledger, progress)
        local = tensorflow_seeds.install(ledger, progress)
        pipelines.install(ledger, local, found)
        numbers = fit_order.install(ledger)
        scikit_learn.install(ledger)
    recorder = recording.install(ledger, progress)
    if kept is not None and kept.on and seeds is not None:
        resume.install(kept, recorder, states, numbers)
    return Harness(ledger, recorder, found, states)


def end(harness: Harness, keep_weights: bool) -> Record:
    """Return what the script left."""
    record, ledger = harness.recorder.finish(keep_weights), harness.ledger
    if harness.asked is not None:
        keras_seeds.count_uses(ledger, harness.asked)
        generators.note_states(ledger, harness.states)
    record.drawn = deepcopy(ledger.drawn)
    record.pinned, record.replaced = dict(ledger.pinned), dict(ledger.replaced)
    record.extra = dict(harness.extra)
    record.remarks += list(ledger.remarks)
    record.facts = runtime.facts() | {"precision": keras.config.dtype_policy().name}
    record.answers = harness.recorder.answers()  # may draw: what counts is counted
    return record
