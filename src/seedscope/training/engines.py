"""The seam between a training process and the engines: `train(runs) -> traces`.

An engine is a module with the two functions of `Engine`. A new one is one file and one
line of `ENGINES`, and a file of its name in conf/engine/ lets a user ask for it.
Modules are named, not imported: the parent of a study never imports TensorFlow.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Protocol, cast

from seedscope.study import words
from seedscope.study.identity import Found
from seedscope.study.words import Run, Runtime
from seedscope.trace.trace import Trace

ENGINES = {
    "auto": "seedscope.training.auto",
    "sequential": "seedscope.training.sequential.engine",
    "batched": "seedscope.training.batched.engine",
    "script": "seedscope.training.script.engine",
}
Note = Callable[[str], None]  # is told what a reader should know


class Engine(Protocol):
    """How runs are trained, in a process of their runtime."""

    def start(self, runtime: Runtime) -> None:
        """Make this process one of the runtime, before it trains anything."""
        ...

    def identify(self, samples: Sequence[Run], options: words.Engine) -> Found:
        """Return what decides runs besides settings, seeds and the user's code.

        Args:
            samples: one run of each arm; the one of no arm stands for its data alone.
            options: as configured.

        Raises:
            ValueError: an arm cannot be trained, or not by this engine.
        """
        ...

    def train(
        self, runs: Sequence[Run], options: words.Engine, note: Note
    ) -> Iterator[list[Trace]]:
        """Train runs that share a runtime; yield each finished group of traces.

        Raises:
            ValueError: what the user brought and asked for do not fit each other.
        """
        ...


def load(name: str) -> Engine:
    """Import an engine; most of them import TensorFlow."""
    return cast(Engine, import_module(ENGINES[name]))


def check(name: str) -> None:
    """Refuse an engine that does not exist."""
    if name not in ENGINES:
        raise ValueError(
            f"engine.name={name!r} is unknown; choose one of {', '.join(ENGINES)}"
        )
