"""Intraclass correlations: how much of a rating is the target's own.

Rows are targets (settings, models, examples), columns are judges (seeds, runs). High
values mean that the ranking of the targets would survive other seeds.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import Interval, check_level


@dataclass(frozen=True)
class Icc:
    """The three single-judge intraclass correlations of Shrout & Fleiss."""

    targets: int
    judges: int
    one_way: float  # ICC(1,1): each target has judges of its own
    one_way_interval: Interval
    agreement: float  # ICC(2,1): the same judges, drawn at random; levels count
    agreement_interval: Interval
    consistency: float  # ICC(3,1): these judges; only the order they give counts
    consistency_interval: Interval


def intraclass_correlations(ratings: np.ndarray, level: float = 0.95) -> Icc:
    """Estimate the intraclass correlations of a full table.

    Args:
        ratings: shape (targets, judges).
        level: coverage of the intervals.

    Raises:
        ValueError: fewer than two targets or judges, a cell that is not finite, or no
            variation within the targets.

    Reference:
        Shrout & Fleiss (1979), Psychological Bulletin 86, 420-428.
    """
    check_level(level)
    x = np.asarray(ratings, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2 or not np.isfinite(x).all():
        raise ValueError(
            "need a full, finite table of two or more targets and judges, got shape "
            f"{x.shape}"
        )
    n, k = x.shape
    x = x - x.mean()
    rows, columns = x.mean(axis=1), x.mean(axis=0)
    between = k * (rows**2).sum() / (n - 1)
    judge = n * (columns**2).sum() / (k - 1)
    error = ((x - rows[:, None] - columns) ** 2).sum() / ((n - 1) * (k - 1))
    within = ((x - rows[:, None]) ** 2).sum() / (n * (k - 1))
    if within <= 1e-15 * between or error <= 1e-15 * between:
        raise ValueError(
            "the judges agree exactly; the correlations are 1 by definition"
        )
    dofs = n - 1, (n - 1) * (k - 1)
    agreement = (between - error) / (
        between + (k - 1) * error + k * (judge - error) / n
    )
    return Icc(
        targets=n,
        judges=k,
        one_way=_from_f(between / within, k),
        one_way_interval=_f_interval(between / within, n - 1, n * (k - 1), k, level),
        agreement=float(agreement),
        agreement_interval=_agreement_interval(between, judge, error, n, k, level),
        consistency=_from_f(between / error, k),
        consistency_interval=_f_interval(between / error, *dofs, k, level),
    )


def _from_f(f: float, k: int) -> float:
    return float((f - 1) / (f + k - 1))


def _f_interval(f: float, dof: int, dof_below: int, k: int, level: float) -> Interval:
    low = f / stats.f.ppf((1 + level) / 2, dof, dof_below)
    high = f * stats.f.ppf((1 + level) / 2, dof_below, dof)
    return Interval(_from_f(low, k), _from_f(high, k), level, "F", False)


def _agreement_interval(
    between: float, judge: float, error: float, n: int, k: int, level: float
) -> Interval:
    """Return Satterthwaite's interval of ICC(2,1) (Shrout & Fleiss, p. 424)."""
    rho = (between - error) / (between + (k - 1) * error + k * (judge - error) / n)
    f = judge / error
    a, b = k * rho * f, n * (1 + (k - 1) * rho) - k * rho
    dof = (k - 1) * (n - 1) * (a + b) ** 2 / ((n - 1) * a**2 + b**2)
    above = stats.f.ppf((1 + level) / 2, n - 1, dof)
    below = stats.f.ppf((1 + level) / 2, dof, n - 1)
    rest = k * judge + (k * n - k - n) * error
    low = n * (between - above * error) / (above * rest + n * between)
    high = n * (below * between - error) / (rest + n * below * between)
    return Interval(float(low), float(high), level, "Satterthwaite F", True)
