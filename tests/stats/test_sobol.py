"""Pick-freeze indices: analytic answers, row order, coverage."""

import json
from pathlib import Path

import numpy as np
import pytest

from seedscope.stats.sobol import sobol_from_table, sobol_indices
from stats.tables import indices, planted, saltelli

REFERENCE = Path(__file__).parent.parent / "reference"
ANALYTIC = json.loads((REFERENCE / "answers.json").read_text())["python"][
    "sobol_analytic"
]


def ishigami(x, a, b):
    return np.sin(x[0]) + a * np.sin(x[1]) ** 2 + b * x[2] ** 4 * np.sin(x[0])


def test_ishigami_has_its_analytic_indices():
    known = ANALYTIC["ishigami"]
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-np.pi, np.pi, (2, 3, 100_000))
    mixed = [ishigami(np.where(np.eye(3)[j][:, None], b, a), 7, 0.1) for j in range(3)]
    result = sobol_indices(ishigami(a, 7, 0.1), ishigami(b, 7, 0.1), mixed, "abc")
    np.testing.assert_allclose([i.value for i in result.first], known["S"], atol=0.02)
    np.testing.assert_allclose([i.value for i in result.total], known["ST"], atol=0.02)
    assert result.first[0].low < known["S"][0] < result.first[0].high


def test_rows_are_recognised_in_any_order_and_broken_blocks_counted():
    rng = np.random.default_rng(1)
    table = saltelli(30, 3)
    scores = planted(rng, table, {(0,): 1.0, (1, 2): 0.5})
    y = scores.reshape(30, 5).T
    expected = sobol_indices(y[0], y[1], y[2:], "abc")
    turn = rng.permutation(150)
    found = sobol_from_table(table[turn], scores[turn], "abc")
    for one, other in zip(found.total, expected.total, strict=True):
        assert (one.value, one.low) == pytest.approx((other.value, other.low))
    lost = sobol_from_table(table[1:], scores[1:], "abc")
    assert (lost.blocks, lost.incomplete) == (29, 1)
    with pytest.raises(ValueError, match="complete blocks"):
        sobol_from_table(np.arange(60).reshape(20, 3), scores[:20], "abc")


def test_the_interval_is_the_jackknife_over_blocks():
    rng = np.random.default_rng(2)
    y = rng.normal(size=(4, 12)) + rng.normal(size=12)
    index = sobol_indices(y[0], y[1], y[2:], "ab").first[0]
    left_out = []
    for block in range(12):
        rest = np.delete(y, block, axis=1)
        left_out.append(sobol_indices(rest[0], rest[1], rest[2:], "ab").first[0].value)
    se = np.sqrt(11 / 12 * ((left_out - np.mean(left_out)) ** 2).sum())
    assert (index.high - index.low) / 2 == pytest.approx(2.200985 * se, rel=1e-6)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="3 or more blocks"):
        sobol_indices([1.0, 2], [1.0, 2], [[1.0, 2]], "a")
    with pytest.raises(ValueError, match="NaN"):
        sobol_indices([1.0, 2, np.nan], [1.0, 2, 3], [[1.0, 2, 3]], "a")
    with pytest.raises(ValueError, match="all scores are equal"):
        sobol_indices(np.ones(3), np.ones(3), np.ones((1, 3)), "a")


@pytest.mark.slow
@pytest.mark.parametrize("sds", [{(0,): 0.8, (1,): 0.5}, {(0, 1): 1.0, (0,): 0.2}])
def test_the_intervals_cover_from_50_blocks_on(sds):
    rng = np.random.default_rng(3)
    table, hits = saltelli(50, 2), []
    first, total, _ = indices(sds, 2, 0.2)
    for _ in range(150):
        result = sobol_from_table(table, planted(rng, table, sds, 0.2), "ab")
        assert not result.approximate
        hits += [i.low <= v <= i.high for i, v in zip(result.first, first, strict=True)]
        hits += [i.low <= v <= i.high for i, v in zip(result.total, total, strict=True)]
    assert 0.92 <= np.mean(hits) <= 0.98
