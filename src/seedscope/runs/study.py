"""The runs of a study of seedscope, from MLflow."""

from seedscope.runs.question import Question
from seedscope.runs.table import Runs
from seedscope.store.read import read_study
from seedscope.store.store import connect


def read(question: Question) -> Runs:
    """Return the finished runs of the study that `name` names."""
    return read_study(connect(question.tracking, create=False), question.name)
