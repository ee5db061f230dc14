"""Write down every run of a study before anything trains.

A run is complete on paper: all seeds, all settings, what else decides it (its identity:
the user's code, the data, the engine, versions), and a fingerprint of all of them. A
study that is started again trains only what is not held as finished.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from seedscope.study.design import seed_table
from seedscope.study.frozen import Frozen
from seedscope.study.functions import without_bytes
from seedscope.study.words import Arm, Identity, Run, Study


def plan_runs(study: Study) -> list[Run]:
    """Return the runs of every arm, in the order in which they train."""
    return [run for arm in study.arms for run in _plan_arm(arm, study)]


def identified(runs: Sequence[Run], identities: Mapping[str, Identity]) -> list[Run]:
    """Return planned runs with what was found out about their arms.

    Args:
        runs: as `plan_runs` returns them.
        identities: arm -> what decides its runs besides settings and seeds.
    """
    result = []
    for run in runs:
        identity = identities[run.arm]
        key = json.dumps([run.fingerprint, asdict(identity)], sort_keys=True)
        fingerprint = hashlib.sha256(key.encode()).hexdigest()[:16]
        result.append(replace(run, identity=identity, fingerprint=fingerprint))
    return result


def _plan_arm(arm: Arm, study: Study) -> list[Run]:
    factor = study.factor.name or "none"
    table = seed_table(
        study.design, arm.vary, study.replicates, study.root_seed, arm.settings.split
    )
    return [
        Run(
            factor=factor,
            arm=arm.name,
            replicate=replicate,
            vary=arm.vary,
            seeds=Frozen(row.seeds),
            settings=arm.settings,
            fingerprint=_fingerprint(factor, arm, replicate, row.seeds),
            block=row.block,
            levels=arm.levels,
        )
        for replicate, row in enumerate(table)
    ]


def _fingerprint(factor: str, arm: Arm, replicate: int, seeds: dict[str, int]) -> str:
    """Hash settings and seeds; how a run is logged is no part of what it is."""
    settings = without_bytes(arm.settings.deciding())
    content = [factor, arm.name, replicate, seeds, settings]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
