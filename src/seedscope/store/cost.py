"""What a run costs: seconds and bytes, as the store's earlier runs took them."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from mlflow.exceptions import MlflowException

from seedscope.store.store import Store, search

COST = "seedscope.cost"
ALIKE = ("model.", "data.", "loop.", "split.", "script.")  # settings that decide it
NOT_ALIKE = ("script.environment", "script.data")


@dataclass(frozen=True)
class Cost:
    """What one run takes while others train beside it."""

    seconds: float
    bytes: int | None  # None where the store is elsewhere


def known_cost(store: Store, study_id: str, engine: str) -> Cost | None:
    """Return what a run of a study took, else one of the newest study that is alike."""
    own = store.client.get_run(study_id).data
    with suppress(MlflowException, ValueError, KeyError, TypeError):
        studies = search(store, "tags.`seedscope.role` = 'study'")
        wanted = _deciding(own.params)
        newest = sorted(studies, key=lambda run: run.info.start_time, reverse=True)
        for run in sorted(newest, key=lambda run: run.info.run_id != study_id):
            held = json.loads(run.data.tags.get(COST, "null"))
            alike = _deciding(run.data.params) == wanted
            if held and held["engine"] == engine and alike:
                return Cost(held["seconds"], held["bytes"])
    return None


def keep_cost(store: Store, study_id: str, engine: str, cost: Cost) -> None:
    """Keep what a run of a study took."""
    held = {"engine": engine, "seconds": cost.seconds, "bytes": cost.bytes}
    with suppress(MlflowException):
        store.client.set_tag(study_id, COST, json.dumps(held))


def size(store: Store, study_id: str) -> int | None:
    """Return the bytes that a study and the database of its store take, if known."""
    location = urlparse(str(store.client.get_run(study_id).info.artifact_uri))
    database = store.uri.removeprefix("sqlite:///")
    if location.scheme not in ("", "file") or database == store.uri:
        return None
    total = 0
    for folder, _, files in os.walk(unquote(location.path)):
        total += sum(Path(folder, name).stat().st_size for name in files)
    with suppress(OSError):
        total += Path(database).stat().st_size
    return total


def _deciding(params: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in params.items()
        if key.startswith(ALIKE) and not key.startswith(NOT_ALIKE)
    }
