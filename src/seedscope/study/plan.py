"""Write down every run of a study before anything trains.

A run is complete on paper: all seeds, all settings, and a fingerprint of both. A study
that is started again trains only the runs whose fingerprint is not held as finished.
"""

import hashlib
import json
from dataclasses import asdict

from seedscope.study.design import seed_table
from seedscope.study.functions import without_bytes
from seedscope.study.words import Arm, Run, Study


def plan_runs(study: Study) -> list[Run]:
    """Return the runs of every arm, in the order in which they train."""
    return [run for arm in study.arms for run in _plan_arm(arm, study)]


def _plan_arm(arm: Arm, study: Study) -> list[Run]:
    table = seed_table(
        study.design, arm.vary, study.replicates, study.root_seed, arm.settings.split
    )
    return [
        Run(
            factor=study.factor.name,
            arm=arm.name,
            replicate=replicate,
            vary=arm.vary,
            seeds=row.seeds,
            settings=arm.settings,
            fingerprint=_fingerprint(study.factor.name, arm, replicate, row.seeds),
            block=row.block,
        )
        for replicate, row in enumerate(table)
    ]


def _fingerprint(factor: str, arm: Arm, replicate: int, seeds: dict[str, int]) -> str:
    """Hash what a run is; how it is trained or logged is no part of it."""
    settings = without_bytes(asdict(arm.settings))
    content = [factor, arm.name, replicate, seeds, settings]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
