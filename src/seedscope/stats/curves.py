"""Curves: how much one run jitters, how far runs lie apart, when they part.

A curve is a metric per step (batch or epoch). Within-run fluctuation and between-run
spread are different things: the first is there in a single run.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level
from seedscope.stats.spread import FEW, Spread, spread


@dataclass(frozen=True)
class Fluctuation:
    """How much a metric moves within single runs; one value per run."""

    batch_noise: np.ndarray  # sd around a locally linear trend, unit of the metric
    step_change: np.ndarray  # root mean square of the change from step to step
    drawdown: np.ndarray  # deepest fall below the best value so far, >= 0
    drops: np.ndarray  # number of steps that are worse than the step before
    noise_spread: Spread  # batch_noise over runs


@dataclass(frozen=True)
class Bands:
    """Mean and sd over runs at each step, with bands that hold at all steps at once."""

    replicates: int
    mean: np.ndarray  # all of shape (steps,)
    mean_low: np.ndarray
    mean_high: np.ndarray
    sd: np.ndarray  # divisor: replicates - 1
    sd_low: np.ndarray
    sd_high: np.ndarray
    level: float  # of each band over all of its steps together
    approximate: bool  # fewer than 6 runs, or scores at a step far from normal


@dataclass(frozen=True)
class Reach:
    """When runs first reach a threshold; those that never do are counted."""

    replicates: int
    reached: int
    rate_low: float  # Clopper-Pearson interval of the share of runs that reach it
    rate_high: float
    first_steps: np.ndarray  # per run, from 0 or as numbered; -1: never reached
    spread: Spread | None  # of the steps of the runs that did; None if none did
    level: float


@dataclass(frozen=True)
class Divergence:
    """Where two runs part and how fast their distance grows afterwards."""

    first_step: int  # first step at which they differ at all; -1 if never
    distance: np.ndarray  # per step
    growth: float  # slope of log distance per step while it grows; nan if too short
    doubling_steps: float  # log(2) / growth; negative where the distance shrinks
    saturation_step: int  # first step at which half the largest distance is reached


def fluctuation(
    curves: np.ndarray, lower_is_better: bool, window: int = 5, level: float = 0.95
) -> Fluctuation:
    """Measure how much a metric moves within each run.

    Batch noise is the residual of the middle step from the straight line through its
    window, rescaled to one step: a straight trend cancels exactly, a bent one nearly.

    Args:
        curves: the metric of each step, shape (replicates, steps), all finite.
        lower_is_better: true for a loss.
        window: odd number of steps of the local straight line.
        level: coverage of the interval in `noise_spread`.

    Raises:
        ValueError: fewer steps than the window, or an even or too small window.

    Reference:
        Rice (1984), Annals of Statistics 12, 1215-1230 (difference-based variance).
    """
    noise = batch_noise(curves, window)
    curves = _curves(curves, 1)
    change = np.diff(curves, axis=1)
    worse = change if lower_is_better else -change
    loss = curves if lower_is_better else -curves
    return Fluctuation(
        batch_noise=noise,
        step_change=np.sqrt((change**2).mean(axis=1)),
        drawdown=(loss - np.minimum.accumulate(loss, axis=1)).max(axis=1),
        drops=(worse > 0).sum(axis=1),
        noise_spread=spread(noise, level),
    )


def batch_noise(curves: np.ndarray, window: int = 5) -> np.ndarray:
    """Return how much a metric moves from step to step in each run, as `fluctuation`.

    Args:
        curves: the metric of each step, shape (replicates, steps), all finite.
        window: odd number of steps of the local straight line.

    Raises:
        ValueError: fewer steps than the window, or an even or too small window.
    """
    curves = _curves(curves, 1)
    if window < 3 or window % 2 == 0 or curves.shape[1] < window:
        raise ValueError(
            f"window must be odd, from 3 to the {curves.shape[1]} steps; got {window}"
        )
    centred = np.arange(window) - window // 2
    # Residual of the middle point from the least-squares line through its window.
    weights = (centred == 0) - 1 / window
    parts = np.lib.stride_tricks.sliding_window_view(
        curves - curves[:, :1], window, axis=1
    )
    residuals = parts @ weights / np.sqrt((weights**2).sum())
    return np.sqrt((residuals**2).mean(axis=1))


def bands(curves: np.ndarray, level: float = 0.95) -> Bands:
    """Return mean and sd over runs at each step with simultaneous bands.

    Bonferroni over the steps: t intervals of the means, chi-square of the sds. All
    steps at once are covered with .94-.97; bands per step would be with .01-.04.

    Args:
        curves: shape (replicates, steps), all finite.
        level: coverage of each band over all steps at once.

    Raises:
        ValueError: fewer than two runs, or a value that is not finite.
    """
    curves = _curves(curves, 2)
    check_level(level)
    runs, steps = curves.shape
    tail = (1 - level) / 2 / steps
    shifted = curves - curves[0]
    mean, sd = shifted.mean(axis=0), shifted.std(axis=0, ddof=1)
    half = stats.t.isf(tail, runs - 1) * sd / np.sqrt(runs)
    low, high = np.sqrt((runs - 1) / stats.chi2.ppf([1 - tail, tail], runs - 1))
    return Bands(
        replicates=runs,
        mean=curves[0] + mean,
        mean_low=curves[0] + mean - half,
        mean_high=curves[0] + mean + half,
        sd=sd,
        sd_low=sd * low,
        sd_high=sd * high,
        level=level,
        approximate=runs < FEW or _far_from_normal(shifted, sd),
    )


def first_reach(
    curves: np.ndarray,
    threshold: float,
    lower_is_better: bool,
    level: float = 0.95,
    steps: np.ndarray | None = None,
) -> Reach:
    """Measure when each run first reaches a threshold, and how that varies.

    Args:
        curves: shape (replicates, steps).
        threshold: the value to reach, in the unit of the metric.
        lower_is_better: true where reaching means falling to the threshold.
        level: coverage of the intervals.
        steps: the number of each step, 0 or above; None: counted from 0.

    Raises:
        ValueError: not a table of curves, or a value is not finite.
    """
    curves = _curves(curves, 1)
    check_level(level)
    numbers = np.arange(curves.shape[1]) if steps is None else steps
    there = curves <= threshold if lower_is_better else curves >= threshold
    first = np.where(there.any(axis=1), numbers[there.argmax(axis=1)], -1)
    found = first[first >= 0]
    rate = stats.binomtest(found.size, first.size).proportion_ci(level, "exact")
    return Reach(
        replicates=first.size,
        reached=found.size,
        rate_low=float(rate.low),
        rate_high=float(rate.high),
        first_steps=first,
        spread=spread(found.astype(float), level) if found.size else None,
        level=level,
    )


def divergence(first: np.ndarray, second: np.ndarray) -> Divergence:
    """Find where two runs part, and fit how fast their distance grows.

    The growth rate is the slope of log distance from the first difference to the step
    at which half of the largest distance is reached; after that it saturates.

    Args:
        first: one run, shape (steps,) or (steps, values), values such as weights.
        second: the other run, same shape.

    Raises:
        ValueError: shapes differ or a value is not finite.
    """
    first, second = (np.asarray(x, dtype=np.float64) for x in (first, second))
    if first.shape != second.shape or first.ndim not in (1, 2) or not first.size:
        raise ValueError(
            f"need two curves of one shape, got {first.shape}, {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a value is NaN or infinite; cut both runs before it")
    distance = np.abs(first - second)
    if distance.ndim == 2:
        distance = np.linalg.norm(distance, axis=1)
    if not distance.any():
        return Divergence(-1, distance, np.nan, np.nan, -1)
    start = int(np.flatnonzero(distance)[0])
    end = int(np.flatnonzero(distance >= distance.max() / 2)[0])
    steps = np.arange(start, end + 1)
    steps = steps[distance[steps] > 0]
    growth = np.nan
    if steps.size >= 3:
        growth = float(np.polyfit(steps - start, np.log(distance[steps]), 1)[0])
    doubling = np.log(2) / growth if growth else np.inf
    return Divergence(start, distance, growth, float(doubling), end)


def _curves(curves: np.ndarray, least: int) -> np.ndarray:
    curves = np.asarray(curves, dtype=np.float64)
    if curves.ndim != 2 or curves.shape[0] < least or curves.shape[1] < 1:
        raise ValueError(
            f"need curves (replicates, steps) of {least} or more runs, got shape "
            f"{curves.shape}"
        )
    broken = np.flatnonzero(~np.isfinite(curves).all(axis=1))
    if broken.size:
        raise ValueError(
            f"replicates {broken.tolist()} diverged (a value is NaN or infinite); "
            "leave them out and count them"
        )
    return curves


def _far_from_normal(shifted: np.ndarray, sd: np.ndarray) -> bool:
    """Tell whether the median excess kurtosis over steps is beyond 1."""
    moving = shifted[:, sd > 0]
    if len(shifted) < 20 or not moving.size:
        return False
    kurtosis = stats.kurtosis(moving, axis=0, bias=False)
    return bool(np.median(kurtosis) > 1)
