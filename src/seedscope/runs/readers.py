"""The seam between a question and the places that hold runs: `read(question) -> Runs`.

A reader is a module with the one function of `Reader`. A new kind of file is one module
and one line of `FILES`; a new place besides is one line of `PLACES`. Modules are named,
not imported: a mistake in the question is answered before MLflow is imported.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from seedscope.runs.table import Runs

if TYPE_CHECKING:
    from seedscope.runs.question import Question

FILES = {  # the ending of what `table=` names
    ".csv": "seedscope.runs.files",
    ".parquet": "seedscope.runs.files",
}
PLACES = {  # the key of a question that names the place, the first that is given
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
    if question.table is not None:
        module = FILES[Path(question.table).suffix]
    else:
        named = (m for key, m in PLACES.items() if getattr(question, key) is not None)
        module = next(named)
    return cast(Reader, import_module(module)).read(question)
