"""How many runs a question needs, and what the runs at hand can say.

Numbers only; the sentences are `report`'s. All plans are for normal scores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import gammaincinv, gammaln

from seedscope.stats.interval import check_level

NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)  # quadrature: power to 1e-6


@dataclass(frozen=True)
class WhatCanBeSaid:
    """What n runs per arm with this sd can and cannot say. Unit of the score."""

    replicates: int
    sd: float
    mean_half_width: float  # of the t interval; nan for one run
    sd_low: float  # chi-square interval of the sd
    sd_high: float
    detectable: float  # smallest true difference of two arms seen with the power asked
    detectable_paired: float  # the same for pairs, if seeds do not correlate the arms
    power_one_sd: float  # power to see a difference of one sd between two arms
    power_half_sd: float
    smallest_permutation_p: float  # two-sided, two arms of n: below it none can fall
    runs_for_one_sd: int  # per arm
    runs_for_half_sd: int
    runs_for_sd_within_20_percent: int
    level: float
    power: float


def runs_for_difference(
    difference: float,
    sd: float,
    power: float = 0.8,
    alpha: float = 0.05,
    correlation: float | None = None,
) -> int:
    """Return the runs per arm that see a difference of two means.

    Args:
        difference: the smallest one that matters, in the unit of the score.
        sd: of each arm, same unit.
        power: chance to see it, in (alpha, 1).
        alpha: size of the two-sided test.
        correlation: of the two arms over paired seeds; None plans an unpaired test.

    Raises:
        ValueError: a difference of 0, an sd that is not positive, a correlation of 1.

    Reference:
        Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    if difference == 0 or sd <= 0 or not alpha < power < 1:
        raise ValueError(
            f"need a difference other than 0, a positive sd and alpha < power < 1; got "
            f"{difference}, {sd}, {alpha}, {power}"
        )
    effect = abs(difference) / sd
    if correlation is not None:
        if not -1 <= correlation < 1:
            raise ValueError(f"correlation must be in [-1, 1), got {correlation}")
        effect /= np.sqrt(2 * (1 - correlation))
    paired = correlation is not None
    return _smallest(lambda n: _power(effect, n, alpha, paired) >= power)


def runs_for_sd(within: float, level: float = 0.95) -> int:
    """Return the runs after which an sd is known to within a fraction of itself.

    "Within" as planned by the large-sample interval of log sd, sd / sqrt(2 n): 20 %
    takes 49 runs, 10 % takes 193. The chi-square interval is a little wider above.

    Args:
        within: fraction of the sd, e.g. 0.2.
        level: coverage.

    Raises:
        ValueError: `within` is not positive.
    """
    check_level(level)
    if within <= 0:
        raise ValueError(f"within is a positive fraction of the sd, got {within}")
    z = stats.norm.ppf((1 + level) / 2)
    return max(2, int(np.ceil(z**2 / (2 * within**2))))


def runs_for_sd_interval(ratio: float, level: float = 0.95) -> int:
    """Return the runs after which the interval of an sd has high / low <= ratio.

    Raises:
        ValueError: the ratio is not above 1.
    """
    check_level(level)
    if ratio <= 1:
        raise ValueError(f"ratio of the upper to the lower end is above 1, got {ratio}")
    tails = [(1 + level) / 2, (1 - level) / 2]

    def reached(runs: int) -> bool:
        upper, lower = stats.chi2.ppf(tails, runs - 1)
        return np.sqrt(upper / lower) <= ratio

    return _smallest(reached)


def runs_for_mean(half_width: float, sd: float, level: float = 0.95) -> int:
    """Return the runs after which the t interval of the mean is that narrow.

    Args:
        half_width: wanted, in the unit of the score.
        sd: of the scores, same unit.
        level: coverage.

    Raises:
        ValueError: the half-width is not positive or the sd is negative.
    """
    check_level(level)
    if half_width <= 0 or sd < 0:
        raise ValueError(f"need a half-width > 0 and sd >= 0, got {half_width}, {sd}")

    def reached(runs: int) -> bool:
        quantile = stats.t.ppf((1 + level) / 2, runs - 1)
        return quantile * sd / np.sqrt(runs) <= half_width

    return _smallest(reached)


def runs_for_probability(
    gamma: float = 0.75, power: float = 0.95, alpha: float = 0.05
) -> int:
    """Return the runs (pairs) that show P(A > B) >= gamma to be above one half.

    Args:
        gamma: the probability that matters; Bouthillier et al. propose 0.75.
        power: chance to see it.
        alpha: size of the one-sided test.

    Raises:
        ValueError: gamma is not in (0.5, 1).

    Reference:
        Noether (1987), JASA 82, 645-647; Bouthillier et al. (2021), MLSys, appendix.
    """
    if not 0.5 < gamma < 1:
        raise ValueError(f"gamma is between 0.5 and 1, got {gamma}")
    z = stats.norm.ppf(1 - alpha) - stats.norm.ppf(1 - power)
    return int(np.ceil(z**2 / (6 * (0.5 - gamma) ** 2)))


def what_can_be_said(
    replicates: int, sd: float, level: float = 0.95, power: float = 0.8
) -> WhatCanBeSaid:
    """Return what this many runs per arm can and cannot say.

    Args:
        replicates: runs of each arm.
        sd: measured or expected sd of the score.
        level: coverage of the intervals; 1 - level is the size of the tests.
        power: chance to see a difference.

    Raises:
        ValueError: no run, or a negative or non-finite sd.
    """
    check_level(level)
    if replicates < 1 or not np.isfinite(sd) or sd < 0:
        raise ValueError(f"need runs and a finite sd >= 0, got {replicates} and {sd}")
    n, alpha = replicates, 1 - level
    nothing = n < 2
    dof = max(n - 1, 1)
    tails = stats.chi2.ppf([(1 + level) / 2, (1 - level) / 2], dof)
    low, high = (np.nan, np.nan) if nothing else sd * np.sqrt(dof / tails)
    half = np.nan if nothing else stats.t.ppf((1 + level) / 2, dof) * sd / np.sqrt(n)
    return WhatCanBeSaid(
        replicates=n,
        sd=float(sd),
        mean_half_width=float(half),
        sd_low=float(low),
        sd_high=float(high),
        detectable=np.nan if nothing else sd * _effect(n, alpha, power, paired=False),
        detectable_paired=(
            np.nan
            if nothing
            else sd * np.sqrt(2) * _effect(n, alpha, power, paired=True)
        ),
        power_one_sd=np.nan if nothing else _power(1.0, n, alpha, paired=False),
        power_half_sd=np.nan if nothing else _power(0.5, n, alpha, paired=False),
        smallest_permutation_p=float(np.exp(np.log(2) - _log_choose(2 * n, n))),
        runs_for_one_sd=runs_for_difference(1, 1, power, alpha),
        runs_for_half_sd=runs_for_difference(0.5, 1, power, alpha),
        runs_for_sd_within_20_percent=runs_for_sd(0.2, level),
        level=level,
        power=power,
    )


def _power(effect: float, runs: int, alpha: float, paired: bool) -> float:
    """Return the power of the two-sided t test, both tails counted (R: strict)."""
    dof, shift = 2 * runs - 2, effect * np.sqrt(runs / 2)
    if paired:
        dof, shift = runs - 1, effect * np.sqrt(runs)
    critical = stats.t.isf(alpha / 2, dof)
    # SciPy's noncentral t is nan for 1 degree of freedom, so: the normal tail beyond
    # critical * s, averaged over the quantiles of the sd s.
    s = np.sqrt(2 * gammaincinv(dof / 2, (NODES + 1) / 2) / dof)
    tails = stats.norm.sf(critical * s - shift) + stats.norm.sf(critical * s + shift)
    return float(WEIGHTS @ tails / 2)


def _effect(runs: int, alpha: float, power: float, paired: bool) -> float:
    """Return the difference, in sds, that is seen with this power."""

    def missing(effect: float) -> float:
        return _power(effect, runs, alpha, paired) - power

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(cast(float, brentq(missing, 1e-9, high)))


def _log_choose(n: int, k: int) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _smallest(reached: Callable[[int], bool]) -> int:
    """Return the smallest number of runs for which `reached` holds, by bisection."""
    high = 2
    while not reached(high):
        high *= 2
        if high > 10**9:
            raise ValueError("more than a billion runs; ask for less")
    low = max(2, high // 2)
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return high
