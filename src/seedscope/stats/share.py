"""Is the spread of one arm another's? Variance ratios, tests, and a source's share.

A source's share is the variance of the arm that varies it alone, divided by the
variance of the arm that varies everything. Shares do not add up: in chaotic training
each source alone may cause nearly the whole spread. They are never parts of a whole.

Interval of a ratio, simulated coverage (nominal .95, 4,000 pairs of arms, ratio 1):

===================  ======  ====  ========  ======  =======
arms                 normal  t5    logistic  skewed  uniform
===================  ======  ====  ========  ======  =======
n=5,5   F            .954    .913  .927      .935    .976
n=10,10 F            .950    .872  .914      .910    .989
n=10,10 log-sd jack. .951    .932  .940      .934    .971
n=20,20 F            .955    .844  .900      .886    .995
n=20,20 log-sd jack. .949    .940  .938      .927    .971
n=50,50 log-sd jack. .951    .938  .934      .936    .963
===================  ======  ====  ========  ======  =======

So the jackknife of log sd (Miller 1968, Welch's degrees of freedom) from 7 runs in the
smaller arm, below that the F interval: there the jackknife is four times as wide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level, finite_scores
from seedscope.stats.shared import share_seeds, shared_mean
from seedscope.stats.spread import log_sd_pseudo_values, sd_of, spread_is_rough

JACKKNIFE_FROM = 7  # runs in the smaller arm


SHUFFLED_UP_TO = 10_000  # runs of two arms; above, a permutation test takes minutes


@dataclass(frozen=True)
class Share:
    """Variance of one arm relative to another's.

    With both arms constant ratio and interval are nan; with the first constant all 0;
    with the second constant the ratio is inf.
    """

    ratio: float  # of variances; the ratio of sds is its square root
    low: float
    high: float
    level: float
    method: str  # "F", "log-sd jackknife" or "constant"
    approximate: bool
    replicates: int  # runs of the arm above the line
    replicates_all: int  # runs of the arm below the line
    p: float = np.nan  # of equal variances, by the same method; nan: no such test


@dataclass(frozen=True)
class Test:
    """Statistic and two-sided p-value of a test; nan where nothing varies."""

    __test__ = False  # not for pytest

    statistic: float
    p: float


@dataclass(frozen=True)
class EqualVariances:
    """Whether two arms have the same spread: effect with interval first, then tests.

    What is told is the ratio with its own p; the other two tests are for those who ask.
    """

    ratio: Share  # first arm over second
    brown_forsythe: Test
    permutation: Test  # statistic: log ratio of mean absolute deviations from medians


@dataclass(frozen=True)
class ArmPair:
    """The comparison of two arms among several; p-values adjusted over all pairs."""

    first: str
    second: str
    result: EqualVariances
    ratio_holm: float  # of the ratio that is printed, by the method of its interval
    brown_forsythe_holm: float
    permutation_holm: float


def variance_share(
    alone: np.ndarray,
    everything: np.ndarray,
    level: float = 0.95,
    seeds: tuple[np.ndarray, np.ndarray] | None = None,
) -> Share:
    """Estimate the variance of one source relative to that of all sources.

    Args:
        alone: scores of the arm that varies the source alone, shape (replicates,).
        everything: scores of the arm that varies every source, shape (replicates,).
        level: coverage of the interval.
        seeds: those of both arms, shape (replicates, sources) each; where runs of an
            arm share one, its variance and their errors are those of its design.

    Raises:
        ValueError: fewer than two runs in an arm, or a score is not finite.

    Reference:
        Miller (1968), Annals of Mathematical Statistics 39, 567-582.
    """
    alone, everything = finite_scores(alone, 2), finite_scores(everything, 2)
    check_level(level)
    sizes = alone.size, everything.size
    above, below = sd_of(alone), sd_of(everything)
    if above == 0 or below == 0:
        ratio = 0.0 if below else np.nan if above == 0 else np.inf
        rough = above == below
        return Share(ratio, ratio, ratio, level, "constant", rough, *sizes, np.nan)
    if seeds is not None and any(share_seeds(table) for table in seeds):
        return _by_design((alone, everything), seeds, level)
    arms = (alone - alone[0]) / above, (everything - everything[0]) / below
    ratio = (above / below) ** 2
    ends, method, p = _f_ends(*sizes, level), "F", _f_p(ratio, *sizes)
    if min(sizes) >= JACKKNIFE_FROM:
        method = "log-sd jackknife"
        ends, p = _jackknife_ends(*arms, np.log(ratio), level)
    return Share(
        ratio=float(ratio),
        low=float(ratio * ends[0]),
        high=float(ratio * ends[1]),
        level=level,
        method=method,
        approximate=any(spread_is_rough(arm) for arm in arms),
        replicates=sizes[0],
        replicates_all=sizes[1],
        p=p,
    )


def equal_variances(
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
    permutations: int = 4999,
    seeds: tuple[np.ndarray, np.ndarray] | None = None,
) -> EqualVariances:
    """Compare the variances of two arms: ratio, Brown-Forsythe and permutation test.

    The permutation test centres each arm by its median before it shuffles; without
    that it would test the means too.

    Args:
        a: scores of the first arm, shape (replicates,).
        b: scores of the second arm, shape (replicates,).
        rng: draws the permutations; not used where all can be listed.
        level: coverage of the interval of the ratio.
        permutations: how many; 0 leaves this test out, as do more than 10,000 runs.
        seeds: those of both arms; where runs of an arm share one, there are no tests
            but that of the ratio.

    Raises:
        ValueError: fewer than two runs in an arm, or a score is not finite.
    """
    a, b = finite_scores(a, 2), finite_scores(b, 2)
    permutation = Test(np.nan, np.nan)
    if seeds is not None and any(share_seeds(table) for table in seeds):
        ratio = variance_share(a, b, level, seeds)
        return EqualVariances(ratio, permutation, permutation)
    centred = a - np.median(a), b - np.median(b)
    size = max(np.abs(arm).max() for arm in centred)
    if size > 0 and permutations and a.size + b.size <= SHUFFLED_UP_TO:
        result = stats.permutation_test(
            [arm / size for arm in centred],
            _log_deviation_ratio,
            n_resamples=permutations,
            vectorized=True,
            rng=rng,
        )
        permutation = Test(float(result.statistic), float(result.pvalue))
    return EqualVariances(
        variance_share(a, b, level), brown_forsythe([a, b]), permutation
    )


def brown_forsythe(arms: list[np.ndarray]) -> Test:
    """Test whether all arms have the same variance, by deviations from medians.

    Raises:
        ValueError: fewer than two arms, fewer than two runs in one, a score not finite.

    Reference:
        Brown & Forsythe (1974), JASA 69, 364-367.
    """
    if len(arms) < 2:
        raise ValueError(f"need two or more arms to compare, got {len(arms)}")
    centred = [arm - np.median(arm) for arm in (finite_scores(a, 2) for a in arms)]
    size = max(float(np.abs(arm).max()) for arm in centred) or 1.0
    deviations = [np.abs(arm) / size for arm in centred]  # 1e300 has no square
    if all(np.ptp(d) == 0 for d in deviations):
        return Test(np.nan, np.nan)  # no deviation varies: nothing to compare with
    result = stats.f_oneway(*deviations)
    return Test(float(result.statistic), float(result.pvalue))


def equal_variances_of_arms(
    arms: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    reference: str | None = None,
    level: float = 0.95,
    permutations: int = 1999,
    seeds: Mapping[str, np.ndarray] | None = None,
) -> tuple[ArmPair, ...]:
    """Compare the variances of several arms, p-values adjusted by Holm over the pairs.

    Args:
        arms: scores by name of arm, each of shape (replicates,).
        rng: draws the permutations.
        reference: compare every arm with this one; None compares all pairs.
        level: coverage of each interval; the intervals are not adjusted.
        permutations: how many; m pairs need 20 m of them to reach p = .05 at all.
        seeds: those of each arm, shape (replicates, sources), where known.

    Raises:
        ValueError: fewer than two arms, or an unknown reference.
    """
    if len(arms) < 2:
        raise ValueError(f"need two or more arms to compare, got {list(arms)}")
    if reference is not None and reference not in arms:
        raise ValueError(f"reference={reference!r} is not among {', '.join(arms)}")
    pairs = [
        pair for pair in combinations(arms, 2) if reference is None or reference in pair
    ]
    pairs = [(b, a) if a == reference else (a, b) for a, b in pairs]
    return equal_variances_of_pairs(pairs, arms, rng, level, permutations, seeds)


def equal_variances_of_pairs(
    pairs: Sequence[tuple[str, str]],
    arms: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    level: float = 0.95,
    permutations: int = 1999,
    seeds: Mapping[str, np.ndarray] | None = None,
) -> tuple[ArmPair, ...]:
    """Compare the variances of these pairs of arms, p-values adjusted by Holm.

    Args:
        pairs: names of arms; the first one's variance is above the line.
        arms: as of `equal_variances_of_arms`, like all that follow.
        rng: draws the permutations.
        level: coverage of each interval; the intervals are not adjusted.
        permutations: how many.
        seeds: those of each arm, where known.
    """
    # A generator of its own for each pair: no result depends on the order of the arms.
    seed = rng.integers(2**63)
    results = [
        equal_variances(
            arms[a],
            arms[b],
            np.random.default_rng(seed),
            level,
            permutations,
            None if seeds is None else (seeds[a], seeds[b]),
        )
        for a, b in pairs
    ]
    ratios = holm(np.array([r.ratio.p for r in results]))
    levene = holm(np.array([r.brown_forsythe.p for r in results]))
    shuffled = holm(np.array([r.permutation.p for r in results]))
    adjusted = np.stack([ratios, levene, shuffled], axis=1).tolist()
    return tuple(
        ArmPair(*pair, result, *p)
        for pair, result, p in zip(pairs, results, adjusted, strict=True)
    )


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted by Holm's step-down rule; nan stays nan, uncounted.

    By hand, since statsmodels' `multipletests` collects garbage at every call, which
    takes a fifth of a comparison's time.

    Reference:
        Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    p = np.asarray(p, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # nan is sorted last
    steps = p[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _f_ends(runs: int, runs_all: int, level: float) -> np.ndarray:
    tails = [(1 + level) / 2, (1 - level) / 2]
    return 1 / stats.f.ppf(tails, runs - 1, runs_all - 1)


def _by_design(
    arms: tuple[np.ndarray, np.ndarray],
    seeds: tuple[np.ndarray, np.ndarray],
    level: float,
) -> Share:
    """Return the ratio of the variances of fresh runs, by t on the logarithm."""
    logs, errors, dofs, rough = [], [], [], []
    for scores, table in zip(arms, seeds, strict=True):
        if share_seeds(table):
            found = shared_mean(table, scores)
            logs.append(2 * np.log(found.sd))
            errors.append(found.log_error)
            # A chi-square's logarithm is as known as the chi-square itself.
            dofs.append(min(found.log_dof, 2 / found.log_error**2))
            rough.append(found.approximate)
            continue
        sd = sd_of(scores)
        pseudo = np.array([np.inf])
        if scores.size > 2:
            pseudo = 2 * log_sd_pseudo_values((scores - scores[0]) / sd)
        known = bool(np.isfinite(pseudo).all())
        logs.append(2 * np.log(sd))
        errors.append(pseudo.std(ddof=1) / np.sqrt(scores.size) if known else np.inf)
        dofs.append(scores.size - 1)
        rough.append(spread_is_rough(scores))
    parts, log_ratio = np.array(errors) ** 2, logs[0] - logs[1]
    ratio, low, high, p = np.exp(log_ratio), 0.0, np.inf, 1.0
    if np.isfinite(parts).all() and parts.any():
        dof = parts.sum() ** 2 / (parts**2 / dofs).sum()
        error = np.sqrt(parts.sum())
        half = stats.t.ppf((1 + level) / 2, dof) * error
        low, high = np.exp(log_ratio - half), np.exp(log_ratio + half)
        p = 2 * stats.t.sf(abs(log_ratio) / error, dof)
    return Share(
        ratio=float(ratio),
        low=float(low),
        high=float(high),
        level=level,
        method="log variance, shared seeds",
        approximate=any(rough),
        replicates=arms[0].size,
        replicates_all=arms[1].size,
        p=float(p),
    )


def _f_p(ratio: float, runs: int, runs_all: int) -> float:
    dofs = runs - 1, runs_all - 1
    return float(min(1.0, 2 * min(stats.f.cdf(ratio, *dofs), stats.f.sf(ratio, *dofs))))


def _jackknife_ends(
    a: np.ndarray, b: np.ndarray, log_ratio: float, level: float
) -> tuple[np.ndarray, float]:
    """Return the interval of the variance ratio relative to it, and p of a ratio of 1.

    Around the log ratio of the pseudo-value means, which is less biased than the
    estimate itself. The sds of `a` and `b` are 1; `log_ratio` is that of the variances.
    """
    pseudo = [2 * log_sd_pseudo_values(arm) for arm in (a, b)]
    if not all(np.isfinite(p).all() for p in pseudo):
        return np.array([0.0, np.inf]), 1.0
    parts = np.array([p.var(ddof=1) / p.size for p in pseudo])
    if not parts.any():  # each arm holds one pair of values only, equally often
        return np.array([1.0, 1.0]), float(log_ratio == 0)
    dof = parts.sum() ** 2 / (parts**2 / [a.size - 1, b.size - 1]).sum()
    error, centre = np.sqrt(parts.sum()), pseudo[0].mean() - pseudo[1].mean()
    half = stats.t.ppf((1 + level) / 2, dof) * error
    p = 2 * stats.t.sf(abs(centre + log_ratio) / error, dof)
    return np.exp(centre + np.array([-half, half])), float(p)


def _log_deviation_ratio(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    # Two zeros in a row of permutations would be log(0/0); one tiny part is harmless.
    tiny = np.finfo(float).tiny
    above, below = np.abs(a).mean(axis=axis), np.abs(b).mean(axis=axis)
    return np.log(np.maximum(above, tiny)) - np.log(np.maximum(below, tiny))
