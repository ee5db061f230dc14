"""Scores over several tasks: interquartile mean, stratified bootstrap, profiles.

A few runs on each of many tasks say more together than task by task. Runs are resampled
within each task: the tasks are those that were chosen, not a sample of others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level, finite_scores

RESAMPLES = 2000
POINTS = 11  # thresholds of a profile


@dataclass(frozen=True)
class Aggregate:
    """One number over all tasks and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OverTasks:
    """What the runs of one arm reach over all tasks."""

    tasks: int
    runs: tuple[int, int]  # fewest and most of a task
    mean: Aggregate  # of the tasks' means
    median: Aggregate  # of the tasks' means
    iqm: Aggregate | None  # over all runs; None where tasks have unequal runs
    level: float
    approximate: bool  # few runs a task: the bootstrap is narrow


@dataclass(frozen=True)
class Profile:
    """Share of runs above each threshold, every task counting alike."""

    thresholds: np.ndarray  # (points,)
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


def over_tasks(
    scores: Mapping[str, np.ndarray], rng: np.random.Generator, level: float = 0.95
) -> OverTasks:
    """Aggregate the scores of one arm over tasks.

    Args:
        scores: task -> scores of its runs, shape (runs,).
        rng: draws the resamples.
        level: coverage of the intervals, by percentiles of a stratified bootstrap.

    Raises:
        ValueError: fewer than two tasks, or a score that is not finite.

    Reference:
        Agarwal et al. (2021), "Deep reinforcement learning at the edge of the
        statistical precipice", NeurIPS.
    """
    check_level(level)
    groups = [finite_scores(values) for values in scores.values()]
    if len(groups) < 2:
        raise ValueError(f"need two or more tasks, got {', '.join(scores) or 'none'}")
    sizes = [len(group) for group in groups]
    even = len(set(sizes)) == 1
    drawn = [_drawn(group, rng) for group in groups]
    means = np.stack([d.mean(axis=1) for d in drawn], axis=1)  # (resamples, tasks)
    own = np.array([group.mean() for group in groups])
    iqm = None
    if even:
        pooled = stats.trim_mean(np.concatenate(drawn, axis=1), 0.25, axis=1)
        value = stats.trim_mean(np.concatenate(groups), 0.25)
        iqm = _aggregate(float(value), pooled, level)
    return OverTasks(
        tasks=len(groups),
        runs=(min(sizes), max(sizes)),
        mean=_aggregate(float(own.mean()), means.mean(axis=1), level),
        median=_aggregate(float(np.median(own)), np.median(means, axis=1), level),
        iqm=iqm,
        level=level,
        approximate=min(sizes) < 10,
    )


def profile(
    scores: Mapping[str, np.ndarray],
    thresholds: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
    lower: bool = False,
) -> Profile:
    """Return the share of runs that reach each threshold, with a pointwise band.

    Args:
        scores: task -> scores of its runs.
        thresholds: shape (points,).
        rng: draws the resamples.
        level: coverage of the band at each threshold.
        lower: reaching means falling to the threshold.
    """
    check_level(level)
    groups = [finite_scores(values) for values in scores.values()]

    def reached(values: np.ndarray) -> np.ndarray:
        there = (
            values[..., None] <= thresholds if lower else values[..., None] > thresholds
        )
        return there.mean(axis=-2)

    share = np.mean([reached(group) for group in groups], axis=0)
    drawn = np.mean([reached(_drawn(group, rng)) for group in groups], axis=0)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn, tails, axis=0)
    return Profile(thresholds, share, low, high)


def thresholds_for(scores: list[np.ndarray]) -> np.ndarray:
    """Return thresholds from the lowest to the highest score."""
    everything = np.concatenate(scores)
    return np.linspace(everything.min(), everything.max(), POINTS)


def _drawn(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return group[rng.integers(0, len(group), (RESAMPLES, len(group)))]


def _aggregate(value: float, drawn: np.ndarray, level: float) -> Aggregate:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Aggregate(value, float(low), float(high))
