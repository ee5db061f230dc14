"""The seam between a question and the places that hold runs: `read(question) -> Runs`.

A reader is a module with the one function of `Reader`, and a new place is one module
and one line of `PLACES`. Modules are named, not imported: a mistake in the question is
answered before MLflow is imported. A new kind of file is one function and one line of
`tables.formats.READERS`.
"""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from seedscope.runs.score import directions
from seedscope.runs.table import Runs

if TYPE_CHECKING:
    from seedscope.runs.question import Question

PLACES = {  # the key of a question that names the place, the first that is given
    "table": "seedscope.runs.files",
    "experiment": "seedscope.runs.experiment",
    "name": "seedscope.runs.study",
}


class Reader(Protocol):
    """One place that holds runs."""

    def read(self, question: "Question") -> Runs:
        """Return all runs that a question is about.

        Raises:
            ValueError: there are none, or they cannot be read.
        """
        ...


def read(question: "Question") -> Runs:
    """Return all runs that a question is about, from wherever they are."""
    named = (m for key, m in PLACES.items() if getattr(question, key) is not None)
    return told(cast(Reader, import_module(next(named))).read(question), question)


def told(runs: Runs, question: "Question") -> Runs:
    """Return runs with what a question says of their scores' directions.

    Raises:
        ValueError: it names a score that no run holds.
    """
    asked = [*question.score, *question.metrics]
    said = directions(question.better, list(runs.known), asked)
    return replace(runs, better={**runs.better, **said})
