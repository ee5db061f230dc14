"""The engine `auto`: in groups what can be, the rest one by one, and says why."""

from collections.abc import Iterator, Sequence

from seedscope.study.words import Engine, Run
from seedscope.trace.trace import Trace
from seedscope.training.batched import batched
from seedscope.training.engines import Note
from seedscope.training.runtime import start as start
from seedscope.training.sequential import engine as sequential


def train(runs: Sequence[Run], options: Engine, note: Note) -> Iterator[list[Trace]]:
    """Train runs with the engine that each can have."""
    reasons = [batched.refusal(run, options) for run in runs]
    for why in dict.fromkeys(filter(None, reasons)):
        note(f"trained one by one: {why}")
    pairs = list(zip(runs, reasons, strict=True))
    yield from batched.train([run for run, why in pairs if why is None], options)
    yield from sequential.train([run for run, why in pairs if why], options, note)
