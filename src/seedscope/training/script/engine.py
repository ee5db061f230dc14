"""The engine `script`: the user's own program, one process a run.

This process imports TensorFlow and makes nothing with it; each run is a fork of it.
Before anything is planned the program runs twice with nothing varied: that shows what
it draws, which data it opens, and whether it repeats. These two runs count where they
are among those that are planned.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from seedscope.study import words
from seedscope.study.identity import Found, data_key
from seedscope.study.words import Run, Runtime
from seedscope.trace.trace import Trace
from seedscope.training import checkpoint
from seedscope.training.checkpoint import Checkpoint
from seedscope.training.engines import Note
from seedscope.training.script import (
    check,
    harness,
    knowledge,
    process,
    told,
    traces,
)
from seedscope.training.script.knowledge import Knowledge
from seedscope.training.script.ledger import SOURCES
from seedscope.training.script.process import Job
from seedscope.training.script.record import Record

READY = (keras, tf, harness)  # imported here, once, for all forks
_spare: list[Trace] = []  # of the double run: they may be among the planned


class RunFailed(Exception):
    """A run of the script did not come to its end."""


def start(runtime: Runtime) -> None:
    """Leave TensorFlow alone: each fork is started with its runtime."""


def identify(samples: Sequence[Run], options: words.Engine) -> Found:
    """Run each program once with nothing varied, the first one twice.

    Raises:
        ValueError: it fails, or a source that is to vary is never drawn from.
    """
    data: dict[str, str] = {}
    notes: list[str] = []
    texts: list[str] = []
    silent: list[str] = []
    named = sorted(samples, key=lambda run: not run.arm)  # arms first
    for run in named:
        key = data_key(run.settings)
        if key in data:
            known = knowledge.kept(run)
        else:
            known = _known(run, options, twice=not data)
            data[key] = known.data if known else ""
        if known and known.verdict:
            notes.append(known.verdict)
        if known and not texts:
            texts = [*told.draws(known.drawn), *told.seeds(known)]
            silent = [s for s in SOURCES if s not in known.drawn]
        if known and (why := told.without_effect(run.vary, known)):
            raise ValueError(why)
    return Found(
        data=data,
        engine=options,
        tensorflow=tf.__version__,
        keras=keras.__version__,
        notes=tuple(dict.fromkeys(notes)),
        silent=tuple(silent),
        told=tuple(texts),
    )


def train(
    runs: Sequence[Run], options: words.Engine, note: Note
) -> Iterator[list[Trace]]:
    """Train runs one after the other; a run that fails does not stop the others.

    Raises:
        ValueError: some failed; the message has the first one's own lines.
    """
    failures: list[tuple[Run, str]] = []
    for run in runs:
        kept = checkpoint.of_run(run, options.checkpoint)
        try:
            yield [_spared(run, options) or _kept(run, options, kept, note)]
            kept.remove()
        except RunFailed as failure:
            failures.append((run, str(failure)))
            note(f"{run.arm} #{run.replicate} failed: {str(failure).splitlines()[0]}")
    if failures:
        run, message = failures[0]
        raise ValueError(f"{run.arm} #{run.replicate} failed: {message}")


def _known(run: Run, options: words.Engine, twice: bool) -> Knowledge | None:
    """Return what a program does; none where the one of no arm does not run.

    The program as no arm calls it may lack an argument that every level gives.
    """
    if (known := knowledge.kept(run)) and (known.verdict or not twice):
        return known
    try:
        record = _once(run, options)
        verdict = _verdict(run, options, record) if twice else None
    except RunFailed as failure:
        if not run.arm:
            return None
        raise ValueError(f"{run.settings.script.name}: {failure}") from None
    files = traces.data_files(record, run)
    known = knowledge.of_record(record, files, verdict)
    knowledge.keep(run, known)
    return known


def _verdict(run: Run, options: words.Engine, first: Record) -> str:
    """Run the same once more, and say whether it is the same."""
    try:
        found = check.differences(first, _once(run, options))
    except RunFailed as failure:
        found = [f"how they end ({failure})"]
    return check.verdict(run.settings.script, found)


def _once(run: Run, options: words.Engine) -> Record:
    """Run a program, and keep its trace for a planned run that is the same."""
    record, trace = _run(run, options)
    if run.settings.script.folder is None:  # else its files are missed
        _spare.append(trace)
    return record


def _kept(run: Run, options: words.Engine, kept: Checkpoint, note: Note) -> Trace:
    """Run a program, from where it was cut off; say so, or why not."""
    record, trace = _run(run, options, kept)
    for text in record.said:
        note(text)
    return trace


def _run(
    run: Run, options: words.Engine, kept: Checkpoint | None = None
) -> tuple[Record, Trace]:
    """Run a program to its end and return what it left."""
    script, keep = run.settings.script, options.keep_weights != "none"
    job = Job(script, run.seeds, run.settings.runtime, keep, kept=kept)
    place = Path(tempfile.mkdtemp(prefix="seedscope-script-"))
    try:
        outcome = process.run_once(job, place)
        if outcome.error or outcome.record is None:
            raise RunFailed(outcome.error)
        return outcome.record, traces.trace_of(run, outcome)
    finally:
        _put_away(run, place)


def _spared(run: Run, options: words.Engine) -> Trace | None:
    """Return a trace of the double run, if this run is the same."""
    for trace in _spare:
        same = data_key(trace.run.settings) == data_key(run.settings)
        kept = trace.weights is not None or options.keep_weights == "none"
        if same and kept and dict(trace.run.seeds) == dict(run.seeds):
            _spare.remove(trace)
            return replace(trace, run=run)
    return None


def _put_away(run: Run, place: Path) -> None:
    """Keep what a run wrote where the user asked for it; else it goes."""
    folder = run.settings.script.folder
    if folder is not None and run.arm and (place / "work").is_dir():
        target = Path(folder, f"{run.arm} {run.replicate}".replace("/", "_"))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(place / "work", target, symlinks=True)
    shutil.rmtree(place, ignore_errors=True)
