"""Split runs into shares: what one process trains, all of one runtime."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from seedscope.study.words import Run, Runtime


@dataclass(frozen=True)
class Share:
    """Runs that one process trains."""

    runs: tuple[Run, ...]
    fresh: bool  # in a process that trains nothing before and nothing after

    @property
    def runtime(self) -> Runtime:
        """Return what the process must be started with."""
        return self.runs[0].settings.runtime


def shares_of(runs: Sequence[Run], workers: int, fresh: bool) -> list[Share]:
    """Return the shares of runs, in the order in which they should train.

    Args:
        runs: of any arms.
        workers: so many shares of a runtime, to train side by side.
        fresh: a share for every run.
    """
    if fresh:  # one repeat of every level after the other: their times compare
        in_turn = sorted(runs, key=lambda run: run.replicate)
        return [Share((run,), fresh=True) for run in in_turn]
    by_runtime: dict[tuple, list[Run]] = {}
    for run in runs:
        by_runtime.setdefault(astuple(run.settings.runtime), []).append(run)
    return [
        Share(tuple(part), fresh=False)
        for group in by_runtime.values()
        for i in range(workers)
        if (part := group[i::workers])
    ]
