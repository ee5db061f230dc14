"""A against B: the effect with its interval first, tests after it.

Every difference is A - B as logged. P(A > B) is the chance that A's score is the better
one: with `lower` the lower one. The almost stochastic order test (ASO, `deepsig`) is
left out on purpose: between equal arms it says "better" in 13-28 % of cases, and its
correction for several tests is not Holm's.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit, gammaln, logit

from seedscope.stats.bootstrap import APPROXIMATE_BELOW, LEAST
from seedscope.stats.interval import Interval, check_level, finite_scores
from seedscope.stats.shared import share_seeds, shared_mean
from seedscope.stats.spread import (
    difference_is_rough,
    mean_ends,
    mean_is_rough,
    sd_of,
    spread_is_rough,
)

RESAMPLED_UP_TO = 3_000  # runs of an arm; above, t needs no permutation beside it
Designs = tuple[np.ndarray | None, np.ndarray | None]  # seeds that an arm's runs share
GAMMA = 0.75  # Bouthillier et al. (2021): the P(A > B) that is worth reporting


@dataclass(frozen=True)
class MeanDifference:
    """Mean of A minus mean of B, in the unit of the score."""

    value: float
    interval: Interval
    error: float  # standard error of the value; 0 where nothing varies
    statistic: float  # t
    dof: float
    p: float  # two-sided; nan where nothing varies


@dataclass(frozen=True)
class Paired:
    """The same difference from runs that share their seeds row by row."""

    difference: MeanDifference
    correlation: float  # of the two arms over rows; near 0 when training is chaotic
    gain: float  # variance of the unpaired difference over that of the paired one


@dataclass(frozen=True)
class Superiority:
    """P(A > B), ties counted half, and the conclusion of Bouthillier et al. (2021)."""

    value: float
    interval: Interval
    gamma: float
    conclusion: str  # "not significant", "significant, not meaningful" or
    # "significant and meaningful"
    favours: str | None  # "a" or "b"; None if not significant


@dataclass(frozen=True)
class EffectSize:
    """Hedges' g: the difference in units of the pooled sd, corrected for few runs."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided t tests of one comparison: is the difference inside +-margin?"""

    margin: float  # unit of the score
    p: float  # small: the arms are equivalent within the margin
    equivalent: bool  # p below 1 - level
    interval: Interval  # at 2 level - 1: inside +-margin exactly where equivalent


@dataclass(frozen=True)
class Comparison:
    """Everything that is said about A against B."""

    replicates: tuple[int, int]
    means: tuple[float, float]
    sds: tuple[float, float]  # as observed, divisor replicates - 1
    difference: MeanDifference  # the one that counts: paired where rows match
    welch: MeanDifference
    paired: Paired | None  # None where rows do not match
    permutation_p: float  # studentized, two-sided
    smallest_permutation_p: float  # with this few runs it cannot fall below
    bootstrap: Interval | None  # of the difference; None below 20 runs in an arm
    superiority: Superiority
    effect: EffectSize
    equivalence: Equivalence | None  # None without a margin


def compare(
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
    paired: bool = False,
    margin: float | None = None,
    permutations: int = 9999,
    lower: bool = False,
    seeds: tuple[np.ndarray, np.ndarray] | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Comparison:
    """Compare the means of two arms, and how often one beats the other.

    Args:
        a: scores of the first arm, shape (replicates,).
        b: scores of the second arm, shape (replicates,).
        rng: draws permutations and resamples.
        level: coverage of all intervals.
        paired: row i of both arms had the same seeds.
        margin: differences up to this are of no interest; None leaves the test out.
        permutations: how many; all are listed where there are fewer.
        lower: the lower score is the better one: it turns P(A > B) around.
        seeds: the seed of each source in each run of both arms, shape (replicates,
            sources) each; where runs of an arm share one, the design counts: no
            permutation and no bootstrap then.
        bounds: that no score can pass: no difference is wider than they are apart.

    Raises:
        ValueError: fewer than two runs in an arm, a score that is not finite, unequal
            lengths where paired, or a margin that is not positive.
    """
    width = bounds[1] - bounds[0]
    a, b = finite_scores(a, 2), finite_scores(b, 2)
    check_level(level)
    smallest = min(1.0, 2 * np.exp(-_log_choose(a.size, b.size)))
    designs = _designs(seeds)
    unpaired = welch(a, b, level, designs, width)
    rows = paired_difference(a, b, level, designs[0], width) if paired else None
    difference = unpaired if rows is None else rows.difference
    shared = _any(designs)
    resampled = not shared and max(a.size, b.size) <= RESAMPLED_UP_TO
    better = (-a, -b) if lower else (a, b)
    return Comparison(
        replicates=(a.size, b.size),
        means=(_mean(a), _mean(b)),
        sds=(sd_of(a), sd_of(b)),
        difference=difference,
        welch=unpaired,
        paired=rows,
        permutation_p=_permutation_p(a, b, rng, permutations) if resampled else np.nan,
        smallest_permutation_p=float(smallest),
        bootstrap=_bootstrap(a, b, rng, level, paired) if resampled else None,
        superiority=superiority(*better, level, designs=designs, paired=paired),
        effect=_effect_size(a, b, level, unpaired if shared else None),
        equivalence=None
        if margin is None
        else equivalence(difference, margin, level, width),
    )


def _designs(seeds: tuple[np.ndarray, np.ndarray] | None) -> Designs:
    """Return the seeds of the arms whose runs share some, None for the others."""
    if seeds is None:
        return None, None
    first, second = (table if share_seeds(table) else None for table in seeds)
    return first, second


def _any(designs: Designs) -> bool:
    return any(seeds is not None for seeds in designs)


def welch(
    a: np.ndarray,
    b: np.ndarray,
    level: float = 0.95,
    designs: Designs = (None, None),
    width: float = np.inf,
) -> MeanDifference:
    """Return the difference of two means by Welch's test.

    Where runs of an arm share seeds, with the standard error and the degrees of freedom
    of that arm's design.

    Args:
        a: scores of the first arm, shape (replicates,).
        b: scores of the second arm, shape (replicates,).
        level: coverage of the interval.
        designs: for each arm the seeds that its runs share, None where they do not.
        width: of the range that scores lie in: no difference can be larger.

    Reference:
        Welch (1947), Biometrika 34, 28-35.
    """
    a, b = finite_scores(a, 2), finite_scores(b, 2)
    check_level(level)
    difference = float(a[0] - b[0] + ((a - a[0]).mean() - (b - b[0]).mean()))
    arms = [_error(arm, seeds) for arm, seeds in zip((a, b), designs, strict=True)]
    errors, dofs = np.array([arm.error for arm in arms]), [arm.dof for arm in arms]
    if not errors.any():
        return _certain(difference, level)
    size = errors.max()
    weight = (errors / size) ** 2  # scale-free: tiny scores do not underflow
    weight /= weight.sum()
    dof = 1 / (weight**2 / dofs).sum()
    shared = _any(designs)
    rough = any(x.rough for x in arms) if shared else difference_is_rough(a, b)
    method = "Welch, shared seeds" if shared else "Welch"
    error = float(np.hypot(*errors))
    return _difference(difference, error, dof, level, method, rough, width)


@dataclass(frozen=True)
class _MeanError:
    """Standard error of a mean, and whether its t is to be trusted."""

    error: float
    dof: float
    rough: bool


def _error(scores: np.ndarray, seeds: np.ndarray | None) -> _MeanError:
    if seeds is None:
        error = sd_of(scores) / np.sqrt(scores.size)
        return _MeanError(float(error), scores.size - 1, mean_is_rough(scores))
    found = shared_mean(seeds, scores)
    return _MeanError(found.error, found.dof, found.approximate)


def paired_difference(
    a: np.ndarray,
    b: np.ndarray,
    level: float = 0.95,
    seeds: np.ndarray | None = None,
    width: float = np.inf,
) -> Paired:
    """Return the difference of two means over runs that match row by row.

    Args:
        a: scores of the first arm, shape (replicates,).
        b: scores of the second arm with the same seeds, row by row.
        level: coverage of the interval.
        seeds: those of the rows, shape (replicates, sources), where rows share some.
        width: of the range that scores lie in: no difference can be larger.

    Raises:
        ValueError: the arms have different lengths.
    """
    a, b = finite_scores(a, 2), finite_scores(b, 2)
    if a.size != b.size:
        raise ValueError(
            f"paired arms have a row for each other's, got {a.size} and {b.size} runs"
        )
    rows = a - b
    difference, found = _mean(rows), _error(rows, seeds)
    sds = sd_of(a), sd_of(b)
    correlation = np.nan
    if min(sds) > 0:
        products = ((a - a.mean()) / sds[0]) * ((b - b.mean()) / sds[1])
        correlation = float(np.clip(products.sum() / (a.size - 1), -1, 1))
    if found.error == 0:
        return Paired(_certain(difference, level), correlation, np.nan)
    method = "paired t" if seeds is None else "paired t, shared seeds"
    result = _difference(
        difference, found.error, found.dof, level, method, found.rough, width
    )
    if seeds is not None:
        return Paired(result, correlation, np.nan)
    gain = (np.hypot(*sds) / found.error) ** 2 / rows.size
    return Paired(result, correlation, float(gain))


def superiority(
    a: np.ndarray,
    b: np.ndarray,
    level: float = 0.95,
    gamma: float = GAMMA,
    designs: Designs = (None, None),
    paired: bool = False,
) -> Superiority:
    """Estimate P(A > B), and conclude as Bouthillier et al. recommend.

    Significant where the interval excludes one half; meaningful where it also reaches
    beyond gamma. Newcombe's interval is the narrower one where spreads are alike; where
    they are not, or runs share seeds, DeLong's errors of the two arms are used, by t
    on the logit scale. Simulated coverage (P = .5, .7, .9; sds up to 5:1; 5-30 runs):
    .93-1.00, where Newcombe's alone has .90-.94 (5:1, like sizes) and down to .76 (5
    wide against 30). Approximate are fewer than 5 runs, and the .89 left of that last;
    .90 is left at P = .9 of 20 runs with five times the sd of 50 (docs/coverage.md).

    Args:
        a: scores of the first arm, shape (replicates,).
        b: scores of the second arm, shape (replicates,).
        level: coverage of the interval.
        gamma: the probability that matters, in (0.5, 1).
        designs: for each arm the seeds that its runs share, None where they do not.
        paired: row i of both arms had the same seeds.

    Reference:
        Newcombe (2006), Statistics in Medicine 25, 559-573, method 5; Bouthillier et
        al. (2021), "Accounting for variance in machine learning benchmarks", MLSys;
        DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845.
    """
    a, b = finite_scores(a), finite_scores(b)
    check_level(level)
    if not 0.5 < gamma < 1:
        raise ValueError(f"gamma is between 0.5 and 1, got {gamma}")
    ranks = stats.rankdata(np.concatenate([a, b]))[: a.size]
    wins = ranks.sum() - a.size * (a.size + 1) / 2
    value = float(wins / (a.size * b.size))
    if _any(designs) or _unlike(a, b):
        method = "DeLong, shared seeds" if _any(designs) else "DeLong"
        low, high = _by_design(a, b, value, designs, paired, level)
    else:
        method = "Newcombe 5"
        low, high = _newcombe(value, a.size, b.size, level)
    conclusion, favours = "not significant", None
    if low > 0.5 or high < 0.5:
        favours = "a" if low > 0.5 else "b"
        reaches = (high if favours == "a" else 1 - low) > gamma
        meaning = "significant and meaningful"
        conclusion = meaning if reaches else "significant, not meaningful"
    rough = min(a.size, b.size) < 5 or _few_are_far_wider(a, b)
    interval = Interval(low, high, level, method, rough)
    return Superiority(value, interval, gamma, conclusion, favours)


def _by_design(
    a: np.ndarray,
    b: np.ndarray,
    value: float,
    designs: Designs,
    paired: bool,
    level: float,
) -> tuple[float, float]:
    """Return the interval of P(A > B) on the logit scale, by the errors of the designs.

    P is the mean over runs of A of how often each beats B, and the mean over runs of B
    of how often each is beaten. Where it is 0 or 1 neither varies: then Newcombe's
    interval, for as many runs as are independent.
    """
    ranks = stats.rankdata(np.concatenate([a, b]))
    wins = (ranks[: a.size] - stats.rankdata(a)) / b.size
    beaten = (a.size - (ranks[a.size :] - stats.rankdata(b))) / a.size
    parts = [_error(wins, designs[0]), _error(beaten, designs[1])]
    if paired and designs[0] is not None:
        parts = [_error(wins + beaten, designs[0])]
    errors, dofs = np.array([p.error for p in parts]), np.array([p.dof for p in parts])
    error = np.sqrt((errors**2).sum())
    if not 0 < value < 1 or error == 0:
        first, second = (
            _independent(arm, d) for arm, d in zip((a, b), designs, strict=True)
        )
        return _newcombe(value, first, second, level)
    dof = error**4 / (errors**4 / dofs).sum()
    half = stats.t.ppf((1 + level) / 2, dof) * error / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-half, half]))
    return float(low), float(high)


def _independent(scores: np.ndarray, seeds: np.ndarray | None) -> int:
    """Return as how many independent runs the runs of an arm count, 2 at least."""
    if seeds is None:
        return scores.size
    runs = shared_mean(seeds, scores).effective_runs
    return max(2, int(runs)) if np.isfinite(runs) else scores.size


def equivalence(
    difference: MeanDifference,
    margin: float,
    level: float = 0.95,
    width: float = np.inf,
) -> Equivalence:
    """Test whether a difference of means is smaller than a margin.

    Two one-sided t tests with the standard error and the degrees of freedom of the
    comparison itself, paired or not: the verdict never rests on two of them.

    Raises:
        ValueError: the margin is not positive.

    Reference:
        Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680.
    """
    if not margin > 0:
        raise ValueError(f"margin is a positive difference, got {margin}")
    size, value = 1 - level, difference.value
    narrower = max(2 * level - 1, 0.0)
    if difference.error == 0:
        inside = abs(value) < margin
        ends = Interval(value, value, narrower, "constant", True)
        return Equivalence(margin, float(not inside), inside, ends)
    gap = (margin - abs(value)) / difference.error
    p = float(stats.t.sf(gap, difference.dof))
    of = difference.interval
    inner = _difference(
        value, difference.error, difference.dof, narrower, "", of.approximate, width
    )
    ends = replace(inner.interval, method=of.method)
    return Equivalence(margin, p, p < size, ends)


def _mean(scores: np.ndarray) -> float:
    return float(scores[0] + (scores - scores[0]).mean())


def _difference(
    value: float,
    error: float,
    dof: float,
    level: float,
    method: str,
    rough: bool,
    width: float,
) -> MeanDifference:
    """Return the difference by t; on the logit scale where t would leave +-width.

    t and p are then those of that scale: the interval holds 0 exactly where p says so.
    """
    half = stats.t.ppf((1 + level) / 2, dof) * error
    low, high = float(value - half), float(value + half)
    statistic = value / error
    if max(-low, high) > width > abs(value):
        (low, high), scale = mean_ends(value, error, dof, level, (-width, width))
        part = value / width
        statistic = np.arctanh(part) * (1 - part**2) * width / error
        method += scale
    interval = Interval(low, high, level, method, rough)
    p = 2 * stats.t.sf(abs(statistic), dof)
    return MeanDifference(
        value, interval, float(error), float(statistic), float(dof), float(p)
    )


def _certain(value: float, level: float) -> MeanDifference:
    """Return the difference of arms that do not vary: known, and beyond any test."""
    interval = Interval(value, value, level, "constant", True)
    return MeanDifference(value, interval, 0.0, np.nan, np.nan, np.nan)


def _unlike(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether sds differ by more than Newcombe's interval bears.

    It counts both arms as if they had the mean number of runs.
    """
    few, many = sorted((a.size, b.size))
    if few < 2:
        return False
    low, high = sorted((sd_of(a), sd_of(b)))
    return high > low * (1.25 if many >= 1.5 * few else 2)


def _few_are_far_wider(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether fewer than 8 runs have over twice the sd of many more."""
    few, many = sorted((a, b), key=len)
    if not 2 <= len(few) < 8 or len(many) < 1.5 * len(few):
        return False
    return sd_of(few) > 2 * sd_of(many)


def _permutation_p(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator, permutations: int
) -> float:
    """Test the means by permutation of Welch's t (Janssen 1997).

    Exact for equal sds; with 20 and 8 runs and sds of 1 and 2 its size is .07, not .05.
    """
    centre = _mean(np.concatenate([a, b]))
    size = max(np.abs(a - centre).max(), np.abs(b - centre).max())
    if size == 0:
        return np.nan
    result = stats.permutation_test(
        [(a - centre) / size, (b - centre) / size],
        _studentized,
        n_resamples=permutations,
        vectorized=True,
        rng=rng,
    )
    return float(result.pvalue)


def _studentized(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    error = a.var(axis=axis, ddof=1) / a.shape[axis]
    error = error + b.var(axis=axis, ddof=1) / b.shape[axis]
    # Some permutation of few, tied scores has no variance left at all.
    return (a.mean(axis=axis) - b.mean(axis=axis)) / np.sqrt(np.maximum(error, 1e-30))


def _bootstrap(
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
    level: float,
    paired: bool,
) -> Interval | None:
    runs = min(a.size, b.size)
    if runs < LEAST or sd_of(a) == 0 or sd_of(b) == 0:
        return None
    if paired and sd_of(a - b) == 0:
        return None
    offset, size = a[0] - b[0], max(np.ptp(a), np.ptp(b))
    result = stats.bootstrap(
        ((a - a[0]) / size, (b - b[0]) / size),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        n_resamples=4999,
        confidence_level=level,
        paired=paired,
        vectorized=True,
        batch=max(1, 2_000_000 // max(a.size, b.size)),
        rng=rng,
    ).confidence_interval
    low, high = float(offset + size * result.low), float(offset + size * result.high)
    return Interval(low, high, level, "bootstrap bca", runs < APPROXIMATE_BELOW)


def _effect_size(
    a: np.ndarray,
    b: np.ndarray,
    level: float,
    by_design: MeanDifference | None = None,
) -> EffectSize:
    """Return Hedges' g and the interval of Hedges & Olkin (1985), ch. 5, eq. 15.

    Where runs share seeds, the interval is that of the difference in the same unit.
    """
    n, m = a.size, b.size
    dof = n + m - 2
    sds = sd_of(a), sd_of(b)
    pooled = np.hypot(sds[0] * np.sqrt((n - 1) / dof), sds[1] * np.sqrt((m - 1) / dof))
    if pooled == 0:
        nothing = Interval(np.nan, np.nan, level, "none", True)
        return EffectSize(np.nan, nothing)
    correction = np.exp(gammaln(dof / 2) - gammaln((dof - 1) / 2) - np.log(dof / 2) / 2)
    g = correction * (welch(a, b, level).value / pooled)
    if by_design is not None:
        low, high = (float(correction * v / pooled) for v in by_design.interval.ends)
        return EffectSize(float(g), Interval(low, high, level, "shared seeds", True))
    error = np.sqrt((n + m) / (n * m) + g**2 / (2 * (n + m)))
    half = stats.norm.ppf((1 + level) / 2) * error
    rough = min(n, m) < 5 or any(spread_is_rough(arm) for arm in (a, b))
    interval = Interval(float(g - half), float(g + half), level, "Hedges", rough)
    return EffectSize(float(g), interval)


def _newcombe(value: float, n: int, m: int, level: float) -> tuple[float, float]:
    """Solve (theta - value)^2 = z^2 V(theta), V Hanley & McNeil's with equal sizes."""
    z = stats.norm.ppf((1 + level) / 2)
    half = (n + m) / 2 - 1

    def excess(theta: float) -> float:
        spread = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return float(
            (theta - value) ** 2 - z**2 * theta * (1 - theta) * spread / (n * m)
        )

    # 0 and 1 solve the equation for a value of 0 or 1; the other root is wanted.
    inner = 1e-12
    low: Any = 0.0 if value <= inner else brentq(excess, 0.0, min(value, 1 - inner))
    high: Any = 1.0 if value >= 1 - inner else brentq(excess, max(value, inner), 1.0)
    return float(low), float(high)


def _log_choose(n: int, m: int) -> float:
    return float(gammaln(n + m + 1) - gammaln(n + 1) - gammaln(m + 1))
