"""Log a study and its runs to MLflow, so that what finished stays whatever happens.

The study is a parent run, found again by its name; every run is nested under it. A run
is created, filled and only then set to FINISHED: that status is the one sign that all
of it is there. Several processes may train one study: each takes shares of the runs
that nobody holds by its lease, and runs whose lease is gone are deleted.
"""

import hashlib
import json
import os
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import numpy as np
import polars as pl
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
)
from mlflow.entities import Run as Logged
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from seedscope.store import about, hardware, own, parts
from seedscope.store import identity as identities
from seedscope.store.lease import MOST, Lease
from seedscope.store.patience import at_once
from seedscope.store.store import Store, quoted, search, told
from seedscope.study import arms, code
from seedscope.study import identity as study_identity
from seedscope.study.functions import without_bytes
from seedscope.study.places import home
from seedscope.study.secrets import without_secrets
from seedscope.study.words import Run, Study
from seedscope.trace import tables
from seedscope.trace.trace import Trace

LONGEST = 500  # characters of a tag or parameter that every store takes
POINTS = 100  # of a batch curve, enough to see its course: Parquet has every step
SHARE = 30.0  # seconds of training that a process takes at a time
POLL = 2.0  # seconds between two looks for runs that others gave up
SIDE_BY_SIDE = 8  # runs that are sent to a server at a time
POINTS_OF_A_JOB = 2_500  # of each batch curve: MLflow takes 0.1 ms for each point
LEAST = 25

Given = TypeVar("Given")
Made = TypeVar("Made")


class StudyLog:
    """An open study: what is missing from it, and where finished runs go."""

    def __init__(
        self, store: Store, study: Study, runs: Sequence[Run], lease: Lease
    ) -> None:
        self._store = store
        self._study = study
        self._lease = lease
        self._code = _code_tags(study)
        asked = os.environ.get("MLFLOW_RUN_ID")
        self.study_id = _open(store, study, lease, self._code)
        self.planned = identities.planned(store, self.study_id)
        self._points = study.tracking.curve_points or _points(len(runs))
        there = parts.names(store, self.study_id)
        finished, self.notes = _finished(
            store, self.study_id, study, runs, lease, there
        )
        self.missing = [run for run in runs if run.fingerprint not in finished]
        if study.factor.fresh_process:  # one repeat of every level after the other
            self.missing.sort(key=lambda run: run.replicate)
        self.stored = len(finished)
        self._storing: set[str] = (
            set()
        )  # fingerprints of trained runs, yet to be stored
        self._elsewhere: set[str] = set()  # missing runs that another lease held once
        self._lock = threading.Lock()
        self._told: frozenset[str] = frozenset()  # what a reader was told already
        self._write_plan(runs)
        about.log_parameters(store, self.study_id, runs)
        self.notes += about.explain(store, asked, self.study_id, study.name)

    def shares(
        self, workers: int, together: int, note: Callable[[str], None]
    ) -> Iterator[list[Run]]:
        """Yield runs for this process to train, a share at a time, until all are done.

        Other processes may train the same study: no two are given the same run. Shares
        are small at first, then as large as is trained in SHARE seconds.

        Args:
            workers: how many runs are trained side by side.
            together: runs that the engine trains at the price of one.
            note: is told that others hold what is left.
        """
        least, told_to_wait = workers * together, False
        size = least
        while self.missing:
            share = self._take(size)
            if not share:
                if self.missing and not told_to_wait:
                    told_to_wait = True
                    note(
                        f"{len(self.missing)} runs are being trained by other processes"
                    )
                time.sleep(random.uniform(0.5, 1) * POLL)
                continue
            started, missing = time.monotonic(), len(self.missing)
            yield share
            if len(self.missing) == missing:
                raise RuntimeError(
                    f"{len(share)} runs were given out and none came back"
                )
            speed = len(share) / max(time.monotonic() - started, 0.1)
            grown = min(4 * size, round(speed * SHARE / least) * least)
            size = max(size if together > 1 else workers, grown)

    def give_up(self, runs: Sequence[Run]) -> int:
        """Leave runs that failed missing: this process trains them no more.

        Returns:
            How many of them are not stored.
        """
        before = len(self.missing)
        self._forget({run.fingerprint for run in runs})
        return before - len(self.missing)

    def leave(self) -> None:
        """Train no more here; what was handed over is still to be stored."""
        self._lease.leave()

    def tell(self, texts: Sequence[str]) -> None:
        """Keep what a reader of the study should know."""
        own.keep(self._store, self.study_id, texts)

    def blame(self, whose: str) -> None:
        """Keep whose fault it is that the control failed: engine or machine."""
        self._store.client.set_tag(self.study_id, "seedscope.control", whose)

    def expect(self, traces: Sequence[Trace]) -> None:
        """Count on traces that `add` is given soon: they are trained no more."""
        done = {trace.run.fingerprint for trace in traces}
        with self._lock:
            self._storing |= {r.fingerprint for r in self.missing} & done
            self.missing = [r for r in self.missing if r.fingerprint not in done]

    def add(self, traces: Sequence[Trace]) -> None:
        """Store a finished group of traces.

        Raises:
            ValueError: the store takes no more; the runs stored before are kept.
        """
        then = (
            "; the runs before it are kept, start the same command again to train the "
            "rest"
        )
        with told(self._store, "a finished run could not be stored in", then):
            if not self._lease.stands():  # this process was taken for dead
                self._lease.renew()
                self._look_again()
            wanted = {run.fingerprint for run in self.missing} | self._storing
            traces = [trace for trace in traces if trace.run.fingerprint in wanted]
            if traces:
                self._add(traces)

    def _take(self, size: int) -> list[Run]:
        """Hold at most `size` of the missing runs, and return them."""
        with told(self._store, "runs could not be taken from"):
            taken = set(self._lease.take(lambda held: self._choice(held, size)))
            if self._lease.company:  # another may have finished one just before
                self._look_again()
        return [run for run in self.missing if run.fingerprint in taken]

    def _choice(self, held: frozenset[str], size: int) -> list[str]:
        """Return what to hold: runs that are being stored, and free ones to train."""
        company = self._lease.company
        missing = {run.fingerprint for run in self.missing}
        if company or self._elsewhere & missing:
            self._look_again()
        self._elsewhere |= held & missing
        free = [r.fingerprint for r in self.missing if r.fingerprint not in held]
        if company and free:  # start where others hardly do
            first = random.randrange(len(free))
            free = free[first:] + free[:first]
        storing = sorted(self._storing)
        longest = max(map(len, [*free, *storing]), default=0) + 1
        return [*storing, *free[: min(size, MOST // longest - len(storing))]]

    def _look_again(self) -> None:
        """Find out what other processes have finished meanwhile."""
        self._lease.company = False
        children = search(self._store, f"tags.`mlflow.parentRunId` = '{self.study_id}'")
        self._forget(_fingerprints(children))

    def _forget(self, finished: Collection[str]) -> None:
        """Leave out what has finished; of our own runs `expect` did so before."""
        with self._lock:
            self._storing -= set(finished)
            if any(run.fingerprint in finished for run in self.missing):
                self.missing = [
                    run for run in self.missing if run.fingerprint not in finished
                ]

    def _add(self, traces: Sequence[Trace]) -> None:
        """Store a group: its part is written while its runs are created and filled."""
        ended, name = int(time.time() * 1000), f"part-{uuid4().hex}"
        drafts = [f"{name}/{number}" for number in range(len(traces))]
        made = tables.tables(drafts, traces, self._study.tracking.outputs)
        tags = {"seedscope.lease": self._lease.id, **parts.tags(name, made)}
        ids = self._each(lambda trace: self._create(trace, ended, tags), traces)
        named = dict(zip(drafts, ids, strict=True))
        with ThreadPoolExecutor(1) as beside:
            part = beside.submit(self._write_part, name, made, named)
            self._told = own.tell(self._store, self.study_id, traces, self._told)

            def store(pair: tuple[str, Trace]) -> Trace:
                run_id, trace = pair
                self._fill(run_id, trace, ended, part)
                return trace

            filled = zip(named.values(), traces, strict=True)
            for trace in self._each(store, filled):
                self.stored += 1
                self._forget({trace.run.fingerprint})

    def _each(self, do: Callable[[Given], Made], to: Iterable[Given]) -> Iterator[Made]:
        """Do one thing to each, side by side where a server answers; in their order."""
        if not self._store.uri.startswith("http"):
            yield from map(do, to)
            return
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            begun = [pool.submit(do, one) for one in to]
            try:
                yield from (one.result() for one in begun)
            finally:  # after a mistake nothing new is begun
                for one in begun:
                    one.cancel()

    def _write_part(
        self, name: str, made: Mapping[str, pl.DataFrame], named: Mapping[str, str]
    ) -> None:
        """Write the rows of a group, drafts of its runs replaced by their names."""
        run_id = pl.col("run_id").replace(named)
        rows = {table: frame.with_columns(run_id) for table, frame in made.items()}
        parts.write(self._store, self.study_id, name, rows)

    def _create(self, trace: Trace, ended: int, more: dict[str, str]) -> str:
        run = trace.run
        tags = _run_tags(self._study, trace) | self._code | more
        created = self._store.client.create_run(
            self._store.experiment.experiment_id,
            start_time=ended - round((trace.seconds or 0) * 1000),
            tags={"mlflow.parentRunId": self.study_id, **_cut(tags)},
            run_name=f"{run.arm} #{run.replicate}",
        )
        return created.info.run_id

    def _fill(self, run_id: str, trace: Trace, ended: int, part: Future) -> None:
        """Log what a run holds; it has finished when its part is there too."""
        client = self._store.client
        metrics = list(_metrics(trace, self._points))
        params = [Param(k, v) for k, v in _cut(_run_params(trace.run)).items()]
        client.log_batch(run_id, metrics=metrics, params=params)
        if "data" in trace.digests:
            client.log_inputs(run_id, [_dataset(trace)])
        if trace.logged is not None or trace.files:
            own.add(self._store, run_id, trace)
        part.result()
        finished = RunStatus.to_string(RunStatus.FINISHED)
        client.set_terminated(run_id, finished, end_time=ended)

    def _write_plan(self, runs: Sequence[Run]) -> None:
        """Keep the whole plan: the seed table and the configuration of this job."""
        client, name = self._store.client, _job_name(self._study, runs)
        table = [
            {
                "arm": run.arm,
                "replicate": run.replicate,
                "block": run.block,
                "fingerprint": run.fingerprint,
                "vary": " ".join(run.vary),
                "levels": dict(run.levels),
                **{f"seed.{source}": seed for source, seed in run.seeds.items()},
            }
            for run in runs
        ]
        then = "; make it writable, or set tracking.artifacts and a new experiment"
        config = without_secrets(self._study.config)
        with told(self._store, "artifacts cannot be written to", then):
            plan = {"written": time.time(), "rows": table}
            client.log_dict(self.study_id, plan, f"plan/{name}.json")
            client.log_dict(self.study_id, config, f"config/{name}.yaml")
            client.log_text(self.study_id, hardware.packages(), "packages.txt")
            self._write_code()

    def _write_code(self) -> None:
        """Keep the user's source files as they are trained."""
        files = study_identity.all_code(self._study)
        if not files:
            return
        client = self._store.client
        client.log_dict(self.study_id, code.digests(files), identities.CODE)
        for module, path in files.items():
            package = path.stem == "__init__"
            folder = Path("code", *module.split(".")[: None if package else -1])
            client.log_artifact(self.study_id, str(path), str(folder))


@contextmanager
def open_study(store: Store, study: Study, runs: Sequence[Run]) -> Iterator[StudyLog]:
    """Open a study for logging; its status says how the job ended."""
    with told(store, f"study {study.name} cannot be opened in"):
        lease = Lease(store, study.name)
    try:
        with told(store, f"study {study.name} cannot be opened in"):
            log = StudyLog(store, study, runs, lease)
            monitor = SystemMetricsMonitor(log.study_id, resume_logging=True)
    except BaseException:
        lease.close()
        raise
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
        _leave(store, log.study_id, lease, RunStatus.to_string(status))


def _leave(store: Store, study_id: str, lease: Lease, status: str) -> None:
    """Give up the lease; who is the last to leave says how the study ended."""
    client = at_once(store.client)
    with suppress(MlflowException, ValueError):  # the first mistake is told, not this
        lease.close()
        if not lease.others(client):
            client.set_terminated(study_id, status)


# ---- the study run ------------------------------------------------------------------


def _open(store: Store, study: Study, lease: Lease, facts: dict[str, str]) -> str:
    """Return the run of the study with this name; make it where there is none."""
    client = store.client
    asked = os.environ.pop("MLFLOW_RUN_ID", None)  # we run inside `mlflow run`
    study_id = _named(store, study.name)
    if study_id is None:
        with lease.alone("study"):  # others may be about to make it too
            study_id = _named(store, study.name) or _made(store, study, asked)
    if asked != study_id and _adopt(store, asked):
        note = f"This command continued the study **{study.name}** ({study_id})."
        client.set_tag(str(asked), "mlflow.note.content", note)
    tags = {
        "seedscope.role": "study",
        "seedscope.study": study.name,
        f"seedscope.sweep.{study.tracking.sweep}": "true",
        **{f"seedscope.answer.{k}": v for k, v in asdict(study.answer).items() if v},
        **_cut(facts),
        **_identity_tags(study),
        **about.source_tags(None),
        **about.question_tag(study),
    }
    if study.better is not None:
        said = study.better if isinstance(study.better, str) else dict(study.better)
        tags["seedscope.better"] = json.dumps(said)
    identities.check(store, study_id, study)
    client.log_batch(study_id, tags=[RunTag(k, v) for k, v in tags.items()])
    client.set_tag(lease.id, "mlflow.parentRunId", study_id)
    running = RunStatus.to_string(RunStatus.RUNNING)
    client.update_run(study_id, status=running, name=study.name)
    return study_id


def _named(store: Store, name: str) -> str | None:
    own = f"tags.`seedscope.role` = 'study' and tags.`seedscope.study` = {quoted(name)}"
    found = search(store, own)
    return found[0].info.run_id if found else None


def _made(store: Store, study: Study, asked: str | None) -> str:
    """Make the study's run, known by its tags at once: others are waiting for it."""
    adopted = _adopt(store, asked)
    name = study.name
    tags = {"seedscope.role": "study", "seedscope.study": name}
    tags |= _identity_tags(study)
    if study.engine.planned:
        tags[identities.PLANNED] = str(study.engine.planned)
    if adopted is None:
        experiment = store.experiment.experiment_id
        return store.client.create_run(experiment, run_name=name, tags=tags).info.run_id
    for key, value in sorted(tags.items(), reverse=True):  # the name, then the role
        store.client.set_tag(adopted, key, value)
    return adopted


def _adopt(store: Store, run_id: str | None) -> str | None:
    """Return the run that `mlflow run` opened, if it is open and nothing else yet.

    A variable that is left over from another command names a run that has ended, or
    that is a study or a run of one: that is never taken over.
    """
    if run_id is None:
        return None
    try:
        run = at_once(store.client).get_run(run_id)
    except MlflowException:
        return None  # it lives in another store
    ours = run.info.experiment_id == store.experiment.experiment_id
    open_ = run.info.status == "RUNNING" and run.info.lifecycle_stage == "active"
    return run_id if ours and open_ and "seedscope.role" not in run.data.tags else None


def _finished(
    store: Store,
    study_id: str,
    study: Study,
    runs: Sequence[Run],
    lease: Lease,
    there: set[str],
) -> tuple[set[str], list[str]]:
    """Return the fingerprints that need no training, and what a reader should know.

    What is left of others is deleted, and with engine.again what lacks something. What
    is stored halfway and belongs to a live lease is another process's business.
    """
    children = search(store, f"tags.`mlflow.parentRunId` = '{study_id}'")
    children = [run for run in children if run.data.tags.get("seedscope.role") == "run"]
    live = lease.others() | {lease.id}
    kept, left = [], []
    wanted = {run.fingerprint for run in runs}
    lacking: dict[str, int] = {}
    for run in children:
        held = run.data.tags.get("seedscope.lease") in live
        whole = run.info.status == "FINISHED"
        if whole and run.data.tags.get("seedscope.fingerprint") in wanted:
            lacks = _lacks(study, run)
            lacking |= {what: lacking.get(what, 0) + 1 for what in lacks}
            whole = not (lacks and study.engine.again)
        (kept if whole or held else left).append(run)
    for run in left:
        with suppress(MlflowException):  # another process may be quicker
            store.client.delete_run(run.info.run_id)
    parts.sweep(store, study_id, there, kept, left)
    cure = "they are trained again"
    if not study.engine.again:
        cure = "engine.again=true trains them again"
    notes = [f"{n} stored runs have no {what}: {cure}" for what, n in lacking.items()]
    return _fingerprints(kept) & wanted, notes


def _lacks(study: Study, run: Logged) -> list[str]:
    """Return what is asked for and a finished run of a study does not have."""
    order = ("none", "final", "epochs")
    kept = run.data.tags.get("seedscope.keep_weights", "none")
    asked = study.engine.keep_weights
    lacks = []
    if order.index(asked) > order.index(kept):
        what = "weights" if kept == "none" else "weights of each epoch"
        lacks.append(f"{what} (engine.keep_weights={asked})")
    if study.tracking.outputs and run.data.tags.get("seedscope.outputs") == "false":
        lacks.append("outputs of the model (tracking.outputs=true)")
    return lacks


def _fingerprints(children: Sequence[Logged]) -> set[str]:
    """Return the fingerprints of the runs among them that have finished."""
    return {
        run.data.tags.get("seedscope.fingerprint", "")
        for run in children
        if run.info.status == "FINISHED"
    }


# ---- what a run is logged as -------------------------------------------------------


def _run_params(run: Run) -> dict[str, str]:
    """Return the whole configuration of a run and its seeds, flat."""
    seeds = {f"seed.{source}": str(seed) for source, seed in run.seeds.items()}
    return about.parameters(run.settings) | seeds | {"arm": run.arm}


def _run_tags(study: Study, trace: Trace) -> dict[str, str]:
    run, answers = trace.run, trace.predictions
    asked = study.tracking.outputs
    outputs = answers is None or tables.keeps_outputs(answers, asked)
    own = {}
    if run.identity is not None:
        own = {identities.TAG: study_identity.key(run.identity)}
    return {
        "seedscope.role": "run",
        "seedscope.study": study.name,
        "seedscope.factor": run.factor,
        "seedscope.arm": run.arm,
        "seedscope.vary": " ".join(run.vary),
        "seedscope.levels": arms.encode(run.levels),
        "seedscope.design": study.design.name,
        "seedscope.block": str(run.block),
        "seedscope.replicate": str(run.replicate),
        "seedscope.engine": trace.facts.get("engine", study.engine.name),
        "seedscope.launcher": study.launcher.name,
        "seedscope.fingerprint": run.fingerprint,
        "seedscope.keep_weights": study.engine.keep_weights,
        "seedscope.outputs": str(outputs).lower(),
        "seedscope.diverged": str(trace.diverged).lower(),
        **_weight_digests(trace),
        **{f"digest.{name}": value for name, value in trace.digests.items()},
        **{f"runtime.{name}": value for name, value in trace.facts.items()},
        **(trace.machine or hardware.machine()),
        **about.source_tags(run.settings),
        **own,
    }


def _identity_tags(study: Study) -> dict[str, str]:
    if study.identity is None:
        return {}
    return identities.tags(study.identity, study.base_name)


def _job_name(study: Study, runs: Sequence[Run]) -> str:
    """Name a job's files in its study: several jobs may vary one factor."""
    factor = study.factor.name or "none"
    if not (study.swept or study.factor.levels):
        return factor
    keys = json.dumps(sorted({(run.arm, arms.encode(run.levels)) for run in runs}))
    return f"{factor}-{hashlib.sha256(keys.encode()).hexdigest()[:6]}"


def _code_tags(study: Study) -> dict[str, str]:
    """Return the commits of seedscope and of the user's code."""
    tags = hardware.code(home())
    files = study_identity.all_code(study)
    if files:
        own = hardware.code(next(iter(files.values())).parent)
        names = {"mlflow.source.git.commit": "git_commit", "git_dirty": "git_dirty"}
        tags |= {f"code.{new}": own[old] for old, new in names.items() if old in own}
        tags["code.sha256"] = code.digest(files)
    return tags


def _weight_digests(trace: Trace) -> dict[str, str]:
    if not trace.weights_sha256:
        return {}
    return {
        "seedscope.weights_sha256": trace.weights_sha256[-1],
        "seedscope.initial_weights_sha256": trace.weights_sha256[0],
    }


def _metrics(trace: Trace, points: int) -> Iterator[Metric]:
    """Yield every number of a run, each curve's points together, the last one first.

    MLflow keeps the latest value of each metric apart: it is then written once, not
    once for every point.
    """
    now = int(time.time() * 1000)
    for group in ("batch", "batch_reported", "train", "val"):
        most = points if group.startswith("batch") else None
        for name, values in getattr(trace, group).items():
            for step in np.roll(_thinned(len(values), most), 1).tolist():
                yield Metric(f"{group}/{name}", float(values[step]), now, step + 1)
    logged = trace.logged.metrics if trace.logged is not None else {}
    for name, value in trace.scores.items():
        if name in logged:
            continue  # with all of its steps: see own.py
        yield Metric(name, float(value), now, 0)
    if trace.seconds is not None:
        yield Metric("seconds", trace.seconds, now, 0)
    if trace.step_seconds is not None:
        yield Metric("step_seconds", trace.step_seconds, now, 0)


def _thinned(steps: int, points: int | None) -> np.ndarray:
    """Return which steps to log: all, or evenly spread ones with the first and last."""
    if points is None or steps <= points:
        return np.arange(steps)
    return np.unique(np.linspace(0, steps - 1, points).round().astype(int))


def _points(runs: int) -> int:
    return min(POINTS, max(LEAST, POINTS_OF_A_JOB // max(runs, 1)))


def _dataset(trace: Trace) -> DatasetInput:
    settings = trace.run.settings
    data: dict = without_secrets(settings.data)
    name = str(data.get("name", data["_target_"]))
    if settings.script.name is not None:
        name = settings.script.name
        data = {"files": trace.facts.get("data_files", "")}
    made = Dataset(
        name=name,
        digest=trace.digests["data"][:36],
        source_type="code",
        source=json.dumps(without_bytes(data), sort_keys=True),
    )
    return DatasetInput(made, [InputTag("mlflow.data.context", "training")])


def _cut(tags: dict[str, str]) -> dict[str, str]:
    return {key: value[:LONGEST] for key, value in tags.items()}
