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
    if store is not None and FILTER.search(name):
        wanted = replace(of_question(question), condition=name, group_by=())
        return replace(read_any(store, wanted, falls(question.better)), title=name)
    around, arms = None, []
    if store is None or question.experiment or name not in study_names(store):
        around = readers.read(question)
        arms = list(around.arms())
        if (arm := around.find(name)) is not None:
            return around.arm(arm)
    studies = [] if store is None else study_names(store)
    if name in studies:
        return read_study(store, name)
    for study in (study for study in studies if name.startswith(f"{study}:")):
        whole, asked = read_study(store, study), name.removeprefix(f"{study}:")
        if (arm := whole.find(asked)) is not None:
            return whole.arm(arm)
        raise ValueError(
            f"{name}: study {study} has no arm {asked!r}; it has "
            f"{', '.join(whole.arms())}"
        )
    raise ValueError(
        f"{name!r} is no arm of {around.title} ({', '.join(arms)})"
        + (f" and no study ({', '.join(studies)})" if studies else "")
    )
