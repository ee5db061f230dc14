"""Read conf/compare.yaml into a checked, typed `Question`: what is to be compared.

Three places hold runs: a study of seedscope, an MLflow experiment of another program, a
file. `a` and `b` pick two groups of runs of them.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seedscope.runs import condition
from seedscope.runs.at import parse
from seedscope.study import paper
from seedscope.study.direction import read_better
from seedscope.study.frozen import schema_of
from seedscope.study.words import Tracking

FOR_TABLES = ("run", "step", "turn", "separator", "decimal", "sheet")


@dataclass(frozen=True)
class Question:
    """What is compared, and how; conf/compare.yaml explains each key."""

    tracking: Tracking
    name: str
    experiment: str | None
    filter: str
    group_by: list[str]
    table: str | None
    score: list[str]
    groups: list[str]
    sources: list[str]
    at: str | None
    run: list[str]
    step: str | None
    turn: list[str]
    tasks: str | None
    example: str | None
    label: str | None
    truth: str | None
    predictions: str | None
    separator: str | None
    decimal: str | None
    sheet: str | None
    a: str | None
    b: str | None
    difference: float | None
    target: float | None
    metrics: list[str]
    better: Any  # a direction, or directions by score
    level: float
    output: str | None
    claims: list[str]
    fail_if: str | None = None
    details: bool = False


def read(config: DictConfig) -> Question:
    """Check a composed configuration.

    Raises:
        ValueError: a key, type or value is wrong; the message names the key.
    """
    try:
        schema = schema_of(Question)
        question: Any = OmegaConf.to_object(OmegaConf.merge(schema, config))
    except OmegaConfBaseException as error:
        reason = paper.with_mend(str(error.msg))
        raise ValueError(f"{error.full_key or 'configuration'}: {reason}") from None
    question = replace(question, better=read_better(question.better))
    _check_values(question)
    if question.table is not None:
        _check_file(Path(question.table))
    return question


def _check_values(question: Question) -> None:
    for key in ("name", "experiment", "table", "a", "b", "output"):
        if getattr(question, key) == "":
            raise ValueError(f"{key}= is empty; give a name, or leave it out")
    paper.check_uri("tracking.uri", question.tracking.uri)
    if not 0 < question.level < 1:
        raise ValueError(f"level={question.level} must be between 0 and 1, e.g. 0.95")
    if (question.a is None) != (question.b is None):
        lone, other = ("a", "b") if question.b is None else ("b", "a")
        raise ValueError(f"{lone}= needs {other}=: name the two groups to compare")
    if question.difference is not None and not question.difference > 0:
        raise ValueError(f"difference={question.difference} must be above 0")
    if question.target is not None and (question.a or question.claims):
        raise ValueError("target= holds each arm against a number; leave a, b, claims")
    if question.table is not None and question.experiment is not None:
        raise ValueError("table= and experiment= are two places; name one of them")
    for key in ("score", "groups", *FOR_TABLES):
        if question.table is None and getattr(question, key):
            raise ValueError(f"{key}= needs table=: the file with that column")
    own = question.table is None and question.experiment is None
    if question.predictions and question.experiment is None:
        raise ValueError("predictions= needs experiment=: runs that logged that table")
    if question.predictions and not (question.label and question.truth):
        raise ValueError("predictions= needs label= and truth=: columns of that table")
    if question.table is not None and not question.example:
        for key in ("label", "truth"):
            if getattr(question, key):
                raise ValueError(f"{key}= needs example=: the column of examples")
    for key in ("sources", "at", "tasks", "example", "label", "truth"):
        if own and getattr(question, key):
            raise ValueError(f"{key}= needs table= or experiment=: runs of others")
    if question.fail_if is not None:
        condition.parse(question.fail_if)
        if question.a is not None or question.claims:
            raise ValueError("fail_if= judges the arms of a study; leave a, b, claims")
    if question.at is not None:
        parse(question.at)
    if question.decimal not in (None, ".", ",", "point", "comma"):
        raise ValueError(f"decimal={question.decimal} must be point or comma")
    for_foreign = [k for k in ("filter", "group_by") if getattr(question, k)]
    if question.experiment is None and for_foreign:
        raise ValueError(
            f"{for_foreign[0]}= needs experiment=: the MLflow experiment to search"
        )
    if question.claims and (question.a or question.table or question.experiment):
        raise ValueError(
            "claims= is decided by the studies; leave a, table, experiment"
        )
    _check_logged("group_by", question.group_by)
    if question.experiment is not None:
        _check_logged("sources", question.sources)
        _check_logged("tasks", [question.tasks] if question.tasks else [])


def _check_logged(key: str, names: list[str]) -> None:
    for name in names:
        kind, _, rest = name.partition(".")
        if kind not in ("params", "tags") or not rest:
            raise ValueError(f"{key}: {name!r} must be params.<name> or tags.<name>")


def _check_file(path: Path) -> None:
    if not path.exists():
        raise ValueError(f"table={path}: there is no such file or folder")
