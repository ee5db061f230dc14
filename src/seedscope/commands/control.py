"""Repeat a failed control one by one: an engine's fault is not the machine's."""

from collections.abc import Sequence

from seedscope.study.words import Run
from seedscope.trace.trace import Trace

REPEATS = 3  # runs that are repeated one by one


def unequal(traces: Sequence[Trace]) -> list[Run]:
    """Return a few runs of an arm that should repeat and does not; else none.

    Args:
        traces: of runs that were trained in groups.
    """
    arms: dict[str, list[Trace]] = {}
    for trace in traces:
        if not trace.run.vary and trace.run.settings.runtime.seeding == "sources":
            arms.setdefault(trace.run.arm, []).append(trace)
    for held in arms.values():
        if not _repeat(held):
            return [trace.run for trace in held[:REPEATS]]
    return []


def blamed(alone: Sequence[Trace]) -> str:
    """Return whose fault it is that a control failed in groups: engine or machine.

    Args:
        alone: the same runs, trained one by one.
    """
    return "engine" if _repeat(alone) else "machine"


def _repeat(traces: Sequence[Trace]) -> bool:
    return len({trace.weights_sha256 for trace in traces}) < 2
