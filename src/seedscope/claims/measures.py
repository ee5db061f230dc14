"""The numbers of each run that claims are about, read from a study's table and traces.

    test/accuracy, train/loss, seconds   a column of the table; the last epoch's value
    test/loss - train/loss               the difference of two columns
    weights_sha256, digest.order, ...    a digest
    weights                              (snapshots, parameters) of each run
    turns of weights                     how often the first weight changes direction
    noise of <curve>                     sd around a line through five steps
    early noise of, late noise of        the same in the first and the last third
    drops of <curve>                     share of steps worse than the one before
    range of <curve>                     largest minus smallest value
    last of <curve>                      its last value
    epoch mean of <curve>                mean over the batches of the last epoch
    epoch noise of <curve>               noise within the last epoch
    <curve> against <curve>              root mean square of their difference
    steps to <number> in <curve>         steps until it is reached; one more if never

A curve is a metric per batch (batch/..., batch_reported/...) or per epoch.
"""

import re

import numpy as np
import polars as pl

from seedscope.runs.table import Runs
from seedscope.stats.curves import fluctuation
from seedscope.trace.curves import read_curves
from seedscope.trace.tables import read_weights

WINDOW = 5


def measure(runs: Runs, arm: str, name: str) -> np.ndarray:
    """Return the measure of every run of an arm that did not diverge, replicate order.

    Raises:
        ValueError: the study has no such arm, or its runs do not hold the measure.
    """
    arms = runs.arms()
    if arm not in arms:
        raise ValueError(f"{runs.title} has no arm {arm!r}; it has {', '.join(arms)}")
    table = arms[arm].filter(~pl.col("diverged")).sort("block", "replicate")
    if not len(table):
        raise ValueError(f"every run of {arm} diverged")
    if name == "weights":
        return _weights(runs, table)
    if name == "turns of weights":
        return np.array([_turns(path[:, 0]) for path in _weights(runs, table)])
    if " against " in name:
        first, _, second = name.partition(" against ")
        apart = _curves(runs, table, first)[0] - _curves(runs, table, second)[0]
        return np.sqrt((apart**2).mean(axis=1))
    if " of " in name or name.startswith("steps to "):
        return _of_curve(runs, table, name)
    first, _, second = name.partition(" - ")
    values = _column(table, first)
    return values - _column(table, second) if second else values


def _column(table: pl.DataFrame, name: str) -> np.ndarray:
    if name not in table.columns or table[name].null_count():
        raise ValueError(f"not every run holds {name}")
    return table[name].to_numpy()


def _of_curve(runs: Runs, table: pl.DataFrame, name: str) -> np.ndarray:
    reach = re.fullmatch(r"steps to (\S+) in (\S+)", name)
    kind, _, metric = ("steps", "", reach[2]) if reach else name.partition(" of ")
    curves, epochs = _curves(runs, table, metric)
    falls = runs.about(metric).falls
    if kind in ("steps", "drops") and runs.about(metric).direction is None:
        raise ValueError(f"{metric}: whether higher or lower is better is not known")
    steps = curves.shape[1]
    if reach:
        height = float(reach[1])
        there = curves <= height if falls else curves >= height
        return np.where(there.any(axis=1), there.argmax(axis=1), steps) + 1.0
    if kind == "drops":
        return fluctuation(curves, falls, WINDOW).drops / (steps - 1)
    if kind == "range":
        return np.ptp(curves, axis=1)
    if kind == "last":
        return curves[:, -1]
    per_epoch = steps // epochs
    if kind == "epoch mean":
        return curves[:, -per_epoch:].mean(axis=1)
    parts = {
        "noise": slice(None),
        "early noise": slice(0, max(WINDOW, steps // 3)),
        "late noise": slice(-max(WINDOW, steps // 3), None),
        "epoch noise": slice(-per_epoch, None),
    }
    if kind not in parts:
        raise ValueError(f"measure {name!r} is unknown; see claims/measures.py")
    return fluctuation(curves[:, parts[kind]], falls, WINDOW).batch_noise


def _curves(runs: Runs, table: pl.DataFrame, metric: str) -> tuple[np.ndarray, int]:
    """Return the curves, shape (runs, steps), and how many epochs there are."""
    ids = {"": table["run_id"].to_list()}
    batches = metric.startswith("batch")
    kind = "batch" if batches else "epoch"
    found = read_curves(runs.traces, kind, ids, (metric,))[""]
    if metric not in found:
        raise ValueError(f"no run of {runs.title} holds the curve {metric}")
    steps, values = found[metric]
    if steps[-1] > len(steps):
        raise ValueError(f"{metric} is read with gaps beyond {len(steps)} steps")
    values = values[:, : int(np.isfinite(values).all(axis=0).cumprod().sum())]
    if values.shape[1] < WINDOW:
        raise ValueError(f"{metric} has fewer than {WINDOW} steps in every run")
    epochs = len(steps)
    if batches:
        of_epochs = read_curves(runs.traces, "epoch", ids, ("train/loss",))
        epochs = len(of_epochs[""]["train/loss"][0])
    return values, epochs


def _weights(runs: Runs, table: pl.DataFrame) -> np.ndarray:
    kept = read_weights(runs.traces, table["run_id"].to_list())
    if kept is None:
        raise ValueError(f"{runs.title} keeps no weights; engine.keep_weights=epochs")
    return np.stack(kept)


def _turns(path: np.ndarray) -> int:
    moves = np.diff(path)
    moves = moves[np.abs(moves) > 1e-4]  # float32 jitters at the minimum
    return int((np.diff(np.sign(moves)) != 0).sum())
