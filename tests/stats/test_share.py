"""Variance ratios and tests of equal variances: R, NIST and SciPy, coverage, size."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from seedscope.stats.share import (
    _f_ends,
    brown_forsythe,
    equal_variances,
    equal_variances_of_arms,
    holm,
    variance_share,
)

REFERENCE = Path(__file__).parent.parent / "reference"
ANSWERS = json.loads((REFERENCE / "answers.json").read_text())
LEVENE = ANSWERS["R"]["levene"]


def groups(name, value, *keys):
    """The values of each group of a reference table, grouped by one or more columns."""
    found = {}
    with (REFERENCE / name).open() as file:
        for row in csv.DictReader(file):
            cell = tuple(row[key] for key in keys)
            found.setdefault(cell, []).append(float(row[value]))
    return [np.array(v) for v in found.values()]


@pytest.mark.parametrize(
    ("arms", "statistic", "p"),
    [
        (
            groups("moore.csv", "conformity", "fcategory"),
            LEVENE["moore_by_fcategory_median"]["F"],
            LEVENE["moore_by_fcategory_median"]["p"],
        ),
        (
            groups("moore.csv", "conformity", "fcategory", "partner.status"),
            LEVENE["moore_cells_median"]["F"],
            LEVENE["moore_cells_median"]["p"],
        ),
        (
            groups("insectsprays.csv", "count", "spray"),
            LEVENE["insect_median"]["F"],
            LEVENE["insect_median"]["p"],
        ),
        (
            groups("nist_gear.csv", "y", "group"),
            ANSWERS["python"]["scipy_tests"]["levene_nist_gear"]["median_W"],
            ANSWERS["python"]["scipy_tests"]["levene_nist_gear"]["median_p"],
        ),
    ],
    ids=["moore", "moore cells", "insect sprays", "NIST gear"],
)
def test_brown_forsythe_matches_r_and_nist(arms, statistic, p):
    result = brown_forsythe(arms)
    assert result.statistic == pytest.approx(statistic, rel=1e-9)
    assert result.p == pytest.approx(p, rel=1e-9)


def test_the_f_interval_of_a_ratio_matches_r():
    first, second = groups("sleep.csv", "extra", "group")
    known = ANSWERS["R"]["two_sample"]["sleep_F"]
    share = variance_share(first, second)
    assert share.ratio == pytest.approx(known["F"], rel=1e-12)
    ends = share.ratio * _f_ends(10, 10, 0.95)  # the default is the jackknife here
    np.testing.assert_allclose(ends, known["ci"], rtol=1e-9)


def test_holm_matches_r_and_leaves_nan_alone():
    known = ANSWERS["R"]["two_sample"]["p_adjust"]
    np.testing.assert_allclose(holm(known["p"]), known["holm"], rtol=1e-12)
    mixed = holm(np.array([0.01, np.nan, 0.04]))
    np.testing.assert_allclose(mixed, [0.02, np.nan, 0.04])


def test_the_method_changes_at_seven_runs():
    a = np.random.default_rng(0).normal(size=20)
    assert variance_share(a[:6], a).method == "F"
    assert variance_share(a[:7], a).method == "log-sd jackknife"


@pytest.mark.parametrize("runs", [5, 15])
def test_shift_scale_and_order_leave_the_share(runs):
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 999, runs) / 1024, rng.integers(0, 999, runs) / 1024
    share = variance_share(a, b)
    moved = variance_share(a[::-1] + 1e8, b * 1.0)
    assert moved.low == pytest.approx(share.low, rel=1e-9)
    scaled = variance_share(a * 1e-160, b * 1e-160)
    assert (scaled.ratio, scaled.high) == pytest.approx((share.ratio, share.high))
    inverse = variance_share(b, a)
    assert inverse.low == pytest.approx(1 / share.high)
    assert inverse.ratio == pytest.approx(1 / share.ratio)


def test_constant_arms_have_defined_answers():
    flat, moving = np.full(8, 0.5), np.random.default_rng(0).normal(size=8)
    share = variance_share(flat, moving)
    assert (share.ratio, share.low, share.high, share.method) == (0, 0, 0, "constant")
    assert variance_share(moving, flat).ratio == np.inf
    both = variance_share(flat, flat)
    assert np.isnan(both.ratio)
    assert both.approximate
    tests = equal_variances(flat, flat, np.random.default_rng(0))
    assert np.isnan([tests.brown_forsythe.p, tests.permutation.p]).all()
    with pytest.raises(ValueError, match="2 or more runs"):
        variance_share(np.array([1.0]), moving)
    with pytest.raises(ValueError, match=r"replicates \[0\] diverged"):
        variance_share(np.array([np.nan, 1, 2]), moving)


def test_different_means_do_not_look_like_different_spreads():
    rng = np.random.default_rng(2)
    a = rng.normal(size=20)
    shifted = equal_variances(a, a + 1000, rng)
    assert shifted.permutation.p > 0.9
    assert shifted.brown_forsythe.p > 0.9


def test_a_planted_difference_is_found():
    rng = np.random.default_rng(3)
    result = equal_variances(rng.normal(0, 3, 40), rng.normal(0, 1, 40), rng)
    assert result.ratio.low > 1
    assert result.permutation.p < 0.01
    assert result.brown_forsythe.p < 0.01


def test_arms_are_compared_with_one_or_with_all_and_adjusted():
    rng = np.random.default_rng(4)
    arms = {name: rng.normal(0, sd, 30) for name, sd in [("a", 1), ("b", 5), ("c", 1)]}
    pairs = equal_variances_of_arms(arms, rng, permutations=199)
    assert [(p.first, p.second) for p in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [p.result.brown_forsythe.p for p in pairs]
    assert [p.brown_forsythe_holm for p in pairs] == pytest.approx(list(holm(raw)))
    against = equal_variances_of_arms(arms, rng, reference="b", permutations=199)
    assert [(p.first, p.second) for p in against] == [("a", "b"), ("c", "b")]
    assert against[0].result.ratio.high < 1
    with pytest.raises(ValueError, match="not among a, b, c"):
        equal_variances_of_arms(arms, rng, reference="x")


SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "t5": lambda rng, n: rng.standard_t(5, n) / np.sqrt(5 / 3),
    "skewed": lambda rng, n: rng.gamma(4, size=n) / 2,
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "runs"),
    [
        ("normal", (3, 3)),
        ("normal", (6, 30)),
        ("normal", (7, 7)),
        ("normal", (50, 20)),
        ("t5", (20, 20)),
        ("skewed", (20, 20)),
    ],
)
def test_the_share_covers(shape, runs):
    rng = np.random.default_rng(runs[0])
    draw, hits = SHAPES[shape], 0
    for _ in range(700):
        share = variance_share(0.5 * draw(rng, runs[0]), draw(rng, runs[1]))
        hits += share.low <= 0.25 <= share.high
    assert 0.92 <= hits / 700 <= 0.98


@pytest.mark.long
@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("runs", [(10, 10), (20, 10)])
def test_neither_test_rejects_too_often(shape, runs):
    rng = np.random.default_rng(runs[0])
    draw = SHAPES[shape]
    results = [
        equal_variances(draw(rng, runs[0]), draw(rng, runs[1]) + 2, rng, 0.95, 199)
        for _ in range(200)
    ]
    assert np.mean([r.brown_forsythe.p <= 0.05 for r in results]) <= 0.085
    assert np.mean([r.permutation.p <= 0.05 for r in results]) <= 0.085
