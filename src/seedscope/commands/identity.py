"""Settle what a job's runs are, and in which study, before anything trains."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from seedscope.store import identity as store_identity
from seedscope.store.store import Store
from seedscope.study import code, identity
from seedscope.study.plan import identified
from seedscope.study.words import Run, Study


def settled(
    store: Store,
    study: Study,
    runs: Sequence[Run],
    found: identity.Found,
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
