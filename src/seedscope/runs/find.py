"""Find the runs that a question names: a study, an experiment, a file, A and B."""

import re
from dataclasses import replace
from pathlib import Path

from seedscope.runs.files import read_file
from seedscope.runs.question import Question
from seedscope.runs.table import Runs
from seedscope.store.read import read_any, read_study, study_names
from seedscope.store.store import Store

FILTER = re.compile(r"[=<>]|\b(I?LIKE|IN)\b", re.IGNORECASE)  # operators of MLflow


def find_runs(question: Question, store: Store | None) -> Runs:
    """Return all runs that the question is about."""
    if question.table is not None:
        return read_file(
            Path(question.table), question.score, question.groups, question.sources
        )
    if question.experiment is not None:
        return read_any(store, question.filter, question.group_by)
    return read_study(store, question.name)


def find_group(name: str, question: Question, store: Store | None) -> Runs:
    """Return the runs that `a=` or `b=` names.

    An arm of what the question is about, `study:arm`, a study, or a filter string.

    Raises:
        ValueError: it is none of these; the message lists what there is.
    """
    if store is not None and FILTER.search(name):
        return replace(read_any(store, name, []), title=name)
    around, arms = None, []
    if store is None or question.experiment or name not in study_names(store):
        around = find_runs(question, store)
        arms = list(around.arms())
        if name in arms:
            return around.arm(name)
    studies = [] if store is None else study_names(store)
    if name in studies:
        return read_study(store, name)
    study, _, arm = name.partition(":")
    if study in studies:
        whole = read_study(store, study)
        if arm in whole.arms():
            return whole.arm(arm)
        raise ValueError(
            f"{name}: study {study} has no arm {arm!r}; it has "
            f"{', '.join(whole.arms())}"
        )
    raise ValueError(
        f"{name!r} is no arm of {around.title} ({', '.join(arms)})"
        + (f" and no study ({', '.join(studies)})" if studies else "")
    )
