import numpy as np
import pytest

from seedscope.stats.ratio import paired_ratio


def test_the_ratio_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        busy = rng.normal(0, 1, 8)  # what slows both of a round drops out
        a = np.exp(busy + np.log(1.2) + rng.normal(0, 0.1, 8))
        ratio, interval, sd = paired_ratio(a, np.exp(busy), 0.95)
        assert interval.low < ratio < interval.high
        covered += interval.contains(1.2)
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)
    assert 0 < sd < 0.3


def test_what_is_no_ratio_is_refused():
    with pytest.raises(ValueError, match="values above 0"):
        paired_ratio(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="two or more rounds"):
        paired_ratio(np.array([1.0]), np.array([1.0]))
