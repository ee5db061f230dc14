"""Log a study and its runs to MLflow, so that what finished stays whatever happens.

The study is a parent run, found again by its name; every run is nested under it. A run
is created, filled and only then set to FINISHED: that status is the one sign that all
of it is there. Runs that an earlier, killed process left unfinished are deleted.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunStatus,
)
from mlflow.entities import Run as Logged
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from seedscope.store import hardware
from seedscope.store.store import Store, search
from seedscope.study.places import home
from seedscope.study.settings import flat
from seedscope.study.words import Run, Study
from seedscope.trace import tables as parts
from seedscope.trace.trace import Trace

AT_ONCE = 1000  # metrics that one log_batch call takes
LONGEST = 500  # characters of a tag or parameter that every store takes
POINTS = 1000  # of a curve, that the MLflow UI draws without thinning
POINTS_OF_A_STUDY = 10_000  # of each curve, over all runs: SQLite takes ten seconds


class StudyLog:
    """An open study: what is missing from it, and where finished runs go."""

    def __init__(self, store: Store, study: Study, runs: Sequence[Run]) -> None:
        self.study_id = _open(store, study)
        self._store = store
        self._study = study
        self._points = study.tracking.curve_points or _points(len(runs))
        finished = _finished(store, self.study_id, runs)
        self.missing = [run for run in runs if run.fingerprint not in finished]
        self.stored = len(finished)
        self._write_plan(runs)

    def add(self, traces: Sequence[Trace]) -> None:
        """Store a finished group of traces.

        Raises:
            ValueError: the store takes no more; the runs stored before are kept.
        """
        try:
            ended = int(time.time() * 1000)
            ids = [self._create(trace, ended) for trace in traces]
            self._write_parts(ids, traces)
            for run_id, trace in zip(ids, traces, strict=True):
                self._fill(run_id, trace, ended)
                self.stored += 1
        except (MlflowException, OSError) as error:
            raise ValueError(
                f"a finished run could not be stored in {self._store.uri} (artifacts: "
                f"{self._store.experiment.artifact_location}): {error}; the runs "
                "before it are kept, start the same command again to train the rest"
            ) from error

    def _create(self, trace: Trace, ended: int) -> str:
        run = trace.run
        tags = _run_tags(self._study, trace)
        created = self._store.client.create_run(
            self._store.experiment.experiment_id,
            start_time=ended - round((trace.seconds or 0) * 1000),
            tags={"mlflow.parentRunId": self.study_id, **_cut(tags)},
            run_name=f"{run.arm} #{run.replicate}",
        )
        return created.info.run_id

    def _fill(self, run_id: str, trace: Trace, ended: int) -> None:
        client = self._store.client
        metrics = list(_metrics(trace, self._points))
        params = [Param(k, v) for k, v in _cut(_run_params(trace.run)).items()]
        client.log_batch(run_id, params=params)
        for start in range(0, len(metrics), AT_ONCE):
            client.log_batch(run_id, metrics=metrics[start : start + AT_ONCE])
        if "data" in trace.digests:
            client.log_inputs(run_id, [_dataset(trace)])
        finished = RunStatus.to_string(RunStatus.FINISHED)
        client.set_terminated(run_id, finished, end_time=ended)

    def _write_parts(self, ids: Sequence[str], traces: Sequence[Trace]) -> None:
        made = parts.tables(ids, traces, self._study.tracking.outputs)
        with tempfile.TemporaryDirectory() as folder:
            for table, rows in made.items():
                path = Path(folder, table, f"part-{ids[0]}.parquet")
                path.parent.mkdir()
                rows.write_parquet(path)
            self._store.client.log_artifacts(self.study_id, folder, "traces")

    def _write_plan(self, runs: Sequence[Run]) -> None:
        """Keep the whole plan: the seed table and the configuration of this job."""
        client, factor = self._store.client, self._study.factor.name
        table = [
            {
                "arm": run.arm,
                "replicate": run.replicate,
                "block": run.block,
                "fingerprint": run.fingerprint,
                "vary": " ".join(run.vary),
                **{f"seed.{source}": seed for source, seed in run.seeds.items()},
            }
            for run in runs
        ]
        try:
            client.log_dict(self.study_id, {"rows": table}, f"plan/{factor}.json")
            client.log_dict(self.study_id, self._study.config, f"config/{factor}.yaml")
            client.log_text(self.study_id, hardware.packages(), "packages.txt")
        except (MlflowException, OSError) as error:
            raise ValueError(
                f"artifacts cannot be written to "
                f"{self._store.experiment.artifact_location}: {error}; make it "
                "writable, or set tracking.artifacts and a new tracking.experiment"
            ) from error


@contextmanager
def open_study(store: Store, study: Study, runs: Sequence[Run]) -> Iterator[StudyLog]:
    """Open a study for logging; its status says how the job ended."""
    log = StudyLog(store, study, runs)
    monitor = SystemMetricsMonitor(log.study_id, resume_logging=True)
    monitor.start()
    status = RunStatus.FAILED
    try:
        yield log
        status = RunStatus.FINISHED
    except KeyboardInterrupt:
        status = RunStatus.KILLED
        raise
    finally:
        monitor.finish()
        store.client.set_terminated(log.study_id, RunStatus.to_string(status))


# ---- the study run ------------------------------------------------------------------


def _open(store: Store, study: Study) -> str:
    """Return the run of the study with this name; make it where there is none."""
    client = store.client
    own = f"tags.`seedscope.role` = 'study' and tags.`seedscope.study` = '{study.name}'"
    found = search(store, own)
    asked = os.environ.pop("MLFLOW_RUN_ID", None)  # we run inside `mlflow run`
    if found:
        study_id = found[0].info.run_id
        _check_free(found[0], study.name)
        if asked and asked != study_id:
            note = f"This command continued the study **{study.name}** ({study_id})."
            client.set_tag(asked, "mlflow.note.content", note)
    else:
        study_id = _adopt(store, asked) or _new(store, study.name)
    tags = {
        "seedscope.role": "study",
        "seedscope.study": study.name,
        f"seedscope.sweep.{study.tracking.sweep}": "true",
        "seedscope.writer": f"{platform.node()} {os.getpid()}",
        **{f"seedscope.answer.{k}": v for k, v in asdict(study.answer).items() if v},
        **_cut(hardware.code(home())),
    }
    for key, value in tags.items():
        client.set_tag(study_id, key, value)
    running = RunStatus.to_string(RunStatus.RUNNING)
    client.update_run(study_id, status=running, name=study.name)
    return study_id


def _check_free(study: Logged, name: str) -> None:
    """Refuse a study that another process is training: both would train the same."""
    host, _, process = study.data.tags.get("seedscope.writer", "").partition(" ")
    here = host == platform.node() and process != str(os.getpid())
    if study.info.status == "RUNNING" and here and psutil.pid_exists(int(process)):
        raise ValueError(
            f"study {name} is being trained by process {process}; wait for it, stop "
            "it, or give this study another name with name=..."
        )


def _adopt(store: Store, run_id: str | None) -> str | None:
    """Take over the run that `mlflow run` opened, if it is in our experiment."""
    if run_id is None:
        return None
    try:
        run = store.client.get_run(run_id)
    except MlflowException:
        return None  # it lives in another store
    ours = run.info.experiment_id == store.experiment.experiment_id
    return run_id if ours else None


def _new(store: Store, name: str) -> str:
    experiment = store.experiment.experiment_id
    return store.client.create_run(experiment, run_name=name).info.run_id


def _finished(store: Store, study_id: str, runs: Sequence[Run]) -> set[str]:
    """Return the fingerprints that need no training; delete unfinished remains."""
    wanted = {run.fingerprint for run in runs}
    finished = set()
    for run in search(store, f"tags.`mlflow.parentRunId` = '{study_id}'"):
        fingerprint = run.data.tags.get("seedscope.fingerprint")
        if fingerprint not in wanted:
            continue
        if run.info.status == "FINISHED":
            finished.add(fingerprint)
        else:
            store.client.delete_run(run.info.run_id)
    return finished


# ---- what a run is logged as -------------------------------------------------------


def _run_params(run: Run) -> dict[str, str]:
    """Return the whole configuration of a run and its seeds, flat."""
    settings = flat(asdict(run.settings))
    seeds = {f"seed.{source}": seed for source, seed in run.seeds.items()}
    return {key: str(value) for key, value in (settings | seeds).items()}


def _run_tags(study: Study, trace: Trace) -> dict[str, str]:
    run = trace.run
    return {
        "seedscope.role": "run",
        "seedscope.study": study.name,
        "seedscope.factor": run.factor,
        "seedscope.arm": run.arm,
        "seedscope.vary": " ".join(run.vary),
        "seedscope.design": study.design.name,
        "seedscope.block": str(run.block),
        "seedscope.replicate": str(run.replicate),
        "seedscope.engine": trace.facts.get("engine", study.engine.name),
        "seedscope.launcher": study.launcher.name,
        "seedscope.fingerprint": run.fingerprint,
        "seedscope.diverged": str(trace.diverged).lower(),
        **_weight_digests(trace),
        **{f"digest.{name}": value for name, value in trace.digests.items()},
        **{f"runtime.{name}": value for name, value in trace.facts.items()},
        **hardware.machine(),
        **hardware.code(home()),
    }


def _weight_digests(trace: Trace) -> dict[str, str]:
    if not trace.weights_sha256:
        return {}
    return {
        "seedscope.weights_sha256": trace.weights_sha256[-1],
        "seedscope.initial_weights_sha256": trace.weights_sha256[0],
    }


def _metrics(trace: Trace, points: int) -> Iterator[Metric]:
    now = int(time.time() * 1000)
    for group in ("batch", "batch_reported"):
        for name, values in getattr(trace, group).items():
            for step in _thinned(len(values), points):
                yield Metric(f"{group}/{name}", float(values[step]), now, step + 1)
    for group in ("train", "val"):
        for name, values in getattr(trace, group).items():
            for epoch, value in enumerate(values, start=1):
                yield Metric(f"{group}/{name}", float(value), now, epoch)
    for name, value in trace.scores.items():
        yield Metric(name, float(value), now, 0)
    if trace.seconds is not None:
        yield Metric("seconds", trace.seconds, now, 0)


def _thinned(steps: int, points: int) -> list[int]:
    """Return which steps to log: all, or evenly spread ones with the first and last."""
    if steps <= points:
        return list(range(steps))
    return np.unique(np.linspace(0, steps - 1, points).round().astype(int)).tolist()


def _points(runs: int) -> int:
    return min(POINTS, max(50, POINTS_OF_A_STUDY // max(runs, 1)))


def _dataset(trace: Trace) -> DatasetInput:
    data = trace.run.settings.data
    made = Dataset(
        name=str(data.get("name", data["_target_"])),
        digest=trace.digests["data"][:36],
        source_type="code",
        source=json.dumps(data, sort_keys=True),
    )
    return DatasetInput(made, [InputTag("mlflow.data.context", "training")])


def _cut(tags: dict[str, str]) -> dict[str, str]:
    return {key: value[:LONGEST] for key, value in tags.items()}
