"""Planning: R's sample sizes and powers, printed intervals, simulation."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from seedscope.stats.planning import (
    runs_for_difference,
    runs_for_mean,
    runs_for_probability,
    runs_for_sd,
    runs_for_sd_interval,
    what_can_be_said,
)

REFERENCE = Path(__file__).parent.parent / "reference"
KNOWN = json.loads((REFERENCE / "answers.json").read_text())["R"]["planning"]


@pytest.mark.parametrize("effect", [0.5, 1, 2])
def test_runs_for_a_difference_match_r(effect):
    known = KNOWN[f"power_t_d{effect:g}"]
    assert runs_for_difference(effect * 0.01, 0.01) == np.ceil(known)
    assert runs_for_difference(-effect, 1) == np.ceil(known)


def test_paired_runs_match_r():
    # d is in sds of the paired differences, whose sd is 1 at a correlation of one half
    known = KNOWN["power_paired_d0.5"]
    assert runs_for_difference(0.5, 1, correlation=0.5) == np.ceil(known)


@pytest.mark.parametrize("runs", [5, 10])
def test_power_matches_r(runs):
    # R leaves out the other tail (4e-4 at 5 runs); it is counted here.
    power = what_can_be_said(runs, 3.0).power_one_sd
    known = KNOWN[f"power_n{runs}_d1"]
    dof, shift = 2 * runs - 2, np.sqrt(runs / 2)
    other_tail = stats.nct.cdf(-stats.t.isf(0.025, dof), dof, shift)
    assert power - other_tail == pytest.approx(known, abs=1e-6)


def test_runs_for_an_sd_match_r():
    assert runs_for_sd(0.2) == KNOWN["n_sd_within20"]
    assert runs_for_sd(0.1) == KNOWN["n_sd_within10"]


def test_runs_for_a_probability_match_noether():
    assert runs_for_probability() == np.ceil(KNOWN["noether_n_gamma0.75"])


def test_wanted_intervals_are_reached_and_not_by_one_run_less():
    runs = runs_for_sd_interval(1.5)
    for n, reached in [(runs, True), (runs - 1, False)]:
        upper, lower = stats.chi2.ppf([0.975, 0.025], n - 1)
        assert (np.sqrt(upper / lower) <= 1.5) == reached
    runs = runs_for_mean(0.001, 0.01)
    for n, reached in [(runs, True), (runs - 1, False)]:
        half = stats.t.ppf(0.975, n - 1) * 0.01 / np.sqrt(n)
        assert (half <= 0.001) == reached


def test_what_five_runs_can_say():
    said = what_can_be_said(5, 0.01)
    low, high = KNOWN["chisq_sd_ci"]["n5"]
    assert (said.sd_low, said.sd_high) == pytest.approx((0.01 * low, 0.01 * high))
    half = stats.t.ppf(0.975, 4) * 0.01 / np.sqrt(5)
    assert said.mean_half_width == pytest.approx(half)
    assert said.smallest_permutation_p == pytest.approx(2 / 252)
    assert runs_for_difference(said.detectable * (1 + 1e-9), 0.01) == 5
    assert runs_for_difference(said.detectable * 0.99, 0.01) == 6
    # unpaired seeds: a paired test of n has n - 1 degrees of freedom and loses a little
    assert said.detectable_paired > said.detectable


def test_three_runs_can_never_be_significant_by_permutation():
    assert what_can_be_said(3, 1.0).smallest_permutation_p == pytest.approx(0.1)


def test_one_run_says_nothing_about_spread():
    said = what_can_be_said(1, 0.5)
    numbers = said.sd_low, said.mean_half_width, said.detectable, said.power_one_sd
    assert np.isnan(numbers).all()
    assert said.runs_for_one_sd == 17


def test_a_spread_of_zero_detects_everything():
    said = what_can_be_said(5, 0.0)
    assert (said.sd_high, said.detectable, said.mean_half_width) == (0, 0, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: runs_for_difference(0.0, 1.0),
        lambda: runs_for_difference(1.0, 0.0),
        lambda: runs_for_difference(1.0, 1.0, correlation=1.0),
        lambda: runs_for_sd(0.0),
        lambda: runs_for_sd_interval(1.0),
        lambda: runs_for_mean(0.0, 1.0),
        lambda: runs_for_probability(0.5),
        lambda: what_can_be_said(0, 1.0),
        lambda: what_can_be_said(5, np.nan),
    ],
)
def test_questions_without_an_answer_are_refused(call):
    with pytest.raises(ValueError, match="got"):
        call()


def test_planned_runs_have_the_power_they_promise():
    rng = np.random.default_rng(0)
    runs = runs_for_difference(1.0, 1.0)
    a, b = rng.normal(1, 1, (4000, runs)), rng.normal(0, 1, (4000, runs))
    power = np.mean(stats.ttest_ind(a, b, axis=1).pvalue <= 0.05)
    assert power == pytest.approx(0.8, abs=0.025)
