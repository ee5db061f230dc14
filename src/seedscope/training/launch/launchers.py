"""The seam between a study and where its runs train: `submit(shares) -> traces`.

A launcher is a module with the two functions of `Launcher`. A new one is one file and
one line of `LAUNCHERS`, and a file of its name in conf/launcher/ lets users ask for it.
What a process does with its share is the engine's business, not the launcher's.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Protocol, cast

from seedscope.study import words
from seedscope.study.identity import Found
from seedscope.study.words import Engine, Run, Runtime
from seedscope.trace.trace import Trace
from seedscope.training import known
from seedscope.training.engines import Note
from seedscope.training.launch import here
from seedscope.training.launch.shares import Share, shares_of

# Read when Ray is imported, by us or by Hydra: a worker takes the packages of
# its machine, also where `uv run` started this process.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

LAUNCHERS = {
    "here": "seedscope.training.launch.here",
    "ray": "seedscope.training.launch.ray",
}


class Launcher(Protocol):
    """Where runs are trained."""

    def warm(self, runtime: Runtime, engine: Engine) -> None:
        """Get ready for a share of this runtime ahead of its work, where that helps."""
        ...

    def slots(self, engine: Engine, options: words.Launcher, note: Note) -> int:
        """Return how many shares train side by side.

        Raises:
            ValueError: the place cannot be reached, or has no room for one.
        """
        ...

    def submit(
        self,
        shares: Sequence[Share],
        engine: Engine,
        options: words.Launcher,
        note: Note,
    ) -> Iterator[list[Trace]]:
        """Train shares, at most `slots` side by side, in their order.

        Yields:
            The traces of each group of runs when it has finished.

        Raises:
            ValueError: what the user brought and asked for do not fit each other.
            RuntimeError: a process or machine failed.
        """
        ...


def load(name: str) -> Launcher:
    """Import a launcher."""
    return cast(Launcher, import_module(LAUNCHERS[name]))


def check(name: str) -> None:
    """Refuse a launcher that does not exist."""
    if name not in LAUNCHERS:
        raise ValueError(
            f"launcher.name={name!r} is unknown; choose one of {', '.join(LAUNCHERS)}"
        )


def ask(samples: Sequence[Run], engine: Engine) -> Callable[[], Found]:
    """Ask what a run's identity needs of a process that can train; see `here.ask`.

    A process of this machine answers for every launcher: all have the same packages.
    What it said before of what comes with seedscope holds until a version changes.
    """
    name = known.name_of(samples, engine)
    if name is not None and (found := known.read(name)) is not None:
        return lambda: found
    answer = here.ask(samples, engine)

    def kept() -> Found:
        found = answer()
        if name is not None:
            known.write(name, found)
        return found

    return kept


def train(
    runs: Sequence[Run],
    engine: Engine,
    options: words.Launcher,
    fresh_process: bool,
    note: Note,
) -> Iterator[list[Trace]]:
    """Train runs and yield their traces, a finished group at a time.

    Args:
        runs: planned runs, of any arms.
        engine: which engine, and how many processes side by side.
        options: which launcher, and what it asks for.
        fresh_process: give every run a process of its own.
        note: is told once what a reader should know, as why an engine was not used.

    Raises:
        ValueError: data, model and settings do not fit each other.
        RuntimeError: a training process failed; its traceback is in the message.
    """
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            note(text)

    launcher = load(options.name)
    shares = shares_of(runs, launcher.slots(engine, options, tell), fresh_process)
    yield from launcher.submit(shares, engine, options, tell)
