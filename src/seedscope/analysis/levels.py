"""Levels at which nothing varies: do they repeat, and how far from the first one?

Runtime settings are no replicates. Each level is repeated with equal seeds, so two
questions have answers without chance: whether its repeats end in the same bits, and how
far it lands from the baseline, which is the factor's first level.
"""

import numpy as np
import polars as pl

from seedscope.analysis.arms import repeats
from seedscope.analysis.predictions import test_set
from seedscope.analysis.results import Level
from seedscope.runs.table import Runs
from seedscope.stats.curves import divergence
from seedscope.trace.curves import read_curves
from seedscope.trace.tables import read_predictions, read_weights


def compare_levels(runs: Runs, score: str) -> tuple[Level, ...]:
    """Return what each level does; empty where fewer than two arms vary nothing.

    Args:
        runs: of a study; those that diverged are left out of all distances.
        score: whose difference to the baseline is taken.
    """
    still = {
        name: table
        for name, table in runs.arms().items()
        if table["vary"][0] == "" and "factor" in table.columns
    }
    if len(still) < 2 or runs.traces is None:
        return ()
    ids = {
        name: table.filter(~pl.col("diverged")).sort("replicate")["run_id"].to_list()
        for name, table in still.items()
    }
    losses = read_curves(runs.traces, "batch", ids, ("batch/loss",))
    curves = {name: found.get("batch/loss") for name, found in losses.items()}
    base = next(iter(still))
    baseline = _Baseline(runs, ids[base][:1], curves[base], still[base], score)
    return tuple(
        _level(name, table, ids[name], curves[name], baseline)
        for name, table in still.items()
    )


class _Baseline:
    """The first repeat of the first level, and the scores of all of its repeats."""

    def __init__(self, runs, ids, curve, table, score) -> None:
        self.runs, self.curve, self.score = runs, curve, score
        self.weights = _weights(runs, ids)
        self.labels = _labels(runs, ids, table)
        self.mean = _mean(table, score)
        self.table = table


def _level(
    name: str, table: pl.DataFrame, ids: list[str], curve, baseline: _Baseline
) -> Level:
    weights = _weights(baseline.runs, ids)
    own, theirs = _labels(baseline.runs, ids[:1], table), baseline.labels
    churn = None
    if own is not None and theirs is not None and own[0] == theirs[0]:
        churn = float((own[1] != theirs[1]).mean())  # of the same examples
    return Level(
        arm=name,
        repeats=repeats(table),
        draws={
            column.removeprefix("digest."): table[column].n_unique() == 1
            for column in table.columns
            if column.startswith("digest.") and table[column].null_count() == 0
        },
        first_step=_first_step(baseline.curve, curve),
        own_first_step=_own_first_step(curve),
        distance=_distance(weights, baseline.weights),
        own_distance=_own_distance(weights),
        churn=churn,
        score_difference=_mean(table, baseline.score) - baseline.mean,
        seconds_ratio=_seconds_ratio(table, baseline.table),
    )


def _seconds_ratio(table: pl.DataFrame, baseline: pl.DataFrame) -> float:
    """Compare median seconds of a step, or of whole trainings where it is not known."""
    name = "step_seconds"
    timed = all(
        name in t.columns and not t[name].null_count() for t in (table, baseline)
    )
    chosen = name if timed else "seconds"
    return _median(table, chosen) / _median(baseline, chosen)


def _first_step(baseline, curve) -> int | None:
    """Return the first batch whose loss differs from the baseline's; -1: none."""
    if baseline is None or curve is None:
        return None
    return _parting(baseline, curve, 0, 0)


def _own_first_step(curve) -> int | None:
    """Return the first batch whose loss is not the same in all repeats; -1: none."""
    if curve is None or len(curve[1]) < 2:
        return None
    found = [_parting(curve, curve, 0, other) for other in range(1, len(curve[1]))]
    return min((step for step in found if step >= 0), default=-1)


def _parting(first, second, row: int, other: int) -> int:
    steps = min(len(first[0]), len(second[0]))
    pair = first[1][row][:steps], second[1][other][:steps]
    known = np.isfinite(pair[0]) & np.isfinite(pair[1])
    steps = int(np.argmin(known)) if not known.all() else steps
    if not steps:
        return -1
    found = divergence(pair[0][:steps], pair[1][:steps]).first_step
    return int(first[0][found]) if found >= 0 else -1


def _distance(weights, baseline) -> np.ndarray | None:
    """Return the mean distance of the repeats from the baseline at each snapshot.

    As a fraction of how far the baseline itself went from its start.
    """
    if weights is None or baseline is None or weights.shape[2] != baseline.shape[2]:
        return None
    snapshots = min(weights.shape[1], baseline.shape[1])
    way = np.linalg.norm(baseline[0, -1] - baseline[0, 0])
    apart = np.linalg.norm(weights[:, :snapshots] - baseline[:, :snapshots], axis=2)
    return apart.mean(axis=0) / way if way else None


def _own_distance(weights) -> float | None:
    """Return the largest final distance of a repeat from the first, same unit."""
    if weights is None or len(weights) < 2:
        return None
    way = np.linalg.norm(weights[0, -1] - weights[0, 0])
    apart = np.linalg.norm(weights[1:, -1] - weights[0, -1], axis=1)
    return float(apart.max() / way) if way else None


def _weights(runs: Runs, ids: list[str]) -> np.ndarray | None:
    """Return kept weights (runs, snapshots, parameters), None where there are none."""
    kept = read_weights(runs.traces, ids)
    if kept is None or len({one.shape[1] for one in kept}) > 1:
        return None
    shortest = min(len(one) for one in kept)
    return np.stack([one[:shortest] for one in kept])


def _labels(
    runs: Runs, ids: list[str], table: pl.DataFrame
) -> tuple[tuple | None, np.ndarray] | None:
    """Return which examples one run was tested on, and the labels that it gave."""
    found = read_predictions(runs.traces, ids)
    if found is None or "label" not in found.columns or found["label"].null_count():
        return None
    own = table.filter(pl.col("run_id").is_in(ids))
    return test_set(found, own), found["label"].to_numpy()


def _mean(table: pl.DataFrame, score: str) -> float:
    values = table.filter(~pl.col("diverged"))[score].drop_nulls().to_numpy()
    return float(values.mean()) if len(values) else float("nan")


def _median(table: pl.DataFrame, column: str) -> float:
    if column not in table.columns or table[column].null_count() == len(table):
        return float("nan")
    return float(np.median(table[column].drop_nulls().to_numpy()))
