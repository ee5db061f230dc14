"""Spread of a score over the runs of one arm.

The standard deviation always travels with its number of replicates and an interval.
Two intervals are used, chosen by simulated coverage (nominal .95; 3,000 arms each;
tests/stats/test_spread.py repeats a part of it):

=====================  ======  =====  =====  =======  =======
scores                 normal  t5     t3     skewed   uniform
=====================  ======  =====  =====  =======  =======
n=5   chi-square       .950    .912   .853   .920     .986
n=10  chi-square       .949    .870   .754   .909     .995
n=10  Bonett           .977    .962   .911   .973     .987
n=20  chi-square       .950    .837   .664   .885     .996
n=20  Bonett           .958    .928   .813   .941     .963
n=20  log-sd jackknife .942    .908   .806   .907     .957
n=50  Bonett           .948    .908   .788   .926     .948
=====================  ======  =====  =====  =======  =======

Below 20 runs the chi-square interval is the default: exact for normal scores and a
third narrower than Bonett's at 10. From 20 on Bonett's costs no width and survives
moderate tails; from 6 on it also takes over where the scores are visibly not normal
(lognormal with sigma 1 at n=10: .72 in place of .51). Neither survives heavy tails,
hence `approximate`; docs/coverage.md tells how often that is seen. Of 3 to 5 runs it is
not: of lognormal scores with sigma 1 the test finds .22-.41, of normal ones .15, while
the mean's interval covers .82-.84 of the former. So below 6 the number of runs decides.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from seedscope.stats.interval import Interval, check_level, finite_scores
from seedscope.stats.shared import Shared, share_seeds, shared_mean

BONETT_FROM = 20  # runs; below, the chi-square interval is the default
BONETT_LEAST = 6  # runs that it needs
FEW = 6  # runs; below, no test sees a shape: every interval that needs one is marked
NOT_NORMAL = 0.1  # p of Shapiro and Wilk's test
FAR_APART = 4.0  # ratio of sds; 2-12 % of two normal arms of 5-3 runs are, too
HEAVY_TAILS = 2.0  # excess kurtosis above which Bonett's interval covers too little
SKEWED = 0.75  # skewness above which it does


@dataclass(frozen=True)
class Spread:
    """Spread of one score over replicates, in the unit of the score.

    An accuracy is a fraction of 1 here; only `report/` turns it into percent. With one
    run there is no spread: sd, intervals, and cv are nan and `sd_method` is "none".
    """

    replicates: int  # finite scores
    diverged: int  # runs left out because their score was NaN or infinite
    mean: float
    mean_low: float
    mean_high: float
    mean_error: float  # standard error; nan with one run
    mean_dof: float  # of its t
    mean_method: str  # "t", "t, logit", "t, log", or how runs share seeds, then scale
    mean_approximate: bool  # true: do not count on the coverage of the mean's interval
    sd: float  # divisor: replicates - 1; of one fresh run where runs share seeds
    sd_low: float
    sd_high: float
    sd_method: str  # "chi-square", "bonett", "constant", "none", or by shared seeds
    approximate: bool  # true: the same of the sd's interval
    level: float  # coverage of [mean_low, mean_high] and of [sd_low, sd_high]
    median: float
    iqr: float  # between the linearly interpolated quartiles
    mad: float  # median absolute deviation from the median, not rescaled
    cv: float  # sd / |mean|; nan where the mean is 0
    minimum: float
    maximum: float
    range: float
    shared: Shared | None = None  # what shared seeds do; None where none is shared

    @property
    def effective_runs(self) -> float:
        """Return how many independent runs know the mean as well as these do."""
        return self.replicates if self.shared is None else self.shared.effective_runs


def spread(
    scores: np.ndarray,
    level: float = 0.95,
    diverged: int = 0,
    seeds: np.ndarray | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Spread:
    """Estimate mean and standard deviation of a score over replicates, with intervals.

    The mean's is a t interval: on the logit scale between two bounds, on the log scale
    above or below one (.95/.95/.94 at n = 3/5/10 for accuracies of .97 that vary by
    .02, where plain t covers .93/.92/.93 and often ends beyond 1).

    Scores are shifted by the first before anything is summed, so 1e9 + small keeps its
    digits and scores that are all equal have an sd of exactly 0.

    Args:
        scores: the final score of each replicate that ended, shape (replicates,).
        level: coverage of both intervals, in (0, 1).
        diverged: how many runs are missing from `scores` because they diverged.
        seeds: the seed of each source in each run, shape (replicates, sources); runs
            that share one are not independent, and the intervals say so.
        bounds: that no score can pass, infinite where there is none.

    Raises:
        ValueError: no score at all, or one of them is not finite.

    Reference:
        NIST/SEMATECH e-Handbook of Statistical Methods, sections 7.2.2.1 and 7.2.3.1;
        Bonett (2006), Computational Statistics & Data Analysis 50, 775-782.
    """
    scores = finite_scores(scores)
    check_level(level)
    if diverged < 0:
        raise ValueError(f"diverged counts runs, got {diverged}")
    shifted = scores - scores[0]
    mean = float(scores[0] + shifted.mean())
    shared = None
    if seeds is not None and scores.size > 1 and share_seeds(seeds):
        shared = shared_mean(seeds, scores)
    if shared is None:
        sd = sd_of(scores) if scores.size > 1 else np.nan
        error, dof = sd / np.sqrt(scores.size), scores.size - 1
        method, rough = "t", mean_is_rough(scores)
        sd_range = sd_interval(scores, level)
    else:
        sd, error, dof = shared.sd, shared.error, shared.dof
        method, rough = shared.method, shared.approximate
        sd_range = shared.sd_interval(level)
    ends, scale = mean_ends(mean, error, dof, level, bounds)
    median = np.median(shifted)
    quartiles = np.quantile(shifted, [0.25, 0.75])
    return Spread(
        replicates=scores.size,
        diverged=diverged,
        mean=mean,
        mean_low=ends[0],
        mean_high=ends[1],
        mean_error=float(error),
        mean_dof=float(dof),
        mean_method=f"{method}{scale}",
        mean_approximate=bool(rough),
        sd=float(sd),
        sd_low=sd_range.low,
        sd_high=sd_range.high,
        sd_method=sd_range.method,
        approximate=sd_range.approximate,
        level=level,
        median=float(scores[0] + median),
        iqr=float(quartiles[1] - quartiles[0]),
        mad=float(np.median(np.abs(shifted - median))),
        cv=float(sd / abs(mean)) if mean else np.nan,
        minimum=float(scores.min()),
        maximum=float(scores.max()),
        range=float(scores.max() - scores.min()),
        shared=shared,
    )


def sd_of(scores: np.ndarray) -> float:
    """Return the standard deviation (divisor replicates - 1) of two or more scores."""
    shifted = scores - scores[0]
    size = np.abs(shifted).max()
    if size == 0:
        return 0.0
    return float(size * (shifted / size).std(ddof=1))


def sd_interval(
    scores: np.ndarray, level: float = 0.95, method: str = "default"
) -> Interval:
    """Return the interval of the standard deviation of a score.

    Args:
        scores: shape (replicates,).
        level: coverage, in (0, 1).
        method: "default", "chi-square", "bonett" (needs 6 runs) or "log-sd jackknife"
            (needs 3). The bootstrap is `bootstrap.bootstrap_interval`.

    Raises:
        ValueError: an unknown method or too few runs for it.
    """
    scores = finite_scores(scores)
    check_level(level)
    if scores.size == 1:
        return Interval(np.nan, np.nan, level, "none", True)
    if method == "default":
        odd = scores.size >= BONETT_LEAST and not_normal(scores)
        method = "bonett" if scores.size >= BONETT_FROM or odd else "chi-square"
    if method not in _SD_INTERVALS:
        raise ValueError(
            f"unknown method {method!r}; known: {', '.join(_SD_INTERVALS)}"
        )
    ends, least = _SD_INTERVALS[method]
    if scores.size < least:
        raise ValueError(f"{method} needs {least} runs, got {scores.size}")
    shifted = scores - scores[0]
    size = np.abs(shifted).max()
    if size == 0:
        return Interval(0.0, 0.0, level, "constant", False)
    low, high = size * np.asarray(ends(shifted / size, level))
    few = method == "log-sd jackknife" and scores.size < 5
    flag = few or spread_is_rough(scores)
    return Interval(float(low), float(high), level, method, flag)


def expected_best(scores: np.ndarray, k: int) -> float:
    """Estimate the highest score among k runs, without bias.

    The mean of the maximum over all subsets of k runs. For a score where lower is
    better, hand in its negative.

    Args:
        scores: shape (replicates,).
        k: size of the subset, from 1 to replicates.

    Raises:
        ValueError: k is below 1 or above the number of runs; beyond what was run there
            is no unbiased estimate.

    Reference:
        Tang et al. (2020), "Showing your work doesn't always work", ACL, eq. 5;
        Dodge et al. (2019), EMNLP, is the biased version.
    """
    scores = np.sort(finite_scores(scores))
    runs = scores.size
    if not 1 <= k <= runs:
        raise ValueError(f"k must be between 1 and the {runs} runs, got {k}")
    # The weight of the i-th smallest is C(i-1, k-1) / C(n, k); the ratio of neighbours
    # (i-k)/(i-1) avoids factorials.
    rank = np.arange(runs, 1, -1)
    weights = (k / runs) * np.cumprod(np.r_[1.0, np.maximum(rank - k, 0) / (rank - 1)])
    return float(scores[-1] + weights[::-1] @ (scores - scores[-1]))


def mean_ends(
    mean: float,
    error: float,
    dof: float,
    level: float,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[tuple[float, float], str]:
    """Return the t interval of a mean, and the scale on which it was made.

    Args:
        mean: the estimate.
        error: its standard error.
        dof: degrees of freedom of its t.
        level: coverage.
        bounds: that no score can pass: the interval cannot either.
    """
    if not error > 0:  # one run, or no variation
        return (mean, mean) if error == 0 else (np.nan, np.nan), ""
    half = float(stats.t.ppf((1 + level) / 2, dof)) * error
    return ends_within(mean, half, bounds)


def ends_within(
    mean: float, half: float, bounds: tuple[float, float]
) -> tuple[tuple[float, float], str]:
    """Return mean +- half, on the scale of the bounds where there are some."""
    low, high = bounds
    below, above = mean - low, high - mean
    signs = np.array([-1.0, 1.0])
    if not (below > 0 and above > 0):  # on a bound, which then is none
        ends, scale = mean + signs * half, ""
    elif np.isfinite(below) and np.isfinite(above):
        width = below + above
        odds = below / above * np.exp(signs * half * width / (below * above))
        ends, scale = low + width * odds / (1 + odds), ", logit"
        ends = np.where(np.isinf(odds), high, ends)
    elif np.isfinite(below):
        ends, scale = low + below * np.exp(signs * half / below), ", log"
    elif np.isfinite(above):
        ends, scale = high - above * np.exp(-signs * half / above), ", log"
    else:
        ends, scale = mean + signs * half, ""
    return (float(ends[0]), float(ends[1])), scale


def mean_is_rough(scores: np.ndarray) -> bool:
    """Tell whether scores are so skewed that the interval of their mean is too narrow.

    They are where they are visibly not normal and the leading term of the coverage
    error of t, .25 skewness^2 / n at 95 %, is beyond .015. Fewer than FEW that vary
    always count as such: nobody can see how skewed they are.

    Reference:
        Hall (1992), The Bootstrap and Edgeworth Expansion, section 2.6.
    """
    return bool(means_are_rough(scores[None])[0])


def means_are_rough(table: np.ndarray) -> np.ndarray:
    """Return the same of many arms with equally many runs, shape (arms, runs)."""
    if table.shape[1] < FEW:
        return _vary(table)
    odd = are_not_normal(table)
    if not odd.any():
        return odd
    skewness = stats.skew(_scaled(table), axis=1, bias=False) / table.shape[1] ** 0.5
    return odd & _spoils_t(skewness)


def difference_is_rough(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two arms are so skewed that Welch's interval is too narrow.

    As `mean_is_rough`, by the skewness of the difference of the means: that of arms of
    one shape, size and spread cancels, so t covers .95-.98 of lognormal scores even at
    3 runs each. Where an arm has fewer than FEW, it is trusted unless sizes or spreads
    are far apart (.84 with sds 5:1, .89 with 5 against 30 runs).
    """
    arms, sds = (a, b), [sd_of(a), sd_of(b)]
    few, many = sorted((a.size, b.size))
    if few < FEW:
        unlike = many >= 1.5 * few or max(sds) > FAR_APART * min(sds)
        return max(sds) > 0 and unlike
    if not any(not_normal(arm) for arm in arms):
        return False
    size = max(sds)
    errors = [(sd / size) ** 2 / arm.size for arm, sd in zip(arms, sds, strict=True)]
    thirds = [
        float(stats.skew(_scaled(arm[None])[0], bias=False)) * e**1.5 / arm.size**0.5
        if e > 0
        else 0.0
        for arm, e in zip(arms, errors, strict=True)
    ]
    return bool(_spoils_t((thirds[0] - thirds[1]) / sum(errors) ** 1.5))


def _spoils_t(skewness: Any) -> Any:
    """Tell whether t covers .015 too little by the skewness of its numerator."""
    return 0.25 * skewness**2 > 0.015


def not_normal(scores: np.ndarray) -> bool:
    """Tell whether scores are visibly not normal.

    Fewer than FEW never are, more than 5,000 always.
    """
    return bool(are_not_normal(scores[None])[0])


def are_not_normal(table: np.ndarray) -> np.ndarray:
    """Return the same of many arms with equally many runs, shape (arms, runs)."""
    arms, runs = table.shape
    varies = _vary(table)
    if runs < FEW or runs > 5000:
        return varies & (runs > 5000)
    odd = np.zeros(arms, bool)
    if varies.any():
        p = stats.shapiro(_scaled(table[varies]), axis=1)[1]  # type: ignore[call-arg]
        odd[varies] = p < NOT_NORMAL
    return odd


def _vary(table: np.ndarray) -> np.ndarray:
    return (table != table[:, :1]).any(axis=1)


def _scaled(table: np.ndarray) -> np.ndarray:
    """Return scores from 0 on, none beyond 1: 1e300 has no square."""
    shifted = table - table[:, :1]
    size = np.abs(shifted).max(axis=1, keepdims=True)
    return shifted / np.where(size > 0, size, 1)


def spread_is_rough(scores: np.ndarray) -> bool:
    """Tell whether an interval of the sd of these scores is not to be counted on.

    Its error grows with the kurtosis of the scores. Of fewer than 20 runs Shapiro and
    Wilk's test sees that best, of more their own kurtosis and skewness; of fewer than
    FEW that vary it never is.
    """
    return bool(spreads_are_rough(scores[None])[0])


def spreads_are_rough(table: np.ndarray) -> np.ndarray:
    """Return the same of many arms with equally many runs, shape (arms, runs)."""
    if table.shape[1] < FEW:
        return _vary(table)
    if table.shape[1] < BONETT_FROM:
        return are_not_normal(table)
    shape, varies = _scaled(table), _vary(table)
    rough = np.zeros(len(table), bool)
    if varies.any():
        heavy = stats.kurtosis(shape[varies], axis=1, bias=False) > HEAVY_TAILS
        skewed = np.abs(stats.skew(shape[varies], axis=1, bias=False)) > SKEWED
        rough[varies] = heavy | skewed
    return rough


def _chi_square_ends(scores: np.ndarray, level: float) -> tuple[float, float]:
    dof = scores.size - 1
    quantiles = stats.chi2.ppf([(1 + level) / 2, (1 - level) / 2], dof)
    return tuple(scores.std(ddof=1) * np.sqrt(dof / quantiles))


def _bonett_ends(scores: np.ndarray, level: float) -> tuple[float, float]:
    """Bonett (2006), eq. 1, with the t quantile: z covers t5 scores with .91 only."""
    runs = scores.size
    z = stats.norm.ppf((1 + level) / 2)
    t = stats.t.ppf((1 + level) / 2, runs - 1)
    centre = stats.trim_mean(scores, 1 / (2 * np.sqrt(runs - 4)))
    squares = ((scores - scores.mean()) ** 2).sum()
    kurtosis = runs * ((scores - centre) ** 4).sum() / squares**2
    correction = runs / (runs - z)
    se = correction * np.sqrt(max(kurtosis - (runs - 3) / runs, 0) / (runs - 1))
    log_variance = np.log(correction * squares / (runs - 1))
    return np.exp((log_variance - t * se) / 2), np.exp((log_variance + t * se) / 2)


def _jackknife_ends(scores: np.ndarray, level: float) -> tuple[float, float]:
    """Pseudo-values of log sd, t with n-1 degrees of freedom (Miller 1968)."""
    runs = scores.size
    pseudo = log_sd_pseudo_values(scores)
    if not np.isfinite(pseudo).all():
        return 0.0, np.inf
    half = stats.t.ppf((1 + level) / 2, runs - 1) * pseudo.std(ddof=1) / np.sqrt(runs)
    return np.exp(pseudo.mean() - half), np.exp(pseudo.mean() + half)


def log_sd_pseudo_values(scores: np.ndarray) -> np.ndarray:
    """Return the jackknife pseudo-values of log sd, shape (replicates,).

    Needs three runs. If all but one run are equal, one pseudo-value is infinite.
    """
    runs = scores.size
    squares = (scores - scores.mean()) ** 2
    without = squares.sum() - squares * runs / (runs - 1)
    with np.errstate(divide="ignore"):
        left_out = 0.5 * np.log(np.maximum(without, 0) / (runs - 2))
    return runs * 0.5 * np.log(squares.sum() / (runs - 1)) - (runs - 1) * left_out


_SD_INTERVALS = {
    "chi-square": (_chi_square_ends, 2),
    "bonett": (_bonett_ends, 6),
    "log-sd jackknife": (_jackknife_ends, 3),
}
