"""Read runs back from MLflow, as one table."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from mlflow.artifacts import load_dict
from mlflow.entities import Run as Logged
from mlflow.exceptions import MlflowException

from seedscope.runs.score import directions
from seedscope.runs.table import Runs
from seedscope.store import about, links, parts
from seedscope.store.own import told_of
from seedscope.store.store import Store, search, told
from seedscope.study.arms import encode
from seedscope.study.direction import read_better

ArmTags = tuple[str, str | None]  # its name and levels, as they were logged
CURVES = ("batch/", "batch_reported/", "train/", "val/", "system/")
TAGS = ("factor", "arm", "vary", "design", "block", "replicate", "engine")
TOLD = (  # what a run says of where it started and of whose step trained it
    "kept_weights",
    "own_weights",
    "pinned_weights",
    "pinned_noise",
    "brought",
)
DIGESTS = ("weights_sha256", "initial_weights_sha256", "fingerprint", "diverged")


def read_study(store: Store, name: str) -> Runs:
    """Return the finished runs of a study.

    Args:
        store: where it was logged.
        name: its name, the id of its MLflow run, or `latest`.

    Raises:
        ValueError: there is no such study, or nothing in it has finished.
    """
    with told(store, f"study={name} cannot be read from"):
        return _read_study(store, name)


def _read_study(store: Store, name: str) -> Runs:
    study = _find_study(store, name)
    study_id = study.info.run_id
    children = search(store, f"tags.`mlflow.parentRunId` = '{study_id}'")
    plan = _plan(store, study_id)
    finished = _once([run for run in children if run.info.status == "FINISHED"])
    if "seedscope.schema" in study.data.tags:  # plans of 0.1 wrote over each other
        finished = [run for run in finished if _is_planned(run, plan)]
    title = study.data.tags["seedscope.study"]
    if not finished:
        raise ValueError(f"study {title} holds no finished run yet")
    rows = [_own_row(run) for run in finished]
    metrics = _metrics(finished)
    lead = study.data.tags.get("seedscope.answer.score")
    last = [m for m in metrics if m.startswith(("train/", "val/"))]  # of the last epoch
    final = [m for m in metrics if not m.startswith(CURVES)]
    if not set(final) - {"seconds", "step_seconds"}:  # a program that tested nothing
        final += [m for m in last if m.startswith("val/")] or last
    scores = [m for m in metrics if m in final or m == lead]
    traces, remarks = parts.sound(store, study_id, finished)
    read = Runs(
        title=title,
        table=_apart(_table(rows, finished, sorted({*scores, *last}))),
        scores=tuple(scores),
        score=lead if lead in scores else None,
        figure=study.data.tags.get("seedscope.answer.figure"),
        traces=traces,
        remarks=(*remarks, *told_of(store, study_id)),
        study_id=study_id,
        planned=_planned(plan),
        base=study.data.tags.get("seedscope.base"),
        control=study.data.tags.get("seedscope.control"),
        question=study.data.tags.get(about.QUESTION),
        command=study.data.tags.get(about.COMMAND),
        context=about.context(finished),
        server=links.server(store),
    )
    said = json.loads(study.data.tags.get("seedscope.better", "null"))
    try:
        return replace(read, better=directions(read_better(said), list(read.known)))
    except ValueError as error:  # said before the runs were there
        said = f"what the study says is left out: {error}"
        return replace(read, remarks=(*read.remarks, said))


def _once(finished: Sequence[Logged]) -> list[Logged]:
    """Return each run of a plan once: the first that finished.

    A process that was taken for dead may come back and store a run a second time.
    """
    first: dict[str, Logged] = {}
    for run in sorted(finished, key=lambda r: (r.info.end_time or 0, r.info.run_id)):
        first.setdefault(
            run.data.tags.get("seedscope.fingerprint", run.info.run_id), run
        )
    kept = {run.info.run_id for run in first.values()}
    return [run for run in finished if run.info.run_id in kept]


def study_names(store: Store) -> list[str]:
    """Return the names of all studies of the experiment."""
    return sorted({run.data.tags["seedscope.study"] for run in _studies(store)})


def is_study(store: Store, name: str) -> bool:
    """Tell whether `read_study` finds a study of this name."""
    tags = [run.data.tags for run in _studies(store)]
    return any(name in (t["seedscope.study"], t.get("seedscope.base")) for t in tags)


def studies_of_sweep(store: Store, sweep: str) -> list[str]:
    """Return the MLflow runs of the studies of a sweep that hold a finished run."""
    found = search(store, f"tags.`seedscope.sweep.{sweep}` = 'true'")
    return [run.info.run_id for run in found if _has_finished(store, run.info.run_id)]


def _has_finished(store: Store, study_id: str) -> bool:
    condition = f"tags.`mlflow.parentRunId` = '{study_id}' and status = 'FINISHED'"
    where = [store.experiment.experiment_id]
    return bool(store.client.search_runs(where, condition, max_results=1))


def _studies(store: Store) -> list[Logged]:
    return search(store, "tags.`seedscope.role` = 'study'")


def _find_study(store: Store, name: str) -> Logged:
    studies = _studies(store)
    if name == "latest" and studies:
        return max(studies, key=lambda run: run.info.end_time or 2**63)
    for run in studies:
        if name in (run.info.run_id, run.data.tags["seedscope.study"]):
            return run
    beside = [run for run in studies if run.data.tags.get("seedscope.base") == name]
    if beside:
        return max(beside, key=lambda run: run.info.end_time or 2**63)
    known = sorted({run.data.tags["seedscope.study"] for run in studies})
    raise ValueError(
        f"study={name}: there is no such study in experiment "
        f"{store.experiment.name!r}; it holds {', '.join(known) or 'none yet'}"
    )


def _own_row(run: Logged) -> dict[str, object]:
    tags = run.data.tags
    row: dict[str, object] = {"run_id": run.info.run_id}
    row |= {key: tags.get(f"seedscope.{key}", "") for key in TAGS}
    row |= {key: tags.get(f"seedscope.{key}") for key in DIGESTS}
    row |= {key: int(tags[f"seedscope.{key}"]) for key in ("replicate", "block")}
    row["diverged"] = row["diverged"] == "true"
    row["machine"] = ", GPU: ".join(
        tags.get(key, "?") for key in ("hardware.cpu", "hardware.gpu")
    )
    row["versions"] = " ".join(
        tags.get(f"runtime.{key}", "?") for key in ("tensorflow", "keras", "python")
    )
    row["seeding"] = tags.get("runtime.seeding", "sources")
    row |= {key: tags.get(f"runtime.{key}", "") for key in TOLD}
    digests = {k: v for k, v in tags.items() if k.startswith("digest.")}
    row["levels"] = tags.get("seedscope.levels")  # none in a store of version 0.1
    row["settings"] = _digest_of_settings(run)
    seeds = {k: int(v) for k, v in run.data.params.items() if k.startswith("seed.")}
    return row | digests | seeds


def _digest_of_settings(run: Logged) -> str:
    """Return the same for all runs whose settings are equal, seeds aside."""
    settings = sorted(
        (key, value)
        for key, value in run.data.params.items()
        if key != "arm" and not key.startswith("seed.")
    )
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]


def _apart(table: pl.DataFrame) -> pl.DataFrame:
    """Tell apart arms of one name: levels of two settings may be called alike.

    Runs that version 0.1 logged have no levels; they go with the arm of their name.
    """
    table = table.with_columns(pl.col("levels").cast(pl.String))
    whole = pl.col("arm") + " " + pl.col("levels")
    several = pl.col("levels").drop_nulls().n_unique().over("arm") > 1
    return table.with_columns(
        pl.when(several & pl.col("levels").is_not_null())
        .then(whole)
        .otherwise("arm")
        .alias("arm")
    )


def _metrics(runs: Sequence[Logged]) -> list[str]:
    return sorted({key for run in runs for key in run.data.metrics})


def _table(
    rows: list[dict[str, object]], runs: Sequence[Logged], scores: Sequence[str]
) -> pl.DataFrame:
    lead = pl.DataFrame(rows, infer_schema_length=None)
    columns = {
        key: pl.Series([run.data.metrics.get(key) for run in runs], dtype=pl.Float64)
        for key in scores
    }
    return lead.with_columns(**columns)


def _plan(store: Store, study_id: str) -> dict[ArmTags, set[str]]:
    """Return the fingerprints of each arm's planned runs, by its latest plan."""
    plans = []
    try:
        location = store.client.get_run(study_id).info.artifact_uri
        for file in store.client.list_artifacts(study_id, "plan"):
            plans.append(load_dict(f"{location}/{file.path}"))
    except (MlflowException, OSError):
        return {}
    planned: dict[ArmTags, set[str]] = {}
    for plan in sorted(plans, key=lambda plan: plan.get("written", 0)):
        of_job: dict[ArmTags, set[str]] = {}
        for row in plan["rows"]:
            levels = encode(row["levels"]) if "levels" in row else None
            of_job.setdefault((row["arm"], levels), set()).add(row["fingerprint"])
        planned |= of_job
    return planned


def _planned(plan: dict[ArmTags, set[str]]) -> dict[str, int]:
    """Return how many runs of each arm are planned, by the names of `_apart`."""
    count = Counter(arm for arm, levels in plan if levels is not None)
    return {
        f"{arm} {levels}" if levels is not None and count[arm] > 1 else arm: len(rows)
        for (arm, levels), rows in plan.items()
    }


def _is_planned(run: Logged, plan: dict[ArmTags, set[str]]) -> bool:
    """Tell whether a run stands in the plan of its arm; without a plan all do."""
    tags = run.data.tags
    rows = plan.get((tags.get("seedscope.arm", ""), tags.get("seedscope.levels")))
    return rows is None or tags.get("seedscope.fingerprint") in rows
