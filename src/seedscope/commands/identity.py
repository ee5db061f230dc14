"""Settle what a job's runs are, and in which study, before anything trains."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from seedscope.store import identity as store_identity
from seedscope.store.store import Store
from seedscope.study import code, identity
from seedscope.study.identity import Found
from seedscope.study.plan import identified
from seedscope.study.words import Engine, Run, Study
from seedscope.training.launch import launchers

WAYS = {"sequential": "one by one", "batched": "in groups"}


def begun(
    store: Store, study: Study, samples: Sequence[Run], engine: Engine, found: Found
) -> Found:
    """Return what was found, with the engine that a study of today's began with.

    Args:
        store: where the study may be.
        study: as configured.
        samples: one run of each arm.
        engine: as it was asked for; only a choice of `auto` may be another one.
        found: what the process that trains said of it.
    """
    if engine.name != "auto":
        return found
    own = identity.of_study(study, found)
    name = store_identity.engine_of(store, study, own)
    if name not in ("sequential", "batched"):
        return found
    try:
        again = launchers.ask(samples, replace(engine, name=name))()
    except ValueError:
        return found  # it cannot: these arms are another study
    today = "; ".join([*found.notes, *found.told])
    note = f"trained {WAYS[name]}, as this study began (today's choice: {today})"
    return replace(again, notes=(note,), told=())


def settled(
    store: Store,
    study: Study,
    runs: Sequence[Run],
    found: Found,
    modules: Mapping[str, str],
) -> tuple[Study, list[Run], list[str]]:
    """Return the study and its runs with their identity, and what a reader should know.

    Args:
        store: where the study is or will be.
        study: as configured.
        runs: as planned.
        found: what the process that trains said.
        modules: the user's code and its digests before that process read it.

    Raises:
        ValueError: the code has changed since.
    """
    if code.digests(identity.all_code(study)) != modules:
        raise ValueError(
            "the code was changed while this command started; start it again"
        )
    own, arms = identity.of_study(study, found), identity.of_arms(study, found)
    name, notes = store_identity.settle(store, study, own, arms, modules)
    settled_study = replace(
        study, name=name, base_name=study.name, identity=own, engine=found.engine
    )
    return settled_study, identified(runs, arms), [*found.notes, *notes]
