"""Runs that lie apart, lumps and ties: found where they are, and hardly elsewhere."""

import numpy as np
import pytest

from seedscope.stats.shape import shape


def test_a_few_collapsed_runs_are_named_and_so_is_a_single_one():
    rng = np.random.default_rng(0)
    good = rng.normal(0.93, 0.004, 20)
    found = shape(np.r_[0.5, 0.5, good])
    assert found.apart == (0, 1)
    assert (found.centre, found.rest) == pytest.approx((0.5, good.mean()))
    assert shape(np.r_[good, 0.1]).apart == (20,)
    assert shape(1e-9 + 1e-12 * np.r_[good, 0.1]).apart == (20,)
    assert shape(np.array([0.93, 0.931, 0.932, 0.933, 0.5])).apart == (4,)


def test_two_lumps_that_touch_are_found_by_the_dip():
    rng = np.random.default_rng(1)
    found = shape(np.r_[rng.normal(0, 1, 60), rng.normal(5, 1, 40)])
    assert found.apart == ()
    assert found.dip_p < 0.01
    assert found.lumps == pytest.approx((60, 40), abs=3)


def test_ties_are_told_and_a_coarse_score_has_no_gap():
    coarse = shape(np.array([0.9, 0.9, 0.9, 0.9, 0.8, 0.9, 0.9, 1.0]))
    assert coarse.apart == ()
    assert coarse.tied
    assert (coarse.distinct, coarse.runs) == (3, 8)
    assert shape(np.full(8, 0.5)).is_plain  # all equal: the sd of 0 says so


@pytest.mark.parametrize("runs", [4, 5, 8, 20, 50])
def test_normal_scores_are_rarely_called_lumpy(runs):
    rng = np.random.default_rng(runs)
    alarms = [not shape(rng.normal(size=runs)).is_plain for _ in range(400)]
    assert np.mean(alarms) < 0.05
