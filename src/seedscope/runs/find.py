"""Find the two groups of runs that a question names, A and B."""

import re
from dataclasses import replace

from seedscope.runs import readers
from seedscope.runs.experiment import of_question
from seedscope.runs.question import Question
from seedscope.runs.score import falls
from seedscope.runs.table import Runs
from seedscope.store.foreign import read_any
from seedscope.store.read import read_study, study_names
from seedscope.store.store import Store

FILTER = re.compile(r"[=<>]|\b(I?LIKE|IN)\b", re.IGNORECASE)  # operators of MLflow


def find_group(name: str, question: Question, store: Store | None) -> Runs:
    """Return the runs that `a=` or `b=` names.

    An arm of what the question is about, `study:arm`, a study, or a filter string.

    Raises:
        ValueError: it is none of these; the message lists what there is.
    """
    return readers.told(_find(name, question, store), question)


def _find(name: str, question: Question, store: Store | None) -> Runs:
    studies = [] if store is None else study_names(store)
    filters = store is not None and FILTER.search(name) is not None
    around = None
    if name not in studies or question.experiment:
        around = _around(question, name, filters)
        if around is not None and (arm := around.find(name)) is not None:
            return around.arm(arm)  # also one with operators of a filter in its name
    if store is not None and filters:
        wanted = replace(of_question(question), condition=name, group_by=())
        return replace(read_any(store, wanted, falls(question.better)), title=name)
    if store is not None and name in studies:
        return read_study(store, name)
    for study in studies:
        if store is not None and name.startswith(f"{study}:"):
            return _arm_of(read_study(store, study), name.removeprefix(f"{study}:"))
    there = "" if around is None else f" of {around.title} ({', '.join(around.arms())})"
    raise ValueError(
        f"{name!r} is no arm{there}"
        + (f" and no study ({', '.join(studies)})" if studies else "")
    )


def _around(question: Question, name: str, filters: bool) -> Runs | None:
    """Return what the question is about; a filter needs none of it."""
    try:
        return readers.read(question)
    except ValueError:
        if filters:
            return None
        raise


def _arm_of(study: Runs, name: str) -> Runs:
    if (arm := study.find(name)) is not None:
        return study.arm(arm)
    raise ValueError(
        f"study {study.title} has no arm {name!r}; it has {', '.join(study.arms())}"
    )
