"""The runs that any program logged in an MLflow experiment."""

from dataclasses import replace

from seedscope.runs.question import Question
from seedscope.runs.table import Runs
from seedscope.store.read import read_any
from seedscope.store.store import connect


def read(question: Question) -> Runs:
    """Return the runs of `experiment` that match `filter`, grouped by `group_by`."""
    tracking = question.tracking
    if question.experiment is not None:
        tracking = replace(tracking, experiment=question.experiment)
    store = connect(tracking, create=False)
    return read_any(store, question.filter, question.group_by)
