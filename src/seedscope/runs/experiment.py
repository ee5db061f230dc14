"""The runs that any program logged in an MLflow experiment."""

from dataclasses import replace

from seedscope.runs.question import Question
from seedscope.runs.score import falls
from seedscope.runs.table import Runs
from seedscope.store.foreign import Wanted, read_any
from seedscope.store.store import connect


def read(question: Question) -> Runs:
    """Return the runs of `experiment` that match `filter`, grouped by `group_by`."""
    tracking = question.tracking
    if question.experiment is not None:
        tracking = replace(tracking, experiment=question.experiment)
    store = connect(tracking, create=False)
    return read_any(store, of_question(question), falls(question.better))


def of_question(question: Question) -> Wanted:
    """Return what a question says about the runs of an experiment."""
    return Wanted(
        condition=question.filter,
        group_by=tuple(question.group_by),
        sources=tuple(question.sources),
        tasks=question.tasks,
        at=question.at,
        predictions=question.predictions,
        example=question.example,
        label=question.label,
        truth=question.truth,
    )
