"""Means that a few odd runs cannot move: trimmed, Olympic, interquartile.

All three leave out as many of the lowest as of the highest scores: a fifth at each end
(trimmed), one (Olympic, as MLPerf's times), a quarter (interquartile mean, IQM).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level, finite_scores

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


def trimmed_means(scores: np.ndarray, level: float = 0.95) -> tuple[TrimmedMean, ...]:
    """Return each mean that leaves at least one score.

    Args:
        scores: shape (runs,).
        level: coverage of the intervals.

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
            found.append(_trimmed(name, scores, ends, level))
    return tuple(found)


def _trimmed(name: str, scores: np.ndarray, cut: int, level: float) -> TrimmedMean:
    runs, kept = scores.size, scores.size - 2 * cut
    first = scores[cut]
    inner = scores[cut : runs - cut] - first
    value = float(first + inner.mean())
    if kept < 2:
        return TrimmedMean(name, cut, value, np.nan, np.nan, True)
    size = float(np.abs(inner).max()) or 1.0
    winsorized = np.clip(scores - first, inner[0], inner[-1]) / size
    error = size * winsorized.std(ddof=1) * np.sqrt((runs - 1) / (kept * (kept - 1)))
    half = float(stats.t.ppf((1 + level) / 2, kept - 1)) * error
    return TrimmedMean(name, cut, value, value - half, value + half, kept < 5)
