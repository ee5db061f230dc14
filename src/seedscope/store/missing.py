"""Have a study show the runs of a job that failed before it planned them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from seedscope.store.read import studies_of_sweep
from seedscope.store.store import connect, exists
from seedscope.study.words import Tracking


def plan_missing(
    tracking: Tracking, sweep: str, base: str, runs: Sequence[Mapping[str, Any]]
) -> None:
    """Plan the runs of a job in the studies that other jobs of its sweep trained.

    The plan is older than any other: where the job succeeds another day, its own holds.

    Args:
        tracking: where the studies are.
        sweep: the command that the job was part of.
        base: the study's name before code, data and engine entered it.
        runs: arm and levels of each run that the job would have trained.
    """
    if not exists(tracking):
        return
    store = connect(tracking, create=False)
    rows = [
        {**run, "fingerprint": f"not planned: {number}"}
        for number, run in enumerate(runs)
    ]
    text = json.dumps(list(runs), sort_keys=True, default=str)
    name = hashlib.sha256(text.encode()).hexdigest()[:6]
    for study_id in studies_of_sweep(store, sweep):
        tags = store.client.get_run(study_id).data.tags
        if base in (tags.get("seedscope.base"), tags["seedscope.study"]):
            plan = {"written": 0, "rows": rows}
            store.client.log_dict(study_id, plan, f"plan/failed-{name}.json")
