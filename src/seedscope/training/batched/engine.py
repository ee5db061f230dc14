"""The engine `batched`: all runs in compiled groups, or an error that says why not."""

from collections.abc import Iterator, Sequence

from seedscope.study.words import Engine, Run
from seedscope.trace.trace import Trace
from seedscope.training.batched import batched
from seedscope.training.engines import Note
from seedscope.training.identify import decide
from seedscope.training.identify import identify as identify
from seedscope.training.runtime import start as start


def train(runs: Sequence[Run], options: Engine, note: Note) -> Iterator[list[Trace]]:
    """Train runs in groups.

    Raises:
        ValueError: a run cannot be trained in a group.
    """
    decide(runs, options)
    yield from batched.train(runs, options)
