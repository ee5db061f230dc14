"""An interval of one statistic, and the check every public statistic starts with.

`approximate` is part of the result and not a footnote: it is true wherever simulated
coverage of a nominal 95 % interval leaves 92-98 % (see `tests/stats/`).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """Confidence interval of a statistic, in the unit of the statistic."""

    low: float
    high: float
    level: float  # nominal coverage, in (0, 1)
    method: str
    approximate: bool  # true: do not count on the nominal coverage

    @property
    def half_width(self) -> float:
        """Half the distance between the two ends."""
        return (self.high - self.low) / 2

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high

    def contains(self, value: float) -> bool:
        """Tell whether `value` lies between the ends, ends included."""
        return bool(self.low <= value <= self.high)


def check_level(level: float) -> None:
    """Raise ValueError unless `level` is a coverage in (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"level is a coverage between 0 and 1, e.g. 0.95; got {level}")


def finite_scores(scores: np.ndarray, least: int = 1) -> np.ndarray:
    """Return the scores as float64, shape (replicates,).

    Raises:
        ValueError: not one score per run, fewer than `least` of them, or one of them
            is NaN or infinite; diverged runs are counted apart, never averaged.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or scores.size < least:
        raise ValueError(
            f"need one score each of {least} or more runs, got shape {scores.shape}"
        )
    diverged = np.flatnonzero(~np.isfinite(scores))
    if diverged.size:
        raise ValueError(
            f"replicates {diverged.tolist()} diverged (score NaN or infinite); "
            "leave them out and hand in how many there were"
        )
    return scores
