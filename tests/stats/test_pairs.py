"""Pairs of runs: class counts against brute force, intervals against simulation."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from seedscope.stats.pairs import (
    churn,
    class_spread,
    ensemble_gain,
    error_correlation,
    flip_rates,
    weight_distance,
)

REFERENCE = Path(__file__).parent.parent / "reference"
CORRECT = np.loadtxt(REFERENCE / "correctness_weak_40x60.csv", delimiter=",", dtype=int)
KNOWN = json.loads((REFERENCE / "answers.json").read_text())["R"][
    "runs_by_examples_weak"
]


def all_pairs(labels):
    return [np.mean(a != b) for a, b in combinations(labels, 2)]


def test_churn_matches_the_reference():
    known = KNOWN["mean_pairwise_disagreement"]
    assert churn(CORRECT).mean == pytest.approx(known, rel=1e-12)


@pytest.mark.parametrize(("classes", "examples"), [(2, 64), (10, 129), (300, 7)])
def test_churn_equals_the_loop_over_pairs(classes, examples, monkeypatch):
    monkeypatch.setattr("seedscope.stats.pairs._CELLS", 1000)  # several blocks
    labels = np.random.default_rng(classes).integers(0, classes, (9, examples))
    expected = all_pairs(labels)
    assert churn(labels).mean == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_churn_interval_is_the_jackknife_over_runs():
    labels = np.random.default_rng(3).integers(0, 3, (6, 40))
    left_out = [np.mean(all_pairs(np.delete(labels, r, axis=0))) for r in range(6)]
    se = np.sqrt(5 / 6 * np.sum((left_out - np.mean(left_out)) ** 2))
    result = churn(labels)
    logits = [np.log(v / (1 - v)) for v in (result.low, result.high)]
    slope = result.mean * (1 - result.mean)  # on the logit scale: never below 0
    assert np.ptp(logits) / 2 == pytest.approx(2.570582 * se / slope, rel=1e-6)


def test_order_of_runs_and_of_classes_changes_nothing():
    labels = np.random.default_rng(5).integers(0, 4, (8, 50))
    turned = (3 - labels)[::-1].astype(np.uint8)
    assert churn(turned).mean == pytest.approx(churn(labels).mean, rel=1e-12)
    assert churn(turned).low == pytest.approx(churn(labels).low, rel=1e-12)


def test_identical_runs_have_no_churn_and_two_runs_no_interval():
    same = np.tile(np.arange(5), (4, 1))
    result = churn(same)
    assert (result.mean, result.low, result.high) == (0.0, 0.0, 0.0)
    assert np.isnan(churn(same[:2]).low)
    assert churn(same[:2]).approximate


def test_what_is_no_label_is_refused():
    with pytest.raises(ValueError, match="integers from 0 on"):
        churn(np.array([[0.5, 1], [0, 1]]))
    with pytest.raises(ValueError, match="integers from 0 on"):
        churn(np.array([[-1, 1], [0, 1]]))
    with pytest.raises(ValueError, match="two or more runs"):
        churn(np.array([[1, 1]]))


def test_error_correlation_is_numpys():
    correct = np.random.default_rng(1).integers(0, 2, (6, 80))
    np.testing.assert_allclose(
        error_correlation(correct).matrix, np.corrcoef(correct), atol=1e-12
    )
    upper = np.corrcoef(correct)[np.triu_indices(6, 1)]
    assert error_correlation(correct).mean.mean == pytest.approx(upper.mean())


def test_a_run_without_errors_is_named():
    correct = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 0]])
    with pytest.raises(ValueError, match=r"runs \[0, 2\] get all"):
        error_correlation(correct)


def test_weight_distances_keep_one_bit():
    weights = np.tile(np.random.default_rng(0).normal(size=1000), (3, 1))
    weights[1, 7] = np.nextafter(weights[1, 7], 9)
    bit = weights[1, 7] - weights[0, 7]
    l2 = weight_distance(weights).matrix
    assert l2[0, 1] == pytest.approx(bit, rel=1e-12)
    assert l2[0, 2] == 0
    assert weight_distance(weights * 2).matrix[0, 1] == pytest.approx(2 * bit)


def test_cosine_of_known_angles():
    weights = np.array([[1.0, 0], [0, 3], [-2, 0]])
    expected = [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    matrix = weight_distance(weights, "cosine").matrix
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    with pytest.raises(ValueError, match="no direction"):
        weight_distance(np.zeros((2, 3)), "cosine")
    with pytest.raises(ValueError, match="l2 or cosine"):
        weight_distance(weights, "l1")


def test_ensemble_gain_counts_what_averaging_repairs():
    # On each example another one of three runs is wrong; together they never are.
    right, wrong = [0.9, 0.1], [0.4, 0.6]
    probabilities = np.array(
        [[wrong if i % 3 == run else right for i in range(60)] for run in range(3)]
    )
    result = ensemble_gain(probabilities, np.zeros(60, int))
    assert result.ensemble_accuracy == 1
    assert result.single_accuracy == pytest.approx(2 / 3)
    assert result.gain == pytest.approx(1 / 3)
    assert not result.approximate
    with pytest.raises(ValueError, match=r"\(runs, examples, classes\)"):
        ensemble_gain(probabilities, np.zeros(59, int))


def test_class_spread_splits_by_true_class():
    y = np.array([0, 0, 2, 2, 2])
    correct = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 1]])
    first, second = class_spread(correct, y)
    assert (first.label, first.examples, first.spread.sd) == (0, 2, 0.0)
    assert (second.label, second.examples) == (2, 3)
    assert second.spread.sd == pytest.approx(np.std([0, 1, 1 / 3], ddof=1))


def coverage(draw, measure, truth, times=600):
    hits = 0
    for _ in range(times):
        result = measure(draw())
        hits += result.low <= truth <= result.high
    return hits / times


@pytest.mark.long
@pytest.mark.parametrize("runs", [20, 50])
def test_churn_covers_when_runs_differ_in_quality(runs):
    rng = np.random.default_rng(runs)
    truth = 2 * (1 / 6) * (5 / 6)  # error rate of a run: beta(8, 40), mean 1/6

    def draw():
        return (rng.random((runs, 200)) < rng.beta(8, 40, (runs, 1))).astype(int)

    assert 0.92 <= coverage(draw, churn, truth) <= 0.98


@pytest.mark.long
@pytest.mark.parametrize("runs", [20, 40])
def test_error_correlation_and_cosine_cover(runs):
    rng = np.random.default_rng(runs)
    difficulty = rng.uniform(0.05, 0.6, 200)

    def errors(count=runs):
        skill = rng.normal(0, 0.1, (count, 1))
        return rng.random((count, 200)) < np.clip(difficulty + skill, 0.02, 0.98)

    truth = error_correlation(errors(1500)).mean.mean
    found = coverage(errors, lambda c: error_correlation(c).mean, truth)
    assert 0.92 <= found <= 0.98

    def weights(count=runs):
        return rng.normal(0.5, 1, (count, 20))

    truth = weight_distance(weights(1500), "cosine").mean.mean
    found = coverage(weights, lambda w: weight_distance(w, "cosine").mean, truth)
    assert 0.92 <= found <= 0.98


@pytest.mark.long
def test_ensemble_gain_covers_over_draws_of_examples():
    rng = np.random.default_rng(0)

    def draw(examples=400):
        scores = rng.normal(0.4, 1, (5, examples)) + rng.normal(0, 0.5, examples)
        right = 1 / (1 + np.exp(-scores))
        return np.stack([right, 1 - right], axis=2)

    def measure(probabilities):
        return ensemble_gain(probabilities, np.zeros(probabilities.shape[1], int))

    truth = measure(draw(400_000)).gain
    assert 0.92 <= coverage(draw, measure, truth) <= 0.98


def test_flip_rates_are_the_churn_of_each_example(monkeypatch):
    labels = np.array([[0, 1, 2], [0, 1, 1], [0, 0, 0]])
    assert flip_rates(labels).tolist() == pytest.approx([0, 2 / 3, 1])
    monkeypatch.setattr("seedscope.stats.pairs._CELLS", 100)  # several blocks
    many = np.random.default_rng(0).integers(0, 4, (6, 50))
    assert flip_rates(many).mean() == pytest.approx(churn(many).mean)
