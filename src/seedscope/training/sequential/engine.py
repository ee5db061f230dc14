"""The engine `sequential`: one run after the other through real Keras loops."""

from collections.abc import Iterator, Sequence

from seedscope.study.words import Engine, Run
from seedscope.trace.trace import Trace
from seedscope.training import checkpoint
from seedscope.training.engines import Note
from seedscope.training.identify import identify as identify
from seedscope.training.runtime import start as start
from seedscope.training.sequential import loops, naive


def train(runs: Sequence[Run], options: Engine, note: Note) -> Iterator[list[Trace]]:
    """Train runs one by one, each with the draws that its runtime asks for."""
    for run in runs:
        kept = checkpoint.of_run(run, options.checkpoint, note)
        own = run.settings.runtime.seeding == "sources"
        yield [(loops if own else naive).train(run, options.keep_weights, kept)]
        kept.remove()
