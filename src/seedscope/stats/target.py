"""A mean against a number that was named before: one-sample t, exact for normal scores.

It is told like any other comparison: the difference with its interval, then the test.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level, finite_scores
from seedscope.stats.spread import mean_ends, mean_is_rough, sd_of

POWER = 0.8  # of the plan


@dataclass(frozen=True)
class AgainstTarget:
    """Mean minus target, in the unit of the score."""

    target: float
    runs: int
    mean: float
    difference: float
    low: float
    high: float
    level: float
    error: float  # standard error of the mean
    t: float  # nan where nothing varies
    dof: float
    p: float  # of no difference, two sided
    p_above: float  # of a mean that is not above the target, one sided
    p_below: float
    approximate: bool
    runs_needed: int | None  # to show a difference of this size, where it is not shown
    of_mean: tuple[float, float]  # the mean's own interval, which stays in its bounds

    @property
    def shown(self) -> str | None:
        """Return above or below where both intervals leave the target out."""
        if self.apart:
            return None
        if self.low > 0:
            return "above"
        return "below" if self.high < 0 else None

    @property
    def apart(self) -> bool:
        """Tell whether t shows a difference and the mean's own interval none, or not.

        They can part near a bound, as an accuracy's near 1: nothing is shown then.
        """
        return (self.low <= 0 <= self.high) != (
            self.of_mean[0] <= self.target <= self.of_mean[1]
        )


def against_target(
    scores: np.ndarray,
    target: float,
    level: float = 0.95,
    error: float | None = None,
    dof: float | None = None,
    approximate: bool | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> AgainstTarget:
    """Test whether the mean of runs is a given number.

    Args:
        scores: shape (runs,).
        target: the number, in the unit of the score.
        level: coverage of the interval.
        error: standard error of the mean where runs share seeds; None: they do not.
        dof: of that error.
        approximate: whether that t is not to be counted on.
        bounds: that no score can pass.

    Raises:
        ValueError: fewer than two runs, or the target is no number.
    """
    scores = finite_scores(scores, 2)
    check_level(level)
    if not np.isfinite(target):
        raise ValueError(f"target={target} must be a number")
    independent = error is None or dof is None
    spread = sd_of(scores)
    of_mean = spread / scores.size**0.5 if error is None else error
    free = float(scores.size - 1) if dof is None else dof
    mean = float(scores[0] + (scores - scores[0]).mean())
    difference = mean - target
    if of_mean == 0:
        nan = float("nan")
        ends = (difference, difference)
        return AgainstTarget(
            *(target, scores.size, mean, difference, *ends, level, 0.0),
            *(nan, free, nan, nan, nan, True, None, (mean, mean)),
        )
    t = difference / of_mean
    half = float(stats.t.ppf((1 + level) / 2, free)) * of_mean
    p = float(2 * stats.t.sf(abs(t), free))
    rough = mean_is_rough(scores) if approximate is None else approximate
    return AgainstTarget(
        target=target,
        runs=scores.size,
        mean=mean,
        difference=difference,
        low=difference - half,
        high=difference + half,
        level=level,
        error=float(of_mean),
        t=float(t),
        dof=float(free),
        p=p,
        p_above=float(stats.t.sf(t, free)),
        p_below=float(stats.t.cdf(t, free)),
        approximate=rough,
        runs_needed=None
        if p < 1 - level or not independent
        else _needed(abs(difference) / sd_of(scores), 1 - level),
        of_mean=mean_ends(mean, of_mean, free, level, bounds)[0],
    )


def _needed(effect: float, alpha: float) -> int | None:
    """Return the runs that show an effect (in sds) with POWER; None above 10,000."""
    runs = 3
    while runs <= 10_000:
        dof = runs - 1
        limit = stats.t.ppf(1 - alpha / 2, dof)
        shift = effect * np.sqrt(runs)
        power = stats.nct.sf(limit, dof, shift) + stats.nct.cdf(-limit, dof, shift)
        if power >= POWER:
            return runs
        runs = max(runs + 1, int(runs * 1.05))
    return None
