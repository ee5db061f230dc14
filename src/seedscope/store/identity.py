"""Find the study that runs of one identity belong to; never mix two identities.

A study holds runs of one identity: code, data, engine, versions. Where the store has a
study of the wanted name with another one, the runs go to a study beside it, whose name
ends in the identity's key, and a reader is told why.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from mlflow.artifacts import load_dict
from mlflow.entities import Run as Logged
from mlflow.exceptions import MlflowException

from seedscope.store.store import Store, quoted, search
from seedscope.study import identity as identities
from seedscope.study.words import Identity, Study

TAG = "seedscope.identity"
ENGINE = "its engine"  # in words, where that differs
CODE = "code/digests.json"  # artifact: module -> SHA-256
PLANNED = "seedscope.planned"  # tag: runs of an arm that engine and width were for


def settle(
    store: Store,
    study: Study,
    identity: Identity,
    arms: Mapping[str, Identity],
    modules: Mapping[str, str],
) -> tuple[str, list[str]]:
    """Return the name of the study that a job's runs belong to, and what to say of it.

    Args:
        store: where the study is or will be.
        study: as configured; its name is the one that was given or derived.
        identity: what all arms of the study have in common.
        arms: arm -> its identity.
        modules: the user's modules and their digests, to say which one changed.
    """
    base, own = study.name, f"{study.name}-{identities.key(identity)}"
    held = _studies(store, base)
    names = [base, own] if study.named else [own]
    notes: list[str] = []
    chosen = names[-1]
    for name in names:
        if name not in held or _same(held[name], identity):
            chosen = name
            break
    if chosen not in held and held:
        newest = max(held.values(), key=lambda run: run.info.start_time)
        what = _what_differs(store, newest, identity, modules)
        alike = "; engine=sequential trains both alike" if ENGINE in what else ""
        notes.append(
            f"{what} changed since study {_name(newest)}: this is another study, "
            f"{chosen}{alike}"
        )
    if chosen in held and (others := _other_arms(store, held[chosen], identity, arms)):
        text = json.dumps([chosen, sorted(others.items())])
        beside = f"{chosen}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
        notes.append(
            f"the code or data of {', '.join(others)} changed since study {chosen}: "
            f"this is another study, {beside}"
        )
        chosen = beside
    return chosen, notes


def engine_of(store: Store, study: Study, identity: Identity) -> str | None:
    """Return the engine that was chosen when the study of an identity began, if it was.

    What is chosen by the runs that are planned stays as it is when others are planned.

    Args:
        store: where the study would be.
        study: as configured.
        identity: what all its arms have in common, with the engine of today's choice.
    """
    begun = {}
    for run in _studies(store, study.name).values():
        held = run.data.tags
        before = {part: held.get(f"{TAG}.{part}") for part in asdict(identity)}
        if PLANNED in held and {**before, "engine": identity.engine} == asdict(
            identity
        ):
            begun[run.info.start_time] = before["engine"]
    if not begun or identity.engine in begun.values():
        return None
    return begun[max(begun)]


def planned(store: Store, study_id: str) -> int | None:
    """Return for how many runs of an arm the width of a study's groups was chosen."""
    held = store.client.get_run(study_id).data.tags.get(PLANNED, "")
    return int(held) if held.isdecimal() else None


def tags(identity: Identity, base: str) -> dict[str, str]:
    """Return what a study or a run is tagged with, to be found by its identity."""
    parts = {f"{TAG}.{part}": value for part, value in asdict(identity).items()}
    return {
        TAG: identities.key(identity),
        "seedscope.schema": identity.schema,
        "seedscope.base": base,
        **parts,
    }


def check(store: Store, study_id: str, study: Study) -> None:
    """Refuse a study that another process made meanwhile, with another identity.

    Raises:
        ValueError: it says what to do.
    """
    if study.identity is None:
        return
    held = store.client.get_run(study_id).data.tags.get(TAG)
    if held not in (None, identities.key(study.identity)):
        raise ValueError(
            f"study {study.name} was made by another process just now, with other "
            "code, data or engine; start this command again"
        )


def _studies(store: Store, base: str) -> dict[str, Logged]:
    """Return the studies of a name, and those beside it, by their own names."""
    found = {}
    for tag in ("base", "study"):
        condition = f"tags.`seedscope.role` = 'study' and tags.`seedscope.{tag}` = "
        for run in search(store, condition + quoted(base)):
            found.setdefault(_name(run), run)
    return found


def _name(study: Logged) -> str:
    return study.data.tags["seedscope.study"]


def _same(study: Logged, identity: Identity) -> bool:
    return study.data.tags.get(TAG) == identities.key(identity)


def _what_differs(
    store: Store, study: Logged, identity: Identity, modules: Mapping[str, str]
) -> str:
    """Return in words what an older study was trained with otherwise."""
    held = study.data.tags
    if "seedscope.schema" not in held:
        return "the version of seedscope"
    before = {part: held.get(f"{TAG}.{part}", "") for part in asdict(identity)}
    words = identities.differences(identity, before)
    if "its code" in words and (changed := _changed(store, study, modules)):
        words[words.index("its code")] = f"its code ({', '.join(changed)})"
    return " and ".join(words) or "its settings"


def _changed(store: Store, study: Logged, modules: Mapping[str, str]) -> list[str]:
    """Return the user's modules that are not what they were."""
    try:
        before = load_dict(f"{study.info.artifact_uri}/{CODE}")
    except (MlflowException, OSError):
        return []
    names = {*before, *modules}
    return sorted(n for n in names if before.get(n) != modules.get(n))


def _other_arms(
    store: Store, study: Logged, identity: Identity, arms: Mapping[str, Identity]
) -> dict[str, str]:
    """Return the arms that the study holds with another identity than the planned.

    An arm that has the study's own identity needs no look: all of its runs have it.
    """
    others = {}
    for arm, own in arms.items():
        if own == identity:
            continue
        condition = (
            f"tags.`mlflow.parentRunId` = '{study.info.run_id}' and "
            f"tags.`seedscope.arm` = {quoted(arm)}"
        )
        keys = {run.data.tags.get(TAG) for run in search(store, condition)}
        if keys - {identities.key(own)}:
            others[arm] = identities.key(own)
    return others
