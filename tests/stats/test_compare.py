"""A against B: R's answers, size of each test, coverage of each interval."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from seedscope.stats.compare import (
    compare,
    equivalence,
    paired_difference,
    superiority,
    welch,
)

REFERENCE = Path(__file__).parent.parent / "reference"
ANSWERS = json.loads((REFERENCE / "answers.json").read_text())
KNOWN = ANSWERS["R"]["two_sample"]
with (REFERENCE / "sleep.csv").open() as _file:
    _rows = list(csv.DictReader(_file))
FIRST, SECOND = (
    np.array([float(r["extra"]) for r in _rows if r["group"] == g]) for g in "12"
)


def test_welch_and_paired_t_match_r():
    one = welch(FIRST, SECOND)
    known = KNOWN["sleep_welch"]
    assert one.statistic == pytest.approx(known["t"], rel=1e-9)
    assert one.dof == pytest.approx(known["df"], rel=1e-9)
    assert one.p == pytest.approx(known["p"], rel=1e-9)
    assert (one.interval.low, one.interval.high) == pytest.approx(known["ci"], rel=1e-9)
    two = paired_difference(FIRST, SECOND)
    known = KNOWN["sleep_paired"]
    assert two.difference.statistic == pytest.approx(known["t"], rel=1e-9)
    assert two.difference.p == pytest.approx(known["p"], rel=1e-9)
    ends = two.difference.interval.low, two.difference.interval.high
    assert ends == pytest.approx(known["ci"], rel=1e-9)
    assert two.correlation == pytest.approx(np.corrcoef(FIRST, SECOND)[0, 1])


@pytest.mark.long
def test_the_exact_permutation_p_matches_r():
    # With equal sizes the studentized and the plain mean difference rank alike.
    known = KNOWN["perm_exact_mean_diff"]
    rng = np.random.default_rng(0)
    result = compare(FIRST, SECOND, rng, permutations=known["n"])
    assert result.permutation_p == pytest.approx(known["p_two_sided"], rel=1e-9)
    assert result.smallest_permutation_p == pytest.approx(2 / known["n"])


def test_probability_of_superiority_matches_r_and_rliable():
    assert superiority(SECOND, FIRST).value == pytest.approx(KNOWN["sleep_P_y_gt_x"])
    assert superiority(FIRST, SECOND).value == pytest.approx(
        1 - KNOWN["sleep_P_y_gt_x"]
    )
    known = ANSWERS["python"]["rliable_tests"]
    x, y = np.array(known["x"], float), np.array(known["y"], float)
    wins = np.mean([superiority(x[:, j], y[:, j]).value for j in range(2)])
    expected = known["probability_of_improvement_x_over_y"]
    assert wins == pytest.approx(expected, abs=1e-9)


def test_the_interval_of_superiority_is_symmetric_and_open_at_the_ends():
    one, two = superiority(FIRST, SECOND), superiority(SECOND, FIRST)
    assert one.interval.low == pytest.approx(1 - two.interval.high)
    sure = superiority(np.arange(5.0) + 9, np.arange(5.0))
    assert (sure.value, sure.interval.high) == (1, 1)
    assert 0.5 < sure.interval.low < 0.8
    assert superiority(np.arange(5.0), np.arange(5.0) + 9).interval.low == 0


def test_the_conclusion_follows_bouthillier():
    rng = np.random.default_rng(1)
    small, big = rng.normal(size=2000), rng.normal(size=2000)
    assert superiority(small, small).conclusion == "not significant"
    slight = superiority(small + 0.2, big)
    assert slight.conclusion == "significant, not meaningful"
    assert slight.favours == "a"
    clear = superiority(small, big + 3)
    assert (clear.conclusion, clear.favours) == ("significant and meaningful", "b")
    with pytest.raises(ValueError, match="gamma"):
        superiority(small, big, gamma=0.4)


def test_shift_scale_and_order_change_no_conclusion():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 999, 25) / 1024, rng.integers(0, 999, 21) / 1024
    one = compare(a, b, np.random.default_rng(3), margin=0.2)
    far = compare(a + 1e9, b + 1e9, np.random.default_rng(3), margin=0.2)
    tiny = compare(a * 1e-150, b * 1e-150, np.random.default_rng(3), margin=2e-151)
    assert far.welch.interval.low == pytest.approx(one.welch.interval.low, rel=1e-9)
    assert far.bootstrap.low == pytest.approx(one.bootstrap.low, rel=1e-9)
    assert far.equivalence.p == pytest.approx(one.equivalence.p, rel=1e-9)
    for moved in (far, tiny):
        assert moved.permutation_p == pytest.approx(one.permutation_p, abs=0.002)
        assert moved.effect.value == pytest.approx(one.effect.value, rel=1e-9)
        assert moved.superiority == one.superiority
        assert moved.welch.p == pytest.approx(one.welch.p, rel=1e-9)
    turned = compare(b, a, np.random.default_rng(3))
    assert turned.welch.value == pytest.approx(-one.welch.value)


def test_arms_that_do_not_vary_have_defined_answers():
    rng = np.random.default_rng(4)
    result = compare(np.full(4, 0.5), np.full(4, 0.25), rng, paired=True, margin=0.1)
    assert result.welch.interval.low == result.welch.interval.high == 0.25
    assert np.isnan(result.welch.p)
    assert np.isnan(result.effect.value)
    assert not result.equivalence.equivalent
    assert np.isnan(compare(np.ones(3), np.ones(3), rng).permutation_p)
    one = compare(np.full(30, 0.5), rng.normal(size=30), rng)
    assert one.bootstrap is None
    assert np.isfinite(one.welch.p)


def test_input_that_cannot_be_compared_is_refused():
    rng = np.random.default_rng(5)
    with pytest.raises(ValueError, match="2 or more runs"):
        compare(np.array([1.0]), FIRST, rng)
    with pytest.raises(ValueError, match="10 and 9 runs"):
        compare(FIRST, SECOND[:9], rng, paired=True)
    with pytest.raises(ValueError, match="margin is a positive"):
        equivalence(welch(FIRST, SECOND), 0.0)
    with pytest.raises(ValueError, match="diverged"):
        welch(np.array([np.inf, 1.0]), FIRST)


def test_the_bootstrap_starts_at_twenty_and_warns_below_fifty():
    rng = np.random.default_rng(6)
    x = rng.normal(size=60)
    assert compare(x[:19], x, rng).bootstrap is None
    assert compare(x[:20], x, rng).bootstrap.approximate
    assert not compare(x[:50], x, rng).bootstrap.approximate


def test_pairing_gains_what_the_correlation_allows():
    rng = np.random.default_rng(7)
    common = rng.normal(size=5000)
    a, b = (np.sqrt(0.8) * common + np.sqrt(0.2) * rng.normal(size=5000) for _ in "ab")
    result = paired_difference(a, b)
    assert result.correlation == pytest.approx(0.8, abs=0.03)
    assert result.gain == pytest.approx(1 / (1 - 0.8), rel=0.1)


def test_tost_is_two_welch_tests():
    margin = 3.0
    shifted = [
        stats.ttest_ind(FIRST, SECOND + s * margin, equal_var=False, alternative=side)
        for s, side in [(-1, "greater"), (1, "less")]
    ]
    result = equivalence(welch(FIRST, SECOND), margin)
    assert result.p == pytest.approx(max(t.pvalue for t in shifted))


@pytest.mark.parametrize("sizes", [(10, 10), (30, 30), (50, 20)])
def test_superiority_covers_where_one_arm_is_far_wider(sizes):
    # Newcombe's interval alone: .91, .91 and .85.
    rng = np.random.default_rng(9)
    found = [
        superiority(rng.normal(0, 1, sizes[0]), rng.normal(0, 5, sizes[1])).interval
        for _ in range(400)
    ]
    assert np.mean([i.contains(0.5) for i in found]) > 0.93
    assert not any(i.approximate for i in found)


def test_superiority_of_few_wide_runs_against_many_is_marked():
    many = stats.norm.ppf(np.linspace(0.02, 0.98, 30))
    few = np.array([-2.0, -0.5, 0.1, 0.4, 2.2])
    assert not superiority(few, many).interval.approximate
    assert superiority(3 * few, many).interval.approximate
    assert not superiority(many, 3 * np.tile(few, 6)).interval.approximate


def test_few_runs_are_marked_by_their_number_and_a_difference_of_like_arms_is_not():
    few = np.array([1.0, 1.2, 1.5])
    assert not welch(few, few + 1).interval.approximate
    assert welch(few, 9 * few).interval.approximate  # spreads far apart
    assert welch(few, np.linspace(1, 2, 30)).interval.approximate  # and sizes
    assert paired_difference(
        few, np.array([2.0, 2.1, 2.9])
    ).difference.interval.approximate
    skewed = stats.lognorm.ppf(np.linspace(0.05, 0.95, 10), 1)
    assert not welch(skewed, skewed + 1).interval.approximate  # skewness cancels
    assert welch(skewed, few.mean() + np.linspace(0, 0.1, 10)).interval.approximate


@pytest.mark.long
@pytest.mark.parametrize("sizes", [(5, 5), (10, 10), (5, 50)])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_the_intervals_cover(sizes, shift):
    rng = np.random.default_rng(sizes[1])
    from seedscope.stats.compare import _effect_size

    truth, hits = stats.norm.cdf(shift / np.sqrt(2)), []
    for _ in range(500):
        a, b = rng.normal(shift, 1, sizes[0]), rng.normal(0, 1, sizes[1])
        hits.append(
            (
                welch(a, b).interval.contains(shift),
                superiority(a, b).interval.contains(truth),
                _effect_size(a, b, 0.95).interval.contains(shift),
            )
        )
    assert all(0.92 <= share <= 0.99 for share in np.mean(hits, axis=0))


@pytest.mark.long
def test_paired_and_bootstrap_intervals_cover():
    rng = np.random.default_rng(8)
    pairs, resampled = [], []
    for _ in range(250):
        common = rng.normal(size=50)
        a, b = common + rng.normal(size=50), common + rng.normal(size=50)
        pairs.append(paired_difference(a[:3], b[:3]).difference.interval.contains(0))
        boot = compare(a, b, rng, paired=True, permutations=9).bootstrap
        resampled.append(boot.contains(0))
    assert 0.92 <= np.mean(pairs) <= 0.98
    assert 0.92 <= np.mean(resampled) <= 0.98


@pytest.mark.long
@pytest.mark.parametrize(("sizes", "sd"), [((5, 5), 1.0), ((10, 10), 2.0)])
def test_no_test_rejects_too_often(sizes, sd):
    rng = np.random.default_rng(sizes[1])
    rejected = []
    for _ in range(300):
        a, b = rng.normal(0, 1, sizes[0]), rng.normal(0, sd, sizes[1])
        result = compare(a, b, rng, permutations=199)
        verdict = result.superiority.conclusion != "not significant"
        shifted = equivalence(
            welch(a + 1.0, b), margin=1.0
        ).equivalent  # on its boundary
        rejected.append(
            (result.welch.p <= 0.05, result.permutation_p <= 0.05, verdict, shifted)
        )
    assert (np.mean(rejected, axis=0) <= [0.08, 0.08, 0.1, 0.08]).all()


def test_a_difference_of_bounded_scores_stays_in_its_bounds():
    a, b = np.array([0.99, 0.80]), np.array([0.30, 0.02])
    plain, bounded = welch(a, b), welch(a, b, width=1.0)
    assert plain.interval.high > 1
    assert -1 < bounded.interval.low < bounded.value < bounded.interval.high < 1
    assert bounded.value == plain.value
    assert bounded.interval.method == "Welch, logit"
    # p and the interval are of one scale: at level 1 - p the interval ends at 0.
    ends = welch(a, b, level=1 - bounded.p, width=1.0).interval
    assert ends.low == pytest.approx(0, abs=1e-9)
    rows = paired_difference(a, b - [0, 0.01], width=1.0).difference
    assert rows.interval.high < 1
    close = welch(a, a - 0.01, width=1.0)
    assert close == welch(a, a - 0.01)  # far from the bounds it is Welch's own


def test_bounds_reach_every_interval_of_a_comparison():
    a, b = np.array([0.99, 0.80]), np.array([0.30, 0.02])
    rng = np.random.default_rng(0)
    found = compare(a, b, rng, margin=0.1, bounds=(0.0, 1.0))
    assert found.difference.interval.high < 1
    assert found.equivalence.interval.high < 1
    assert not found.equivalence.equivalent
