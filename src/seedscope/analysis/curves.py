"""Curves of the runs of an arm: per epoch, and the noise from batch to batch."""

import numpy as np
import polars as pl

from seedscope.analysis.results import ArmCurves, Curve, Noise, Parting
from seedscope.runs.table import Runs
from seedscope.stats.curves import Bands, bands, batch_noise, divergence, first_reach
from seedscope.trace.curves import BLOCK, POINTS, read_curves

WINDOW = 5  # steps of the line that batch noise is measured around
WAY = 0.9  # of its rise or fall over training: the height whose reaching is timed


def curves_of(runs: Runs, level: float) -> dict[str, ArmCurves]:
    """Return the curves of each arm; empty without traces.

    Args:
        runs: where the traces are; runs that diverged are left out.
        level: coverage of the bands, over all steps at once.
    """
    arms = held_runs(runs)
    epochs = read_curves(runs.traces, "epoch", arms, ("train/", "val/"))
    batches = read_curves(runs.traces, "batch", arms, ("batch/loss",))
    lead = _leading(runs, {metric for found in epochs.values() for metric in found})
    if lead is None:
        return {}
    way = _way([found[lead] for found in epochs.values() if lead in found])
    result = {}
    for name in arms:
        if lead not in epochs[name]:
            continue
        curve = _curve(lead, epochs[name][lead], level)
        reach = None
        if curve.shortest and way is not None:
            reach = first_reach(_held(curve.values), *way, level, curve.steps)
        noise = parting = None
        if "batch/loss" in batches[name]:
            every, found = batches[name]["batch/loss"]
            steps, values = _whole(every, found)
            noise = _noise(steps, values, level, len(steps) < len(every))
            parting = _parting(steps, values)
        result[name] = ArmCurves(curve, way[0] if way else None, reach, noise, parting)
    return result


def held_runs(runs: Runs) -> dict[str, list[str]]:
    """Return the MLflow runs of each arm that did not diverge."""
    return {
        name: table.filter(~pl.col("diverged"))["run_id"].to_list()
        for name, table in runs.arms().items()
    }


def _leading(runs: Runs, metrics: set[str]) -> str | None:
    """Return the metric whose curve is shown: accuracy first, validation first."""
    return min(metrics, key=lambda name: runs.about(name).rank, default=None)


def _way(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, bool] | None:
    """Return a height that most runs pass, and whether they fall to it.

    90 % of the way from the first epoch to the last, whichever way the runs went.
    """
    first = np.concatenate([_held(values[:, ::-1])[:, -1] for _, values in curves])
    last = np.concatenate([_held(values)[:, -1] for _, values in curves])
    if not (np.isfinite(first).any() and np.isfinite(last).any()):
        return None
    start, end = np.nanmedian(first), np.nanmedian(last)
    return float(start + WAY * (end - start)), bool(end < start)


def _whole(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut the curves where the first run ends: bands need every run at every step."""
    common = np.isfinite(values).all(axis=0)
    length = len(steps) if common.all() else int(common.argmin())
    return steps[:length], values[:, :length]


def _held(values: np.ndarray) -> np.ndarray:
    """Return curves in which a run that has ended keeps its last value."""
    there = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    last = np.maximum.accumulate(there, axis=1)
    return np.take_along_axis(values, last, axis=1)


def _curve(metric: str, read: tuple[np.ndarray, np.ndarray], level: float) -> Curve:
    steps, values = read
    there = np.isfinite(values)
    runs, logged = there.any(axis=1), there.any(axis=0)  # validated every fifth epoch?
    steps, values = steps[logged], np.where(there, values, np.nan)[np.ix_(runs, logged)]
    _, whole = _whole(steps, values)
    band = None
    if len(whole) > 1 and whole.shape[1]:
        band = bands(whole, level)
    return Curve(metric, steps, values, band, shortest=whole.shape[1])


def _noise(
    steps: np.ndarray, values: np.ndarray, level: float, cut: bool
) -> Noise | None:
    """Compare the noise from batch to batch with the spread between runs, over time."""
    if len(steps) < 2 * WINDOW or len(values) < 2:
        return None
    size = max(BLOCK, -(-len(steps) // (POINTS // BLOCK)))
    blocks = [
        slice(start, start + size) for start in range(0, len(steps) - size + 1, size)
    ]
    middle = np.array([steps[block].mean() for block in blocks])
    within = [batch_noise(values[:, block], WINDOW) for block in blocks]
    smooth = np.stack([values[:, block].mean(axis=1) for block in blocks], axis=1)
    between: Bands = bands(smooth, level)
    rms = np.array([np.sqrt((noise**2).mean()) for noise in within])
    return Noise("batch/loss", middle, rms, between, batches=size, cut=cut)


def _parting(steps: np.ndarray, values: np.ndarray) -> Parting | None:
    """Find when the runs leave the first one, by the loss of each batch."""
    if len(values) < 2 or not len(steps):
        return None
    apart = [divergence(values[0], other) for other in values[1:]]
    first = np.array([steps[d.first_step] if d.first_step >= 0 else -1 for d in apart])
    return Parting(first)
