"""The engine `auto`: in groups where all runs can be, else one by one, and says why."""

from collections.abc import Iterator, Sequence

from seedscope.study.words import Engine, Run
from seedscope.trace.trace import Trace
from seedscope.training.batched import batched
from seedscope.training.engines import Note
from seedscope.training.identify import decide
from seedscope.training.identify import identify as identify
from seedscope.training.runtime import start as start
from seedscope.training.sequential import engine as sequential


def train(runs: Sequence[Run], options: Engine, note: Note) -> Iterator[list[Trace]]:
    """Train runs with the engine that all of them can have."""
    chosen, notes = decide(runs, options)
    for text in notes:
        note(text)
    if chosen.name == "batched":
        yield from batched.train(runs, chosen)
    else:
        yield from sequential.train(runs, chosen, note)
