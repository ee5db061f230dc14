"""Spread: known answers, coverage of both intervals, degenerate arms, stability."""

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from seedscope.stats.spread import (
    expected_best,
    log_sd_pseudo_values,
    sd_interval,
    spread,
)

REFERENCE = Path(__file__).parent.parent / "reference"
ANSWERS = json.loads((REFERENCE / "answers.json").read_text())


def column(name, key):
    with (REFERENCE / name).open() as file:
        return np.array([float(row[key]) for row in csv.DictReader(file)])


@pytest.mark.parametrize("runs", [3, 5, 10, 20, 50, 100])
def test_chi_square_interval_matches_the_printed_table(runs):
    scores = np.random.default_rng(runs).normal(size=runs)
    interval = sd_interval(scores, method="chi-square")
    ratio = np.array([interval.low, interval.high]) / scores.std(ddof=1)
    printed = ANSWERS["R"]["planning"]["chisq_sd_ci"][f"n{runs}"]
    np.testing.assert_allclose(ratio, printed, rtol=1e-10)


@pytest.mark.parametrize("name", ["Lew", "Lottery"])
def test_nist_certified_mean_and_sd(name):
    certified = ANSWERS["python"]["nist_univariate"][name]
    values = np.loadtxt(REFERENCE / "nist_univariate" / f"{name}.csv", skiprows=1)
    s = spread(values)
    assert s.mean == pytest.approx(certified["mean"], rel=1e-14)
    assert s.sd == pytest.approx(certified["sd"], rel=1e-14)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([10000001, 10000003, 10000002], "NumAcc1"),
        ([1.2] + [1.1, 1.3] * 500, "NumAcc2"),
    ],
)
def test_nist_stability_sets(values, name):
    certified = ANSWERS["python"]["nist_univariate"][name]
    s = spread(np.array(values, float))
    assert (s.mean, s.sd) == pytest.approx((certified["mean"], certified["sd"]), 1e-12)


@pytest.mark.parametrize("name", ["SmLs01", "SmLs04"])
def test_nist_small_spread_on_a_large_offset(name):
    values = column(f"nist_anova/{name}.csv", "y")
    groups = column(f"nist_anova/{name}.csv", "group")
    within = [spread(values[groups == g]).sd ** 2 for g in np.unique(groups)]
    # SmLs04 is 1000000.4-like: its decimals are exact to 1e-10 in float64, no better.
    assert np.mean(within) == pytest.approx(0.01, rel=1e-8)


def test_a_large_offset_changes_no_digit_of_the_spread():
    small = np.random.default_rng(3).integers(0, 1024, 200) / 1024
    near, far = spread(small), spread(small + 1e9)
    assert near.sd == pytest.approx(far.sd, rel=1e-13)
    assert far.mean - 1e9 == pytest.approx(near.mean, abs=2e-7)
    assert (near.iqr, near.mad, near.range) == (far.iqr, far.mad, far.range)
    assert near.sd_low == pytest.approx(far.sd_low, rel=1e-12)


@pytest.mark.parametrize("runs", [7, 40])
def test_scale_moves_every_statistic_and_order_moves_none(runs):
    scores = np.random.default_rng(1).normal(5, 1, runs)
    s, scaled, turned = spread(scores), spread(scores * 1e-170), spread(scores[::-1])
    for name in ("sd", "sd_low", "sd_high", "mean_low", "iqr", "mad", "range"):
        value = getattr(s, name)
        assert getattr(scaled, name) == pytest.approx(value * 1e-170, rel=1e-10, abs=0)
        assert getattr(turned, name) == pytest.approx(value, rel=1e-10)
    assert scaled.cv == pytest.approx(s.cv)


def test_simple_statistics_are_those_of_numpy():
    scores = np.array([0.5, 0.1, 0.4, 0.2, 0.9])
    s = spread(scores, diverged=2)
    assert (s.replicates, s.diverged) == (5, 2)
    assert (s.median, s.minimum, s.maximum) == (0.4, 0.1, 0.9)
    assert s.range == pytest.approx(0.8)
    assert s.iqr == pytest.approx(0.3)
    assert s.mad == pytest.approx(0.2)
    assert s.cv == pytest.approx(scores.std(ddof=1) / scores.mean())
    t = stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    assert (s.mean_low, s.mean_high) == pytest.approx((t.low, t.high))


def test_one_run_has_a_mean_but_no_sd():
    s = spread(np.array([0.7]))
    assert (s.mean, s.median, s.replicates) == (0.7, 0.7, 1)
    assert s.sd_method == "none"
    assert np.isnan([s.sd, s.sd_low, s.sd_high, s.mean_low, s.mean_high, s.cv]).all()


def test_a_constant_column_has_an_sd_of_exactly_zero():
    s = spread(np.full(7, 0.1))
    assert (s.sd, s.sd_low, s.sd_high, s.sd_method) == (0.0, 0.0, 0.0, "constant")
    assert (s.mean, s.mean_low, s.mean_high) == (0.1, 0.1, 0.1)


def test_scores_that_cannot_be_used_are_named():
    with pytest.raises(ValueError, match=r"replicates \[1, 3\] diverged"):
        spread(np.array([0.1, np.nan, 0.2, np.inf]))
    with pytest.raises(ValueError, match="one score each"):
        spread(np.array([]))
    with pytest.raises(ValueError, match="coverage between 0 and 1"):
        spread(np.arange(3.0), level=95)
    with pytest.raises(ValueError, match="needs 6 runs"):
        sd_interval(np.arange(5.0), method="bonett")


def test_the_default_changes_from_chi_square_to_bonett_at_20_runs():
    scores = np.random.default_rng(0).normal(size=20)
    assert spread(scores[:19]).sd_method == "chi-square"
    assert spread(scores).sd_method == "bonett"


def test_heavy_tails_are_called_approximate_and_normal_scores_are_not():
    normal = stats.norm.ppf(np.linspace(0.02, 0.98, 15))
    assert not spread(normal).approximate
    assert spread(np.r_[normal, 12.0]).approximate
    longer = stats.norm.ppf(np.linspace(0.01, 0.99, 60))
    assert not spread(longer).approximate
    assert spread(np.r_[longer, 9.0]).approximate


@pytest.mark.parametrize("runs", [2, 3, 5, 6])
def test_below_six_runs_their_number_alone_marks_them(runs):
    found = spread(np.linspace(0.8, 0.9, runs))  # as little skewed as can be
    assert (found.mean_approximate, found.approximate) == ((runs < 6,) * 2)
    still = spread(np.full(runs, 0.8))
    assert (still.mean_approximate, still.approximate) == (False, False)


def test_all_but_one_equal_leaves_the_jackknife_without_an_answer():
    interval = sd_interval(np.array([0.0, 0, 0, 1]), method="log-sd jackknife")
    assert (interval.low, interval.high, interval.approximate) == (0.0, np.inf, True)


def test_log_sd_pseudo_values_equal_the_loop():
    x = np.random.default_rng(2).normal(size=9)
    left_out = [np.log(np.delete(x, i).std(ddof=1)) for i in range(9)]
    expected = 9 * np.log(x.std(ddof=1)) - 8 * np.array(left_out)
    np.testing.assert_allclose(log_sd_pseudo_values(x), expected, rtol=1e-10)


def covers(interval, truth):
    return interval[0] <= truth <= interval[1]


# rows: what is drawn, its sd and its mean; all of them shapes the docstring offers
SHAPES = {
    "normal": (lambda rng, n: rng.normal(size=n), 1.0, 0.0),
    "logistic": (lambda rng, n: rng.logistic(size=n), np.pi / np.sqrt(3), 0.0),
    "skewed": (lambda rng, n: rng.gamma(4, size=n), 2.0, 4.0),
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "runs"),
    [("normal", n) for n in (2, 3, 10, 19, 20, 100)]
    + [("logistic", 20), ("skewed", 20), ("skewed", 100)],
)
def test_spread_covers_mean_and_sd(shape, runs):
    draw, sd, mean = SHAPES[shape]
    rng = np.random.default_rng(runs)
    arms = [spread(draw(rng, runs)) for _ in range(600)]
    hits = [covers((s.sd_low, s.sd_high), sd) for s in arms]
    assert 0.92 <= np.mean(hits) <= 0.98
    hits = [covers((s.mean_low, s.mean_high), mean) for s in arms]
    assert 0.92 <= np.mean(hits) <= 0.98


@pytest.mark.long
@pytest.mark.parametrize(("method", "runs"), [("bonett", 10), ("log-sd jackknife", 10)])
def test_the_other_sd_intervals_cover_normal_scores(method, runs):
    rng = np.random.default_rng(5)
    intervals = [sd_interval(rng.normal(size=runs), 0.95, method) for _ in range(600)]
    assert 0.92 <= np.mean([i.contains(1.0) for i in intervals]) <= 0.98


@pytest.mark.long
@pytest.mark.parametrize("runs", [20, 50])
def test_heavy_tailed_arms_that_are_missed_are_mostly_called_approximate(runs):
    rng = np.random.default_rng(7)
    arms = [spread(rng.standard_t(3, runs)) for _ in range(600)]
    missed = [s for s in arms if not covers((s.sd_low, s.sd_high), np.sqrt(3))]
    assert len(missed) > 60  # or there is nothing to warn of
    flagged = np.mean([s.approximate for s in arms])
    assert flagged > 0.35


def test_expected_best_matches_the_published_example():
    known = ANSWERS["python"]["expected_max"]
    assert expected_best(np.array(known["y"]), known["n"]) == pytest.approx(
        known["U_unbiased_Tang"], abs=1e-12
    )


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_expected_best_is_the_mean_over_all_subsets(k):
    scores = np.random.default_rng(4).normal(size=8) + 1e6
    subsets = np.mean([max(subset) for subset in combinations(scores, k)])
    assert expected_best(scores, k) == pytest.approx(subsets, rel=1e-14)


def test_expected_best_is_unbiased_for_normal_scores():
    rng = np.random.default_rng(9)
    estimates = [expected_best(rng.normal(size=30), 5) for _ in range(2000)]
    known = ANSWERS["R"]["planning"]["expected_max_normal"]["n5"]
    assert np.mean(estimates) == pytest.approx(known, abs=0.02)


def test_expected_best_does_not_go_beyond_the_runs():
    with pytest.raises(ValueError, match="between 1 and the 5 runs"):
        expected_best(np.arange(5.0), 6)


def test_skewed_scores_get_the_wider_interval_and_are_marked_more_often_than_normal():
    rng = np.random.default_rng(5)
    true = ((np.e - 1) * np.e) ** 0.5  # sd of lognormal scores
    held, marks = [], {"skewed": [], "normal": []}
    for _ in range(300):
        skewed, normal = rng.lognormal(size=10), rng.normal(size=10)
        wide = sd_interval(skewed)
        held.append((sd_interval(skewed, method="chi-square").contains(true),
                     wide.contains(true)))  # fmt: skip
        marks["skewed"].append(wide.approximate)
        marks["normal"].append(sd_interval(normal).approximate)
    narrow, wide = np.mean(held, axis=0)
    assert narrow < 0.6 < 0.66 < wide
    assert np.mean(marks["normal"]) < 0.16 < 0.6 < np.mean(marks["skewed"])


def test_skewed_scores_of_many_runs_are_marked_without_heavy_tails():
    rng = np.random.default_rng(6)
    skewed = [sd_interval(rng.lognormal(0, 0.5, 100)).approximate for _ in range(200)]
    normal = [sd_interval(rng.normal(size=100)).approximate for _ in range(200)]
    assert np.mean(skewed) > 0.9
    assert np.mean(normal) < 0.05
