"""Runs that other programs logged to MLflow: their scores, curves and predictions."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from mlflow.entities import Run as Logged
from mlflow.exceptions import MlflowException

from seedscope.runs import at as places
from seedscope.runs import examples
from seedscope.runs.curves import keep_curves
from seedscope.runs.diverged import judged
from seedscope.runs.duplicates import shared_seeds
from seedscope.runs.table import Runs
from seedscope.runs.tables import formats
from seedscope.store.store import Store, search
from seedscope.study.arms import encode, names_of

CURVES_AT_MOST = 400  # histories that are read unasked: MLflow takes .1 s for each
READERS = 4  # histories that are read at once
PARENT = "mlflow.parentRunId"
GOING_ON = ("RUNNING", "SCHEDULED")
PREFIXES = {"validation": "val", "valid": "val", "eval": "val", "training": "train"}


@dataclass(frozen=True)
class Wanted:
    """What a question says about the runs of an experiment."""

    condition: str = ""  # an MLflow filter string; empty: every run
    group_by: tuple[str, ...] = ()  # params.<name> or tags.<name>
    sources: tuple[str, ...] = ()  # the same: where a run's seeds stand
    tasks: str | None = None
    at: str | None = None
    predictions: str | None = None  # the table that each run logged as an artifact
    example: str | None = None  # its columns; no example: its rows in order
    label: str | None = None
    truth: str | None = None


def read_any(store: Store, wanted: Wanted, falls: places.Falls) -> Runs:
    """Return runs that any program logged, grouped into arms.

    Args:
        store: where, and in which experiment.
        wanted: which, and what of them.
        falls: tells whether lower is better.

    Raises:
        ValueError: nothing matches, or no run has a key that is named.
    """
    everything = search(store, wanted.condition)
    found, said = _ended(everything)
    if not found:
        raise ValueError(
            f"no finished run in experiment {store.experiment.name!r} matches "
            f"filter={wanted.condition!r}"
        )
    found, parents = _without_parents(store, found, wanted.condition)
    for key, names in (("group_by", wanted.group_by), ("sources", wanted.sources)):
        _check_keys(key, names, found)
    _check_keys("tasks", [wanted.tasks] if wanted.tasks else [], found)
    said += parents
    scores, twins = _last_values(found)
    said += twins
    read = _at(store, found, scores, wanted.at, falls)
    scores, diverged, empty = judged(read.scores)
    said += read.said
    if empty:
        said.append(f"{', '.join(empty[:5])} left out: NaN or infinite in every run")
    table = _table(found, wanted, scores, diverged | read.diverged)
    traces = _kept(read.curves, table)
    if wanted.predictions:
        accuracy, traces, told = _predictions(store, table, wanted, traces)
        said += told
        if examples.SCORE not in scores:
            scores |= {examples.SCORE: accuracy}
            table = table.with_columns(accuracy)
    return Runs(
        title=f"{store.experiment.name} {wanted.condition}".strip(),
        table=table,
        scores=tuple(scores),
        remarks=(*_copies(found), *shared_seeds(table)),
        assumed="; ".join(said),
        traces=traces,
    )


def _ended(runs: Sequence[Logged]) -> tuple[list[Logged], list[str]]:
    """Leave out runs that go on; one that failed is counted apart."""
    over = [run for run in runs if run.info.status not in GOING_ON]
    said = []
    if len(over) < len(runs):
        said.append(f"{len(runs) - len(over)} still going on left out")
    failed = sum(run.info.status != "FINISHED" for run in over)
    if failed:
        said.append(f"{failed} failed or killed, counted apart like diverged ones")
    if failed == len(over):
        return [], said
    return over, said


def _without_parents(
    store: Store, found: list[Logged], condition: str
) -> tuple[list[Logged], list[str]]:
    """Leave out runs that others name as their parent: they sum up, none trained."""
    around = found if not condition else search(store, "")
    parents = {run.data.tags.get(PARENT) for run in around}
    kept = [run for run in found if run.info.run_id not in parents]
    left = len(found) - len(kept)
    if not left or not kept:
        return found, []
    return kept, [f"{left} parent run{'s' * (left > 1)} left out: their children count"]


def _check_keys(what: str, keys: Sequence[str], found: Sequence[Logged]) -> None:
    for key in keys:
        if all(_lookup(run, key) is None for run in found):
            kind = key.partition(".")[0]
            held = {name for run in found for name in getattr(run.data, kind)}
            known = sorted(f"{kind}.{name}" for name in held)
            raise ValueError(
                f"{what}: no run has {key!r}; there are "
                f"{', '.join(known[:30]) or 'none'}"
            )
        without = sum(_lookup(run, key) is None for run in found)
        if without and what == "sources":
            raise ValueError(
                f"sources: {without} of {len(found)} runs have no {key}; leave them "
                "out with filter=, or log it"
            )


def _last_values(found: Sequence[Logged]) -> tuple[dict[str, pl.Series], list[str]]:
    """Return the metrics, the same one under two names once."""
    names = sorted({key for run in found for key in run.data.metrics})
    values = {
        name: pl.Series(
            name, [run.data.metrics.get(name) for run in found], dtype=pl.Float64
        )
        for name in names
        if not name.startswith("system/")
    }
    kept: dict[str, pl.Series] = {}
    said = []
    for name in sorted(values, key=lambda name: (values[name].null_count(), len(name))):
        twin = next((k for k in kept if _twins(k, name, values)), None)
        if twin is None:
            kept[name] = values[name]
        else:
            said.append(f"{name} is {twin} under another name")
    return {name: kept[name] for name in names if name in kept}, said


def _twins(first: str, second: str, values: Mapping[str, pl.Series]) -> bool:
    """Tell whether one metric was logged twice: equal wherever both were."""
    if _plain(first) != _plain(second):
        return False
    pair = pl.DataFrame([values[first].alias("a"), values[second].alias("b")])
    both = pair.drop_nulls()
    alone = pair.filter(pl.col("a").is_null() & pl.col("b").is_not_null())
    return len(both) > 0 and alone.is_empty() and both["a"].equals(both["b"])


def _plain(name: str) -> str:
    """Return a metric's name with one spelling of its words."""
    words = name.lower().replace("/", "_").replace("-", "_").replace(" ", "_")
    return "_".join(PREFIXES.get(word, word) for word in words.split("_"))


@dataclass(frozen=True)
class _Read:
    """Scores as `at=` says, and the curves where they were read."""

    scores: dict[str, pl.Series]
    diverged: pl.Series
    said: tuple[str, ...] = ()
    curves: pl.DataFrame | None = None


def _at(
    store: Store,
    found: Sequence[Logged],
    scores: dict[str, pl.Series],
    at: str | None,
    falls: places.Falls,
) -> _Read:
    curved = _curved(store, found, scores)
    nobody = pl.Series([False] * len(found))
    if at in (None, "last", "rows"):
        if not curved:
            return _Read(scores, nobody)
        said = "the last value of each metric"
        if at is None:
            said += f" (at=best, at=max:{curved[0]} or at='step 10' for another)"
        curves = None
        if len(curved) * len(found) <= CURVES_AT_MOST:
            curves = _histories(store, found, curved)
        return _Read(scores, nobody, (said,), curves)
    if not curved:
        raise ValueError(
            f"at={at}: no metric of these runs has more than one value; leave at="
        )
    curves = _histories(store, found, curved)
    read = places.read_at(curves, places.parse(at), falls)
    rows = {number: place for place, number in enumerate(read.runs)}
    order = [rows.get(number) for number in range(len(found))]
    taken = {
        name: pl.Series(
            name,
            [None if row is None else read.table[name][row] for row in order],
            dtype=pl.Float64,
        )
        for name in read.table.columns
    }
    flat = {name: values for name, values in scores.items() if name not in curved}
    ended = pl.Series([number in read.diverged for number in range(len(found))])
    return _Read(taken | flat, ended, (read.said,), curves)


def _curved(
    store: Store, found: Sequence[Logged], scores: Mapping[str, pl.Series]
) -> list[str]:
    """Return the metrics with more than one value in the first run that holds them."""
    first: dict[str, str] = {}
    for run in found:
        for name in run.data.metrics:
            first.setdefault(name, run.info.run_id)
    return [
        name
        for name in scores
        if len(store.client.get_metric_history(first[name], name)) > 1
    ]


def _histories(
    store: Store, found: Sequence[Logged], names: Sequence[str]
) -> pl.DataFrame:
    """Return every value of some metrics: run (its place), score, step, value."""
    wanted = [
        (place, run.info.run_id, name)
        for place, run in enumerate(found)
        for name in names
        if name in run.data.metrics
    ]

    def read(one: tuple[int, str, str]) -> list[tuple[int, str, float, float, int]]:
        place, run_id, name = one
        history = store.client.get_metric_history(run_id, name)
        return [(place, name, m.step, m.value, m.timestamp) for m in history]

    with ThreadPoolExecutor(READERS) as pool:
        rows = [row for part in pool.map(read, wanted) for row in part]
    schema = {"run": pl.Int64, "score": pl.String, "step": pl.Float64}
    schema |= {"value": pl.Float64, "time": pl.Int64}
    table = pl.DataFrame(rows, schema, orient="row").sort("time", maintain_order=True)
    table = table.unique(["run", "score", "step"], keep="last", maintain_order=True)
    return table.select("run", "score", "step", "value")


def _table(
    found: Sequence[Logged],
    wanted: Wanted,
    scores: Mapping[str, pl.Series],
    diverged: pl.Series,
) -> pl.DataFrame:
    failed = pl.Series([run.info.status != "FINISHED" for run in found])
    table = pl.DataFrame(
        {
            "run_id": [run.info.run_id for run in found],
            **_arms(found, wanted.group_by),
            "replicate": range(len(found)),
            "block": [0] * len(found),
            "diverged": diverged | failed,
            "vary": ["unknown"] * len(found),
        }
    )
    table = table.with_columns(_seeds(found, key) for key in wanted.sources)
    if wanted.sources:
        table = table.with_columns(vary=_varied(table, wanted.sources))
    if wanted.tasks:
        tasks = [_lookup(run, wanted.tasks) or "missing" for run in found]
        table = table.with_columns(task=pl.Series(tasks))
    return table.with_columns(*scores.values())


def _seeds(found: Sequence[Logged], key: str) -> pl.Series:
    codes = [_code(_lookup(run, key) or "") for run in found]
    return pl.Series(f"seed.{key.partition('.')[2]}", codes, dtype=pl.Int64)


def _code(seed: str) -> int:
    """Return the same number for a seed wherever it is read: A and B are read apart."""
    if seed.isdecimal() and len(seed) < 18:
        return int(seed)
    return int.from_bytes(sha256(seed.encode()).digest()[:7], "big")


def _varied(table: pl.DataFrame, sources: Sequence[str]) -> pl.Expr:
    names = [key.partition(".")[2] for key in sources]
    return pl.concat_str(
        [
            pl.when(pl.col(f"seed.{name}").n_unique().over("arm") > 1)
            .then(pl.lit(name))
            .otherwise(None)
            for name in names
        ],
        separator=" ",
        ignore_nulls=True,
    )


def _arms(found: Sequence[Logged], group_by: Sequence[str]) -> dict[str, list[str]]:
    """Return the name of each run's arm, and the levels that it is made of."""
    if not group_by:
        return {"arm": ["every run"] * len(found)}
    names = [key.partition(".")[2] for key in group_by]
    if len(set(names)) < len(names):  # a tag and a parameter of one name
        names = list(group_by)
    own = [tuple(_lookup(run, key) for key in group_by) for run in found]
    distinct = list(dict.fromkeys(own))
    levels = [dict(zip(names, values, strict=True)) for values in distinct]
    called = dict(zip(distinct, names_of(levels), strict=True))
    text = dict(zip(distinct, map(encode, levels), strict=True))
    return {"arm": [called[v] for v in own], "levels": [text[v] for v in own]}


def _predictions(
    store: Store, table: pl.DataFrame, wanted: Wanted, traces: Path | None
) -> tuple[pl.Series, Path, list[str]]:
    """Read the table of predictions of each run; its accuracies, and what is said."""
    parts, ids = [], []
    without = 0
    with TemporaryDirectory() as folder:
        for run_id in table["run_id"]:
            try:
                local = store.client.download_artifacts(
                    run_id, str(wanted.predictions), folder
                )
            except (MlflowException, OSError):
                without += 1
                continue
            rows = formats.load(Path(local), None, None, None).frame
            parts.append(_columns(rows, wanted).with_columns(run=pl.lit(len(ids))))
            ids.append(run_id)
            Path(local).unlink()
    if not parts:
        raise ValueError(
            f"predictions={wanted.predictions}: no run logged such a table"
        )
    place = f"predictions={wanted.predictions}"
    named = examples.Columns("run", "example", "label", "truth", None)
    found = examples.of_rows(pl.concat(parts, how="vertical_relaxed"), named, place)
    accuracy = dict(zip(ids, found.accuracy, strict=True))
    values = [accuracy.get(run_id) for run_id in table["run_id"]]
    said = [f"predictions of {len(ids)} runs from {wanted.predictions}"]
    if without:
        said.append(f"{without} runs logged no such table")
    kept = examples.kept(found, ids, traces)
    return pl.Series(examples.SCORE, values, dtype=pl.Float64), kept, said


def _columns(rows: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    named = {"label": str(wanted.label), "truth": str(wanted.truth)}
    if wanted.example:
        named["example"] = wanted.example
    if missing := [name for name in named.values() if name not in rows.columns]:
        raise ValueError(
            f"predictions={wanted.predictions} has no column {', '.join(missing)}; it "
            f"has {', '.join(rows.columns[:20])}"
        )
    chosen = rows.select(**{key: pl.col(name) for key, name in named.items()})
    if not wanted.example:
        chosen = chosen.with_columns(example=pl.int_range(pl.len()))
    return chosen.select("example", "label", "truth")


def _copies(found: Sequence[Logged]) -> Iterator[str]:
    """Say how many runs hold the params and metrics of another one, digit for digit."""
    seen: dict[tuple, str] = {}
    twice = []
    for run in found:
        held = (
            tuple(sorted(run.data.params.items())),
            tuple(sorted((k, repr(v)) for k, v in run.data.metrics.items())),
        )
        if not run.data.metrics:
            continue
        if held in seen:
            twice.append((seen[held], run.info.run_id))
        seen.setdefault(held, run.info.run_id)
    if twice:
        yield (
            f"{len(twice)} of {len(found)} runs hold the same params and metrics as "
            f"another, e.g. {' and '.join(twice[0])}; they count as runs of their own: "
            "leave copies out with filter="
        )


def _kept(curves: pl.DataFrame | None, table: pl.DataFrame) -> Path | None:
    return None if curves is None else keep_curves(curves, table["run_id"].to_list())


def _lookup(run: Logged, key: str) -> str | None:
    kind, _, name = key.partition(".")
    return getattr(run.data, kind).get(name)
