"""What a study was, for people: its question, command, user, parameters, context.

The MLflow UI shows tags and parameters of a run; the first line under an answer is made
of the same ones. What runs do not have in common is no parameter of their study.
"""

import getpass
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from mlflow.entities import Param
from mlflow.entities import Run as Logged
from mlflow.exceptions import MlflowException

from seedscope.store.patience import at_once
from seedscope.store.store import Store
from seedscope.study.functions import without_bytes
from seedscope.study.secrets import without_secrets
from seedscope.study.settings import flat
from seedscope.study.words import Run, Settings, Study

QUESTION = "seedscope.question"
COMMAND = "seedscope.command"
LONGEST = 500  # characters of a parameter that every store takes
LONGEST_COMMAND = 5000  # of a tag; one that is cut would not run
AT_ONCE = 100  # parameters that one call takes
SOME = 3  # names that stand in a line; more are counted


def source_tags(settings: Settings | None) -> dict[str, str]:
    """Return who trains, and what: the program or the function of the model."""
    tags = {}
    with suppress(KeyError, OSError):  # a container may have a user without a name
        tags["mlflow.user"] = getpass.getuser()
    if settings is not None:
        script = settings.script
        model = settings.model.get("_target_", "own")
        tags["mlflow.source.name"] = script.module or script.path or str(model)
        tags["mlflow.source.type"] = "LOCAL"
    return tags


def question_tag(study: Study) -> dict[str, str]:
    """Return the question of a study that compares levels; sources have another."""
    asked = study.factor.question
    return {QUESTION: asked} if asked and study.factor.levels else {}


def parameters(settings: Settings) -> dict[str, str]:
    """Return settings as parameters of a run."""
    whole = flat(without_bytes(without_secrets(settings.deciding())))
    return {key: str(value)[:LONGEST] for key, value in whole.items()}


def log_parameters(store: Store, study_id: str, runs: Sequence[Run]) -> None:
    """Log what all planned runs have in common as parameters of their study.

    A parameter of MLflow never changes: what an earlier job logged stays.
    """
    each = {id(run.settings): run.settings for run in runs}
    shared = set.intersection(*(set(parameters(s).items()) for s in each.values()))
    held = store.client.get_run(study_id).data.params
    new = [Param(key, value) for key, value in sorted(shared) if key not in held]
    for start in range(0, len(new), AT_ONCE):
        with suppress(MlflowException):  # another job may just have logged others
            store.client.log_batch(study_id, params=new[start : start + AT_ONCE])


def explain(store: Store, run_id: str | None, study_id: str, name: str) -> list[str]:
    """Say in a run that `mlflow run` opened in another experiment where the study is.

    Args:
        store: where the study is.
        run_id: of the run that the project's command was given; none: there is none.
        study_id: the study's run.
        name: its name.

    Returns:
        What a reader should know; empty where the run is the study itself.
    """
    if run_id is None:
        return []
    try:
        run = at_once(store.client).get_run(run_id)
    except MlflowException:
        return []  # it lives in another store
    ours = store.experiment
    left = run.info.status != "RUNNING" or "seedscope.role" in run.data.tags
    if left or run.info.experiment_id == ours.experiment_id:
        return []
    how = f"--experiment-name {ours.name}"
    note = (
        f"The study **{name}** is run {study_id} of experiment {ours.name}. This run "
        f"is empty; `mlflow run {how}` makes it the study itself."
    )
    with suppress(MlflowException):
        store.client.set_tag(run_id, "mlflow.note.content", note)
    return [
        f"`mlflow run` left an empty run in another experiment; with {how} it is the "
        "study itself"
    ]


def keep_command(store: Store, study_id: str, command: str) -> None:
    """Keep the command that trained a study, as it can be typed again."""
    if len(command) <= LONGEST_COMMAND:
        store.client.set_tag(study_id, COMMAND, command)
        store.client.set_tag(study_id, "mlflow.source.name", command)


def context(finished: Sequence[Logged]) -> dict[str, str]:
    """Return what finished runs were, for one line: model, data, machine, date, ..."""
    params = [run.data.params for run in finished]
    tags = [run.data.tags for run in finished]
    ended = max(run.info.end_time or run.info.start_time or 0 for run in finished)
    commits = [
        t.get("code.git_commit") or t.get("mlflow.source.git.commit") for t in tags
    ]
    dirty = [t.get("code.git_dirty", t.get("git_dirty")) for t in tags]
    known = {
        "model": _of(_name(p, "model") for p in params),
        "data": _of(_name(p, "data") for p in params),
        "epochs": _of(p.get("loop.epochs") for p in params),
        "machine": _of(_machine(t) for t in tags),
        "commit": _of(c[:7] if c else None for c in commits),
        "date": datetime.fromtimestamp(ended / 1000, UTC).strftime("%Y-%m-%d"),
    }
    if known["commit"] and "true" in dirty:
        known["commit"] += " and changes"
    return {what: value for what, value in known.items() if value}


def _of(values: Iterable[str | None]) -> str:
    """Return the one value that all have, or the first few of them."""
    found = list(dict.fromkeys(value for value in values if value))
    if len(found) > SOME:
        return f"{found[0]} and {len(found) - 1} more"
    return ", ".join(found)


def _name(params: Mapping[str, str], part: str) -> str | None:
    """Return what people call a model or data; a program of one's own has no data."""
    program = params.get("script.module") or params.get("script.path")
    if program not in (None, "None"):
        return program if part == "model" else None
    name, function = params.get(f"{part}.name"), params.get(f"{part}._target_")
    return function if name in (None, "own") else name


def _machine(tags: Mapping[str, str]) -> str | None:
    """Return the processor without its trademarks, and the accelerator."""
    cpu, gpu = tags.get("hardware.cpu"), tags.get("hardware.gpu", "none")
    if cpu is None:
        return None
    plain = re.sub(r"\((R|TM)\)|\bCPU\b|@.*$", "", cpu)
    threads = tags.get("hardware.usable_threads")
    text = " ".join(plain.split()) + (f", {threads} threads" if threads else "")
    return text if gpu == "none" else f"{text}, {gpu}"
