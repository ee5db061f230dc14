"""What a program of the user's own leaves besides its trace: its own logs and words.

Its metrics, parameters and tags go into the run that is its own, under their names;
where seedscope uses a name itself, theirs begins with `script/`. What a reader should
know of all runs is kept once, with the study.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.artifacts import load_dict
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from seedscope.store.store import Store
from seedscope.trace.trace import Trace

LONGEST = 500  # characters of a parameter or tag
TOLD = "told.json"  # artifact of the study
LEAD = "seedscope.answer.score"


def add(store: Store, run_id: str, trace: Trace) -> None:
    """Log what a program logged by itself, and the files of its run."""
    client = store.client
    if trace.logged is not None:
        held = client.get_run(run_id).data
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, step)
            for name, points in trace.logged.metrics.items()
            for step, value in points
        ]
        params = [
            Param(_free(name, held.params), text[:LONGEST])
            for name, text in trace.logged.params.items()
        ]
        tags = [
            RunTag(_free(name, held.tags), text[:LONGEST])
            for name, text in trace.logged.tags.items()
        ]
        client.log_batch(run_id, metrics, params, tags)
    _files(store, run_id, trace)


def tell(
    store: Store, study_id: str, traces: Sequence[Trace], told: frozenset[str]
) -> frozenset[str]:
    """Keep what the traces tell a reader with the study, and which score leads.

    Args:
        store: where the study is.
        study_id: its run.
        traces: finished just now.
        told: what this process has kept before.
    """
    new = [text for trace in traces for text in trace.told if text not in told]
    if new:
        keep(store, study_id, new)
    leads = [trace.lead for trace in traces if trace.lead]
    if leads and not told:
        tags = store.client.get_run(study_id).data.tags
        if LEAD not in tags:
            store.client.set_tag(study_id, LEAD, leads[0])
    return told | frozenset(new)


def keep(store: Store, study_id: str, texts: Sequence[str]) -> None:
    """Keep sentences with a study, each once."""
    held = list(told_of(store, study_id))
    both = list(dict.fromkeys([*held, *texts]))
    if both != held:
        store.client.log_dict(study_id, {"told": both}, TOLD)


def told_of(store: Store, study_id: str) -> Iterator[str]:
    """Yield what the runs of a study tell a reader."""
    if not any(f.path == TOLD for f in store.client.list_artifacts(study_id)):
        return
    location = store.client.get_run(study_id).info.artifact_uri
    try:
        yield from load_dict(f"{location}/{TOLD}")["told"]
    except (MlflowException, OSError):
        return


def _files(store: Store, run_id: str, trace: Trace) -> None:
    for name, content in trace.files.items():
        folder, _, last = name.rpartition("/")
        with TemporaryDirectory() as place:
            path = Path(place, last)
            path.write_bytes(content)
            store.client.log_artifact(run_id, str(path), folder or None)


def _free(name: str, held: Mapping[str, object]) -> str:
    """Return a name that does not meet one of seedscope's."""
    return f"script/{name}" if name in held else name
