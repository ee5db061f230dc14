"""Means that a few odd runs cannot move: trimmed, Olympic, interquartile.

All three leave out as many of the lowest as of the highest scores: a fifth at each end
(trimmed), one (Olympic, as MLPerf's times), a quarter (interquartile mean, IQM).
"""

from dataclasses import dataclass, replace

import numpy as np

from seedscope.stats.interval import check_level, finite_scores
from seedscope.stats.spread import mean_ends

CUTS = {  # name -> how many of n scores are left out at each end
    "trimmed": lambda n: int(0.2 * n),
    "olympic": lambda n: 1,
    "iqm": lambda n: int(0.25 * n),
}


@dataclass(frozen=True)
class TrimmedMean:
    """A mean without the ends, and its interval."""

    name: str
    left_out: int  # at each end
    value: float
    low: float  # nan where fewer than two scores are left
    high: float
    approximate: bool


def trimmed_means(
    scores: np.ndarray,
    level: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    shared: bool = False,
) -> tuple[TrimmedMean, ...]:
    """Return each mean that leaves at least one score.

    Args:
        scores: shape (runs,).
        level: coverage of the intervals.
        bounds: that no score can pass; t that would is made on their scale.
        shared: runs share seeds, which these intervals do not count: approximate.

    Reference:
        Tukey & McLaughlin (1963), Sankhya A 25, 331-352; Yuen (1974), Biometrika 61,
        165-170: t of the trimmed mean over its winsorized standard error.
    """
    scores = np.sort(finite_scores(scores))
    check_level(level)
    found = []
    for name, cut in CUTS.items():
        ends = cut(scores.size)
        if scores.size > 2 * ends:
            found.append(_trimmed(name, scores, ends, level, bounds))
    return tuple(replace(m, approximate=m.approximate or shared) for m in found)


def _trimmed(
    name: str,
    scores: np.ndarray,
    cut: int,
    level: float,
    bounds: tuple[float, float],
) -> TrimmedMean:
    runs, kept = scores.size, scores.size - 2 * cut
    first = scores[cut]
    inner = scores[cut : runs - cut] - first
    value = float(first + inner.mean())
    if kept < 2:
        return TrimmedMean(name, cut, value, np.nan, np.nan, True)
    size = float(np.abs(inner).max()) or 1.0
    winsorized = np.clip(scores - first, inner[0], inner[-1]) / size
    error = size * winsorized.std(ddof=1) * np.sqrt((runs - 1) / (kept * (kept - 1)))
    ends, _ = mean_ends(value, float(error), kept - 1, level)
    if not bounds[0] <= ends[0] <= ends[1] <= bounds[1]:
        ends, _ = mean_ends(value, float(error), kept - 1, level, bounds)
    return TrimmedMean(name, cut, value, *ends, kept < 5)
