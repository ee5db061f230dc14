"""What resampling and ranking say of a score: bootstrap interval, best of k runs."""

from dataclasses import replace

import numpy as np

from seedscope.analysis.results import Beyond
from seedscope.analysis.seeding import generator
from seedscope.runs.score import Score
from seedscope.stats.bootstrap import LEAST, bootstrap_interval
from seedscope.stats.shared import share_seeds
from seedscope.stats.spread import expected_best

RESAMPLED_UP_TO = 3_000  # runs; above, the interval by formula is as good
BEST_OF = (3, 5, 10, 30)  # runs that people report the best of


def of_scores(
    score: Score, scores: np.ndarray, level: float, seeds: np.ndarray | None = None
) -> Beyond:
    """Return what goes beyond the spread.

    Args:
        score: what is known of it: the best loss is the lowest, and where no direction
            is known there is no best.
        scores: of the runs that did not diverge, shape (replicates,).
        level: coverage of the bootstrap interval.
        seeds: of the runs; where they share some, resampling runs means nothing.
    """
    interval = None
    shared = seeds is not None and share_seeds(seeds)
    few = LEAST <= scores.size <= RESAMPLED_UP_TO
    if few and np.ptp(scores) > 0 and not shared:
        size = float(np.abs(scores - scores[0]).max())  # 1e300 has no square
        unit = bootstrap_interval(
            (scores - scores[0]) / size, _sd, generator(), level=level
        )
        interval = replace(unit, low=size * unit.low, high=size * unit.high)
    if score.direction is None:
        return Beyond(interval, {})
    sign = -1 if score.falls else 1
    best = {
        k: sign * expected_best(sign * scores, k) for k in BEST_OF if k <= scores.size
    }
    return Beyond(interval, best)


def _sd(samples: np.ndarray) -> np.ndarray:
    return samples.std(axis=1, ddof=1)
