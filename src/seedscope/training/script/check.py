"""Does a script repeat? Two runs with the same seeds, before the others are spent."""

from collections.abc import Iterator, Sequence

import numpy as np

from seedscope.study.words import Script
from seedscope.training.script.program import arguments
from seedscope.training.script.record import Record


def differences(one: Record, other: Record) -> list[str]:
    """Return in words what two runs with the same seeds do not share, if anything."""
    return list(_differences(one, other))


def verdict(script: Script, found: Sequence[str]) -> str:
    """Return what to say of a script after its double run.

    Args:
        script: that ran twice.
        found: what the two runs did not share.
    """
    if not found:
        return (
            f"{script.name} repeats bit for bit: two runs with the same seeds agree in "
            "all that is recorded"
        )
    words = ",".join(f'"{word}"' for word in arguments(script))
    given = f" 'script.words=[{words}]'" if words else ""
    called = f"module={script.module}" if script.module else f"path={script.path}"
    return (
        f"{script.name} does not repeat: two runs with the same seeds differ in "
        f"{', '.join(found)}. Something draws or races outside the sources (threads, "
        "os.urandom, the clock, an operation), and every spread of this study holds it "
        f"too; find it with `seedscope verify script.{called}{given}`"
    )


def _differences(one: Record, other: Record) -> Iterator[str]:
    if one.initial != other.initial:
        yield "the initial weights"
    step = first_difference(losses(one), losses(other))
    if step is not None:
        yield f"the loss from batch {step} on"
    if one.final != other.final:
        yield "the final weights"
    if not _equal(one.evaluations, other.evaluations):
        yield "what evaluate says"
    if {s: d.digest for s, d in one.drawn.items()} != {
        s: d.digest for s, d in other.drawn.items()
    }:
        yield "what it draws"
    if one.answers is not None and other.answers is not None:
        a, b = one.answers.outputs, other.answers.outputs
        if a.shape != b.shape or a.tobytes() != b.tobytes():
            yield "its predictions"


def losses(record: Record) -> np.ndarray:
    """Return the loss of every batch of a run, all trainings one after the other."""
    parts = [np.ravel(loss) for fit in record.fits for loss in fit.losses]
    parts += [np.ravel(values) for values in record.loops.values()]
    return np.concatenate(parts) if parts else np.zeros(0)


def first_difference(a: np.ndarray, b: np.ndarray) -> int | None:
    """Return the first place, counted from 1, at which two series differ."""
    shorter = min(len(a), len(b))
    unequal = np.flatnonzero(
        (a[:shorter] != b[:shorter]) & ~(np.isnan(a[:shorter]) & np.isnan(b[:shorter]))
    )
    if unequal.size:
        return int(unequal[0]) + 1
    return None if len(a) == len(b) else shorter + 1


def _equal(a: list[dict[str, float]], b: list[dict[str, float]]) -> bool:
    return repr(a) == repr(b)  # NaN equals NaN
