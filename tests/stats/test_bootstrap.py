"""Bootstrap: R's digits with R's resamples, SciPy's answers, coverage."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from seedscope.stats.bootstrap import bca_constants, bootstrap_interval, interval_ends

REFERENCE = Path(__file__).parent.parent / "reference"
BOOT = json.loads((REFERENCE / "answers.json").read_text())["R"]["boot"]
SCIPY = json.loads((REFERENCE / "answers.json").read_text())["python"]["scipy_tests"]
HOURS = np.loadtxt(REFERENCE / "aircondit.csv", skiprows=1)


def mean(samples):
    return samples.mean(axis=1)


def sd(samples):
    return samples.std(axis=1, ddof=1)


@pytest.mark.parametrize(
    ("statistic", "name"), [(mean, "aircondit_mean"), (sd, "aircondit_sd")]
)
def test_the_same_resamples_give_the_digits_of_r(statistic, name):
    index = np.loadtxt(
        REFERENCE / f"{name}_indices1based.csv", delimiter=",", skiprows=1, dtype=int
    )
    estimates = statistic(HOURS[index - 1])
    z0, a = bca_constants(HOURS, statistic, estimates)
    assert z0 == pytest.approx(BOOT[name]["z0"], rel=1e-10)
    assert a == pytest.approx(BOOT[name]["acceleration_jack"], rel=1e-10)
    for method, key in [("percentile",) * 2, ("basic",) * 2, ("bca", "bca_jack")]:
        ends = interval_ends(HOURS, statistic, estimates, method, 0.95)
        np.testing.assert_allclose(ends, BOOT[name][key], rtol=1e-10)


def test_the_ratio_of_city_has_the_acceleration_of_r():
    with (REFERENCE / "city.csv").open() as file:
        city = np.array([[float(r["u"]), float(r["x"])] for r in csv.DictReader(file)])

    def ratio(samples):
        return samples[..., 1].sum(axis=1) / samples[..., 0].sum(axis=1)

    rng = np.random.default_rng(1)
    estimates = ratio(city[rng.integers(0, 10, (20_000, 10))])
    _, a = bca_constants(city, ratio, estimates)
    assert ratio(city[None])[0] == BOOT["city_ratio"]["t0"]
    assert a == pytest.approx(BOOT["city_ratio"]["acceleration_jack"], rel=1e-10)
    assert estimates.std() == pytest.approx(BOOT["city_ratio"]["boot_se"], rel=0.03)


@pytest.mark.parametrize(("statistic", "name"), [(mean, "mean"), (sd, "sd")])
def test_many_resamples_reach_the_limit_r_found(statistic, name):
    known = BOOT[f"aircondit_{name}_R200000"]
    rng = np.random.default_rng(2)
    estimates = statistic(HOURS[rng.integers(0, 12, (200_000, 12))])
    ends = interval_ends(HOURS, statistic, estimates, "percentile", 0.95)
    np.testing.assert_allclose(ends, known["percentile"], rtol=0.02)


def test_scipys_published_example():
    known = SCIPY["bootstrap_vs_R"]
    x = np.array(known["x"])
    rng = np.random.default_rng(3)
    estimates = mean(x[rng.integers(0, x.size, (200_000, x.size))])
    for method, key in [("basic",) * 2, ("percentile",) * 2, ("bca", "BCa")]:
        ends = interval_ends(x, mean, estimates, method, 0.95)
        np.testing.assert_allclose(ends, known[key], rtol=0.01)


def test_few_runs_are_refused_and_50_lift_the_warning():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="from 20 runs on"):
        bootstrap_interval(np.arange(19.0), mean, rng)
    with pytest.raises(ValueError, match="NaN"):
        bootstrap_interval(np.r_[np.arange(30.0), np.nan], mean, rng)
    with pytest.raises(ValueError, match="percentile, basic or bca"):
        bootstrap_interval(np.arange(30.0), mean, rng, method="normal")
    assert bootstrap_interval(np.arange(49.0), mean, rng).approximate
    assert not bootstrap_interval(np.arange(50.0), mean, rng).approximate


def test_equal_scores_give_an_interval_of_one_point():
    interval = bootstrap_interval(np.full(30, 0.3), mean, np.random.default_rng(0))
    assert (interval.low, interval.high) == pytest.approx((0.3, 0.3))


def test_batches_change_no_digit(monkeypatch):
    scores = np.random.default_rng(1).normal(size=40)
    whole = bootstrap_interval(scores, sd, np.random.default_rng(2), resamples=999)
    monkeypatch.setattr("seedscope.stats.bootstrap._CELLS", 40 * 100)
    parts = bootstrap_interval(scores, sd, np.random.default_rng(2), resamples=999)
    assert whole == parts


@pytest.mark.long
@pytest.mark.parametrize(
    ("statistic", "truth", "runs"), [(mean, 0.0, 50), (sd, 1.0, 50), (sd, 1.0, 100)]
)
def test_bca_covers_where_it_is_offered_without_a_warning(statistic, truth, runs):
    rng = np.random.default_rng(runs)
    intervals = [
        bootstrap_interval(rng.normal(size=runs), statistic, rng, resamples=999)
        for _ in range(400)
    ]
    assert 0.92 <= np.mean([i.contains(truth) for i in intervals]) <= 0.98
