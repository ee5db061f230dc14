"""What resampling and ranking say of a score: bootstrap interval, best of k runs."""

import numpy as np

from seedscope.analysis.results import Beyond
from seedscope.analysis.seeding import generator
from seedscope.runs.score import Score
from seedscope.stats.bootstrap import LEAST, bootstrap_interval
from seedscope.stats.spread import expected_best

BEST_OF = (3, 5, 10, 30)  # runs that people report the best of


def of_scores(score: Score, scores: np.ndarray, level: float) -> Beyond:
    """Return what goes beyond the spread.

    Args:
        score: what is known of it: the best loss is the lowest, and where no direction
            is known there is no best.
        scores: of the runs that did not diverge, shape (replicates,).
        level: coverage of the bootstrap interval.
    """
    interval = None
    if scores.size >= LEAST and np.ptp(scores) > 0:
        interval = bootstrap_interval(scores, _sd, generator(), level=level)
    if score.direction is None:
        return Beyond(interval, {})
    sign = -1 if score.falls else 1
    best = {
        k: sign * expected_best(sign * scores, k) for k in BEST_OF if k <= scores.size
    }
    return Beyond(interval, best)


def _sd(samples: np.ndarray) -> np.ndarray:
    return samples.std(axis=1, ddof=1)
