"""Show how far a job is: what is planned, runs done, time left, what to know."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from seedscope.commands.sweep import Place
from seedscope.report.harmless import console as harmless_console
from seedscope.study.characters import harmless
from seedscope.study.words import Study
from seedscope.trace.trace import Trace

if TYPE_CHECKING:
    from seedscope.store.cost import Cost  # MLflow comes with it: seconds

WIDEST = 28  # characters of a job's name
BAR = 20


class Shown:
    """A progress bar that counts the runs of a job, and one of all jobs."""

    def __init__(self, bar: Progress, name: str, missing: int, place: Place) -> None:
        self._bar = bar
        self._tasks = [bar.add_task(name, total=missing)]
        if len(place.runs) > 1:
            done = place.before + place.runs[place.number] - missing
            everything = bar.add_task("all jobs", total=sum(place.runs), completed=done)
            self._tasks.append(everything)
        self._started = time.monotonic()
        self._first: tuple[float, int] | None = None  # when it ended, how many runs
        self._last = self._started
        self.trained = 0

    def advance(self, traces: Sequence[Trace]) -> None:
        """Count a finished group; a run that diverged is named."""
        for trace in traces:
            if trace.diverged:
                run = trace.run
                self.note(f"{run.arm} #{run.replicate} diverged: kept, counted apart")
        self.trained += len(traces)
        self._last = time.monotonic()
        if self._first is None:
            self._first = self._last, self.trained
        for task in self._tasks:
            self._bar.advance(task, len(traces))

    @property
    def each(self) -> float:
        """Seconds that a run has taken so far, with all that goes before the first."""
        return (time.monotonic() - self._started) / max(self.trained, 1)

    @property
    def later(self) -> float | None:
        """Seconds of a run after the first group; None where there was no other."""
        if self._first is None or self.trained == self._first[1]:
            return None
        return (self._last - self._first[0]) / (self.trained - self._first[1])

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(Text(f"  {text}", "yellow"), soft_wrap=True)


@contextmanager
def show(study: Study, planned: int, missing: int, place: Place) -> Iterator[Shown]:
    """Show a progress bar while the runs of a job train."""
    console = harmless_console(stderr=True)
    name = place.name(study)
    if missing < planned:
        console.print(
            f"{name}: {planned - missing} of {planned} runs are in study "
            f"{study.name} already",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(BAR),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        yield Shown(bar, escape(_cut(harmless(name))), missing, place)


def starting(place: Place) -> None:
    """Say why nothing is seen for some seconds, once for a command."""
    if place.number == 0:
        said = Text("starting TensorFlow", "dim")
        harmless_console(stderr=True).print(said)


def plan(blocks: Sequence[Sequence[object]], cost: "Cost | None") -> str:
    """Return what is about to be trained, and what it takes as far as that is known.

    Args:
        blocks: the runs that are missing, in whole blocks.
        cost: of a run; none where no earlier run was like these.
    """
    runs = sum(map(len, blocks))
    sizes = {len(block) for block in blocks}
    text = f"{runs} run{'s' if runs != 1 else ''}"
    if len(blocks) > 1 and sizes != {1}:
        each = str(max(sizes)) if len(sizes) == 1 else f"at most {max(sizes)}"
        text += f": {len(blocks)} blocks of {each}"
    if cost is None:
        return text
    text += f", about {duration(runs * cost.seconds)}"
    return text if cost.bytes is None else f"{text}, {amount(runs * cost.bytes)}"


def duration(seconds: float) -> str:
    """Return seconds as people say them: 40 s, 4 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def amount(count: float) -> str:
    """Return bytes as people say them: 60 MB."""
    power = 1 if count < 1e6 else 2 if count < 1e9 else 3
    shown = count / 1000**power
    digits = 0 if shown >= 10 else 1
    return f"{shown:.{digits}f} {('kB', 'MB', 'GB')[power - 1]}"


def _cut(name: str) -> str:
    return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"
