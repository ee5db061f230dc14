"""Store a comparison on the run of its study: metrics, note, artifacts.

A second comparison replaces the first: files that it does not make again are deleted,
and a metric is logged only where its value changed, so that no history piles up.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from mlflow.entities import Metric
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from seedscope.store.lease import Lease
from seedscope.store.store import Store, told

FOLDER = "comparison"  # of the study run's artifacts
AGAINST = "against"  # where A against B is kept, beside it
NOTE = "mlflow.note.content"
LONGEST_NOTE = 8000  # characters that every store takes in a tag


def log_comparison(
    store: Store, study_id: str, metrics: Mapping[str, float], note: str, files: Path
) -> str:
    """Store a comparison and return where its files are.

    Args:
        store: where the study is.
        study_id: its MLflow run.
        metrics: name -> value; NaN where a number does not exist.
        note: Markdown, shown on the run's page.
        files: a folder whose content becomes the artifacts under `comparison/`.

    Raises:
        ValueError: the store or its artifact folder cannot be written to.
    """
    then = "; set output=<folder> to keep it as files"
    with told(store, "the comparison could not be stored in", then):
        with (
            closing(Lease(store, f"{FOLDER} of {study_id}")) as lease,
            lease.alone(FOLDER),
        ):
            _log_metrics(store, study_id, metrics)
            store.client.set_tag(study_id, NOTE, _fitting(note))
            _delete_old(store, study_id, files)
            store.client.log_artifacts(study_id, str(files), FOLDER)
        location = store.client.get_run(study_id).info.artifact_uri
    return f"{location}/{FOLDER}"


def log_against(store: Store, study_id: str, name: str, text: str) -> str:
    """Store what was found about two arms of a study; return where it is."""
    path = f"{AGAINST}/{name}.md"
    with told(store, f"{path} could not be stored in"):
        store.client.log_text(study_id, text, path)
        location = store.client.get_run(study_id).info.artifact_uri
    return f"{location}/{path}"


def _log_metrics(store: Store, study_id: str, metrics: Mapping[str, float]) -> None:
    held = store.client.get_run(study_id).data.metrics
    now = int(time.time() * 1000)
    new = [
        Metric(name, float(value), now, 0)
        for name, value in metrics.items()
        if not _same(held.get(name), value)
    ]
    store.client.log_batch(study_id, metrics=new)


def _same(held: float | None, value: float) -> bool:
    """Tell whether nothing is to be logged: equal, or a number that never existed."""
    if value != value:
        return held is None or held != held
    return held == value


def _fitting(note: str) -> str:
    """Cut a note between its paragraphs where it is longer than a tag may be."""
    if len(note) <= LONGEST_NOTE:
        return note
    end = note.rfind("\n\n", 0, LONGEST_NOTE - 100)
    return f"{note[:end]}\n\n… the page under Artifacts, {FOLDER}, holds the rest."


def _delete_old(store: Store, study_id: str, files: Path) -> None:
    """Delete what an earlier comparison stored and this one does not replace."""
    repository = get_artifact_repository(
        str(store.client.get_run(study_id).info.artifact_uri)
    )
    new = {f"{FOLDER}/{path.relative_to(files)}" for path in files.rglob("*")}
    for folder in (FOLDER, f"{FOLDER}/figures", f"{FOLDER}/tables"):
        for old in repository.list_artifacts(folder):
            if not old.is_dir and old.path not in new:
                repository.delete_artifacts(old.path)
