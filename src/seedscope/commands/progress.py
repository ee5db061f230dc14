"""Show how far a job is: runs done, time left, and what a reader should know."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from seedscope.report.harmless import console as harmless_console
from seedscope.study.characters import harmless
from seedscope.study.words import Study
from seedscope.trace.trace import Trace


class Shown:
    """A progress bar that counts runs."""

    def __init__(self, bar: Progress, name: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=total)

    def advance(self, traces: Sequence[Trace]) -> None:
        """Count a finished group; a run that diverged is named."""
        for trace in traces:
            if trace.diverged:
                run = trace.run
                self.note(f"{run.arm} #{run.replicate} diverged: kept, counted apart")
        self._bar.advance(self._task, len(traces))

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(f"  {text}", style="yellow", markup=False)


@contextmanager
def show(study: Study, planned: int, missing: int) -> Iterator[Shown]:
    """Show a progress bar while the runs of a job train."""
    console = harmless_console(stderr=True)
    if missing < planned:
        console.print(
            f"{study.factor.name}: {planned - missing} of {planned} runs are in study "
            f"{study.name} already",
            highlight=False,
            markup=False,
        )
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        yield Shown(bar, escape(harmless(study.factor.name or "")), missing)
