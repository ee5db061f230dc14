"""Finite test set against training: R's ANOVA, recovery, coverage."""

import json
from pathlib import Path

import numpy as np
import pytest

from seedscope.stats.test_set import finite_test_set, finite_test_set_error

REFERENCE = Path(__file__).parent.parent / "reference"
CORRECT = np.loadtxt(REFERENCE / "correctness_weak_40x60.csv", delimiter=",", dtype=int)
KNOWN = json.loads((REFERENCE / "answers.json").read_text())["R"][
    "runs_by_examples_weak"
]


@pytest.mark.parametrize("measure", [finite_test_set, finite_test_set_error])
def test_the_split_matches_rs_runs_by_examples_anova(measure):
    result = measure(CORRECT)
    assert result.observed == pytest.approx(KNOWN["var_run_accuracy"], rel=1e-12)
    assert result.test_set == pytest.approx(KNOWN["independent_error_var"], rel=1e-12)
    assert result.distribution == pytest.approx(KNOWN["distribution_var_mom"], rel=1e-9)
    assert result.distribution < 0  # the sign is kept
    assert result.share == pytest.approx(result.test_set / result.observed)
    assert result.flip_rates.mean() == pytest.approx(
        KNOWN["mean_pairwise_disagreement"], rel=1e-12
    )


def test_the_anova_run_component_is_the_distribution_variance_on_any_table():
    losses = np.random.default_rng(0).gamma(2, size=(7, 11))
    a = losses - losses.mean()
    rows, columns = a.mean(axis=1), a.mean(axis=0)
    within = ((a - rows[:, None] - columns) ** 2).sum() / (6 * 10)
    component = (11 * (rows**2).sum() / 6 - within) / 11
    assert finite_test_set_error(losses).distribution == pytest.approx(component)


@pytest.mark.parametrize("binary", [True, False])
def test_the_standard_error_is_the_jackknife_over_runs(binary):
    rng = np.random.default_rng(1)
    table = rng.integers(0, 2, (8, 30)) if binary else rng.gamma(2, size=(8, 30))
    measure = finite_test_set if binary else finite_test_set_error
    left_out = np.array(
        [measure(np.delete(table, r, axis=0)).distribution for r in range(8)]
    )
    se = np.sqrt(7 / 8 * ((left_out - left_out.mean()) ** 2).sum())
    assert measure(table).distribution_se == pytest.approx(se, rel=1e-9)


def test_a_large_offset_changes_no_digit_of_the_split():
    losses = np.random.default_rng(2).integers(0, 1024, (6, 40)) / 1024
    near, far = finite_test_set_error(losses), finite_test_set_error(losses + 1e6)
    assert near.distribution == pytest.approx(far.distribution, rel=1e-8)
    assert near.distribution_se == pytest.approx(far.distribution_se, rel=1e-8)


def test_identical_runs_split_into_zeros():
    result = finite_test_set(np.tile([1, 0, 1, 1], (5, 1)))
    assert (result.observed, result.test_set, result.distribution) == (0, 0, 0)
    assert np.isnan(result.share)
    assert not result.flip_rates.any()


def test_what_cannot_be_split_is_refused():
    with pytest.raises(ValueError, match="1 where a run is right"):
        finite_test_set(np.array([[0.5, 1], [0, 1]]))
    with pytest.raises(ValueError, match="two or more runs"):
        finite_test_set(np.array([[1, 0]]))
    with pytest.raises(ValueError, match="two or more"):
        finite_test_set(np.array([[1], [0]]))
    with pytest.raises(ValueError, match="finite errors"):
        finite_test_set_error(np.array([[1, np.nan], [0, 1]]))


def draw(rng, runs, examples, sd):
    """Runs whose quality on the distribution has a planted sd, on fresh examples."""
    chance = rng.uniform(0.4, 0.85, examples) + rng.normal(0, sd, (runs, 1))
    return rng.random((runs, examples)) < np.clip(chance, 0, 1)


def test_a_planted_distribution_variance_is_recovered():
    rng = np.random.default_rng(3)
    found = [finite_test_set(draw(rng, 20, 100, 0.04)).distribution for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.04**2, abs=4 * np.std(found) / 400**0.5)
    found = [finite_test_set(draw(rng, 20, 100, 0)).distribution for _ in range(400)]
    assert np.mean(found) == pytest.approx(0, abs=4 * np.std(found) / 400**0.5)
    assert 0.3 < np.mean(np.array(found) < 0) < 0.7


@pytest.mark.long
@pytest.mark.parametrize("sd", [0.0, 0.05])
@pytest.mark.parametrize(("runs", "examples"), [(3, 50), (10, 60), (20, 60), (50, 300)])
def test_the_interval_covers_the_distribution_variance(runs, examples, sd):
    rng = np.random.default_rng(runs)
    hits = 0
    for _ in range(800):
        result = finite_test_set(draw(rng, runs, examples, sd))
        hits += result.distribution_low <= sd**2 <= result.distribution_high
    assert 0.92 <= hits / 800 <= 0.98
