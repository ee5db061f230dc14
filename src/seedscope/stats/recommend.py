"""Which design to run for a budget, and how wide its intervals will be.

Half-widths are for shares near the worst case: an interval is widest where runs that
share the seeds in question are not alike at all (rho = 0), and narrows as 1 - rho^2.
In the simulations one block of a design is worth one independent pair of runs, one star
likewise, so the half-width is t / sqrt(blocks or stars).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level

FEWEST_SUPERBLOCKS = 10  # below, the jackknife covers too little: blocks are better
FEWEST_BLOCKS = 6  # coverage .85 at worst there


@dataclass(frozen=True)
class DesignAdvice:
    """One design that fits the budget, with predicted interval half-widths."""

    design: str  # "stars", "blocks" or "vary"
    replicates: int  # superblocks, blocks, or runs per arm
    runs: int  # of the whole study
    half_width: float  # of first and total index; nan where they cannot be estimated
    sd_low: float  # predicted interval of an arm's sd, relative to the sd
    sd_high: float
    approximate: bool  # the intervals of this design will be approximate
    names_dominant_only: bool  # shares known to +-.25 at best: no ranking beyond first


@dataclass(frozen=True)
class Recommendation:
    """The design to run, and what else would fit the budget."""

    advice: DesignAdvice
    alternatives: tuple[DesignAdvice, ...]
    runs_for_tenth: int  # runs that the recommended design needs for +-.10
    level: float


def recommend_design(
    sources: int,
    budget: int,
    level: float = 0.95,
    repeats: bool = True,
    rho: float = 0.0,
) -> Recommendation:
    """Recommend a design for a number of sources and a budget of runs.

    Args:
        sources: how many sources are to be told apart.
        budget: runs that can be afforded.
        level: coverage of the intervals.
        repeats: each star repeats its base row, to see nondeterminism.
        rho: likeness expected of the runs that share what matters; 0 is the worst.

    Raises:
        ValueError: no source, rho outside (-1, 1), or a budget below two runs per arm.
    """
    check_level(level)
    if sources < 1 or not -1 < rho < 1:
        raise ValueError(f"need a source and |rho| < 1, got {sources} and {rho}")
    arms = sources + 1 if sources > 1 else 1  # each alone, and all together
    if budget < 2 * arms:
        raise ValueError(
            f"{arms} arms of 2 runs are the least, got a budget of {budget} runs"
        )
    vary = _vary(budget // arms, arms, level)
    if sources == 1:
        return Recommendation(vary, (), vary.runs, level)
    found = [_stars(sources, budget, level, repeats, rho)]
    found += [_blocks(sources, budget, level, rho)]
    fits = [advice for advice in found if advice is not None]
    best = fits[0] if fits else vary
    others = tuple(advice for advice in [*fits, vary] if advice is not best)
    pairs = (stats.norm.ppf((1 + level) / 2) * (1 - rho**2) / 0.1) ** 2
    each = _star_rows(sources, repeats) if best.design == "stars" else sources + 2
    return Recommendation(best, others, int(np.ceil(pairs)) * each, level)


def _star_rows(sources: int, repeats: bool) -> int:
    return 1 + sources + int(repeats)


def _stars(
    sources: int, budget: int, level: float, repeats: bool, rho: float
) -> DesignAdvice | None:
    stars = (sources + 2) // 2 * 2
    rows = stars * _star_rows(sources, repeats)
    count = budget // rows
    if count < FEWEST_SUPERBLOCKS:
        return None
    width = _half_width(count * stars, count, level, rho)
    return _advice("stars", count, count * rows, width, count * stars, level, False)


def _blocks(sources: int, budget: int, level: float, rho: float) -> DesignAdvice | None:
    count = budget // (sources + 2)
    if count < FEWEST_BLOCKS:
        return None
    width = _half_width(count, count, level, rho)
    runs = count * (sources + 2)
    return _advice("blocks", count, runs, width, 2 * count, level, count < 10)


def _vary(runs: int, arms: int, level: float) -> DesignAdvice:
    return _advice("vary", runs, runs * arms, np.nan, runs, level, True)


def _half_width(pairs: int, blocks: int, level: float, rho: float) -> float:
    quantile = stats.t.ppf((1 + level) / 2, blocks - 1)
    return float(np.tanh(np.arctanh(rho) + quantile / np.sqrt(pairs)) - rho)


def _advice(
    design: str,
    replicates: int,
    runs: int,
    width: float,
    independent: int,
    level: float,
    approximate: bool,
) -> DesignAdvice:
    dof = independent - 1
    tails = stats.chi2.ppf([(1 + level) / 2, (1 - level) / 2], dof)
    low, high = np.sqrt(dof / tails)
    coarse = bool(np.isnan(width) or width > 0.25)
    return DesignAdvice(
        design, replicates, runs, width, float(low), float(high), approximate, coarse
    )
