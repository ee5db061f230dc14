"""The statistics that decide claims: arrays in, an estimate with an interval out.

A closed set. Each takes one number of each run of an arm (or weights, or digests), for
one arm or for two whose rows have equal seeds, and the coverage of its interval.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seedscope.stats.compare import paired_difference, welch
from seedscope.stats.ratio import paired_ratio
from seedscope.stats.share import variance_share
from seedscope.stats.spread import spread

RATIOS = ("sd_ratio", "mean_ratio", "paired_mean_ratio")  # their margins are factors
LEAST_REPEATS = 3  # fewer equal repeats do not show that a level repeats


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval; both ends equal the value where it is certain."""

    value: float
    low: float
    high: float
    runs: int  # in the smaller arm


def mean(a: np.ndarray, level: float) -> Estimate:
    """Return the mean of one arm with its t interval."""
    found = spread(a, level)
    if found.sd == 0:
        return Estimate(found.mean, found.mean, found.mean, len(a))
    return Estimate(found.mean, found.mean_low, found.mean_high, len(a))


def mean_difference(a: np.ndarray, b: np.ndarray, level: float) -> Estimate:
    """Return mean A minus mean B with Welch's interval."""
    return _difference(welch(a, b, level), a, b)


def paired_mean_difference(a: np.ndarray, b: np.ndarray, level: float) -> Estimate:
    """Return the mean of A minus B over runs with equal seeds, row by row."""
    return _difference(paired_difference(a, b, level).difference, a, b)


def mean_ratio(a: np.ndarray, b: np.ndarray, level: float) -> Estimate:
    """Return the ratio of geometric means, by Welch's interval of the logarithms.

    Raises:
        ValueError: a value is not positive.
    """
    if (a <= 0).any() or (b <= 0).any():
        raise ValueError("mean_ratio needs values above 0")
    found = mean_difference(np.log(a), np.log(b), level)
    value, low, high = np.exp([found.value, found.low, found.high])
    return Estimate(float(value), float(low), float(high), found.runs)


def paired_mean_ratio(a: np.ndarray, b: np.ndarray, level: float) -> Estimate:
    """Return the ratio of geometric means of runs that took turns, row by row."""
    ratio, interval, _ = paired_ratio(a, b, level)
    return Estimate(ratio, interval.low, interval.high, len(a))


def sd(a: np.ndarray, level: float) -> Estimate:
    """Return the standard deviation of one arm with its interval."""
    found = spread(a, level)
    ends = (0.0, 0.0) if found.sd == 0 else (found.sd_low, found.sd_high)
    return Estimate(found.sd, *ends, len(a))


def sd_ratio(a: np.ndarray, b: np.ndarray, level: float) -> Estimate:
    """Return the sd of A over that of B; two arms that do not vary are equal."""
    found = variance_share(a, b, level)
    runs = min(len(a), len(b))
    if np.isnan(found.ratio):
        return Estimate(1.0, 1.0, 1.0, runs)
    value, low, high = np.sqrt([found.ratio, found.low, found.high])
    return Estimate(float(value), float(low), float(high), runs)


def distinct(a: np.ndarray, level: float) -> Estimate:
    """Return how many different values the repeats of one arm have.

    Two different ones are proof. Equal ones show little where there are few of them,
    so below LEAST_REPEATS the upper end is open.
    """
    count = len(np.unique(a))
    shown = count > 1 or len(a) >= LEAST_REPEATS
    return Estimate(count, count, count if shown else np.inf, len(a))


def apart(a: np.ndarray, b: np.ndarray, level: float) -> Estimate:
    """Return how far weights of equal starts end apart; 1: as far as A went itself.

    Args:
        a: weights (runs, snapshots, parameters); the first snapshot is the start.
        b: those of the other arm, rows with equal seeds.
        level: coverage of the interval of the mean over runs.
    """
    way = np.linalg.norm(a[:, -1] - a[:, 0], axis=1)
    return mean(np.linalg.norm(a[:, -1] - b[:, -1], axis=1) / way, level)


@dataclass(frozen=True)
class Statistic:
    """A statistic of one arm or of two."""

    function: Callable[..., Estimate]
    two_arms: bool


STATISTICS = {
    "mean": Statistic(mean, False),
    "mean_difference": Statistic(mean_difference, True),
    "paired_mean_difference": Statistic(paired_mean_difference, True),
    "mean_ratio": Statistic(mean_ratio, True),
    "paired_mean_ratio": Statistic(paired_mean_ratio, True),
    "sd": Statistic(sd, False),
    "sd_ratio": Statistic(sd_ratio, True),
    "distinct": Statistic(distinct, False),
    "apart": Statistic(apart, True),
}


def _difference(found, a: np.ndarray, b: np.ndarray) -> Estimate:
    runs = min(len(a), len(b))
    if np.isnan(found.p):  # nothing varies: the difference is certain
        return Estimate(found.value, found.value, found.value, runs)
    return Estimate(found.value, found.interval.low, found.interval.high, runs)


def runs_for(estimate: Estimate, region: tuple[float, float], ratio: bool) -> int:
    """Return the runs per arm after which the interval would clear the region's edge.

    An interval shrinks with the root of the runs; the estimate is taken to stay. 0
    where no number of runs would do: it lies on the edge, or nothing varies.
    """
    points = np.array([estimate.value, estimate.low, estimate.high, *region], float)
    if ratio:
        if (points[:3] <= 0).any():
            return 0
        points = np.log(points)
    value, low, high, *edges = points
    gap = min(abs(value - edge) for edge in edges)
    half = (high - low) / 2
    if not (np.isfinite(half) and gap > 0 and half > 0):
        return 0
    needed = estimate.runs * (half / gap) ** 2
    return int(np.ceil(max(needed, estimate.runs + 1)))
