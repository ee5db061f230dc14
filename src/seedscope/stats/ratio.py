"""The ratio of two quantities that were measured in turn, such as seconds."""

import numpy as np
from scipy import stats

from seedscope.stats.interval import Interval, check_level


def paired_ratio(
    a: np.ndarray, b: np.ndarray, level: float = 0.95
) -> tuple[float, Interval, float]:
    """Return the ratio of geometric means of A over B, its interval, the logs' sd.

    What slows both of a round, such as a busy machine, drops out. The logarithms of
    the ratios of each round are taken as normal.

    Args:
        a: one value of each round, above 0, shape (rounds,).
        b: the other value of each round.
        level: coverage of the interval.

    Raises:
        ValueError: fewer than two rounds, or a value that is not above 0.
    """
    check_level(level)
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(
            f"need two or more rounds of both, got {a.shape} and {b.shape}"
        )
    if not ((a > 0).all() and (b > 0).all()):
        raise ValueError("a ratio of means needs values above 0")
    logs = np.log(a / b)
    sd = float(logs.std(ddof=1))
    width = stats.t.ppf((1 + level) / 2, len(logs) - 1) * sd / np.sqrt(len(logs))
    ends = (float(np.exp(logs.mean() + sign * width)) for sign in (-1, 1))
    interval = Interval(*ends, level=level, method="t of logarithms", approximate=False)
    return float(np.exp(logs.mean())), interval, sd
