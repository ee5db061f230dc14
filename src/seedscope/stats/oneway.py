"""One-way analysis of variance: how much of a score's variance lies between groups.

The groups may be the whole question (do these means differ?) or a random source that
several runs share, as a batch of data or a machine: then the component between groups,
and its share of the variance, say how much that source moves the score.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level, finite_scores
from seedscope.stats.spread import mean_ends


@dataclass(frozen=True)
class OneWay:
    """F test, variance components by moments, and the mean over groups."""

    groups: int
    runs: int
    f: float
    dof_between: int
    dof_within: int
    p: float
    mean_square_between: float
    mean_square_within: float
    between: float  # variance component; negative estimates keep their sign
    within: float
    share: float  # between / (between + within), as F gives it
    share_low: float
    share_high: float
    mean: float
    mean_error: float  # of the mean where the groups are drawn at random
    mean_low: float
    mean_high: float
    level: float
    approximate: bool  # groups of unequal sizes: the interval of the share is not exact


def one_way(
    scores: np.ndarray,
    groups: np.ndarray,
    level: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> OneWay:
    """Analyse scores that fall into groups.

    Scores are shifted by their mean before anything is squared, so 1e6 + small keeps
    its digits, and scaled, so 1e300 has a square.

    Args:
        scores: shape (runs,).
        groups: the group of each run, any labels, shape (runs,).
        level: coverage of the intervals.
        bounds: that no score can pass.

    Raises:
        ValueError: fewer than two groups, or no group with two runs.

    Reference:
        Searle, Casella & McCulloch (1992), Variance Components, sections 3.5-3.6;
        the interval of the share for unequal groups is Thomas & Hultquist's (1978).
    """
    scores = finite_scores(scores, 3)
    check_level(level)
    _, code = np.unique(groups, return_inverse=True)
    sizes = np.bincount(code)
    count, runs = len(sizes), scores.size
    if count < 2 or runs == count:
        raise ValueError(
            f"need two or more groups and some with two or more runs, got {runs} runs "
            f"in {count} groups"
        )
    centre = scores[0] + (scores - scores[0]).mean()
    shifted = scores - centre
    size = float(np.abs(shifted).max())
    if size == 0:
        raise ValueError("the scores do not vary; there is no variance to take apart")
    unit = shifted / size
    means = np.bincount(code, unit) / sizes
    means += np.bincount(code, unit - means[code]) / sizes  # what rounding left over
    grand = float((sizes * means).sum() / runs)
    dofs = count - 1, runs - count
    between = float((sizes * (means - grand) ** 2).sum() / dofs[0])
    within = float(((unit - means[code]) ** 2).sum() / dofs[1])
    f = between / within if within > 0 else np.inf
    even = len(set(sizes.tolist())) == 1
    common = (runs - (sizes**2).sum() / runs) / dofs[0]
    component = (between - within) / common
    low, high, share = _share(unit, means, sizes, f, within, dofs, level)
    variance = max(component, 0.0) * (sizes**2).sum() / runs**2 + within / runs
    if even:
        variance = between / runs  # exact, also where the component is negative
    error = size * float(np.sqrt(variance))
    mean = float(centre + size * grand)
    ends, _ = mean_ends(mean, error, dofs[0], level, bounds)
    with np.errstate(over="ignore", under="ignore"):
        square = float(np.square(size))  # infinite or 0 where it is no number
    return OneWay(
        groups=count,
        runs=runs,
        f=float(f),
        dof_between=dofs[0],
        dof_within=dofs[1],
        p=float(stats.f.sf(f, *dofs)),
        mean_square_between=between * square,
        mean_square_within=within * square,
        between=component * square,
        within=within * square,
        share=share,
        share_low=low,
        share_high=high,
        mean=mean,
        mean_error=error,
        mean_low=ends[0],
        mean_high=ends[1],
        level=level,
        approximate=not even,
    )


def _share(
    unit: np.ndarray,
    means: np.ndarray,
    sizes: np.ndarray,
    f: float,
    within: float,
    dofs: tuple[int, int],
    level: float,
) -> tuple[float, float, float]:
    """Return the ends of the share's interval, and the share.

    With unequal groups F's numerator is that of the unweighted means, and the groups
    count as large as their harmonic mean.
    """
    harmonic = len(sizes) / (1 / sizes).sum()
    ratio = f
    if len(set(sizes.tolist())) > 1 and within > 0:
        ratio = harmonic * means.var(ddof=1) / within
    if not np.isfinite(ratio):
        return 1.0, 1.0, 1.0
    quantiles = stats.f.ppf([(1 + level) / 2, (1 - level) / 2], *dofs)
    low, high = (ratio / quantiles - 1) / (ratio / quantiles - 1 + harmonic)
    if ratio == 0:
        return 0.0, float(max(high, 0.0)), -1 / (harmonic - 1)
    share = (ratio - 1) / (ratio - 1 + harmonic)
    return float(max(low, 0.0)), float(max(high, 0.0)), float(share)
