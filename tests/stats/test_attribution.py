"""Attribution by pairs: brute force, planted shares, coverage, edge cases."""

from itertools import combinations

import numpy as np
import pytest

from seedscope.stats.attribution import attribute, independent_blocks
from stats.tables import indices, planted, round_robin, saltelli

ADDITIVE = {(0,): 0.8, (1,): 0.5, (2,): 0.3}
CHAOS = {(0, 1, 2): 1.0, (0,): 0.2}


def brute_rho(table, scores, shared):
    """The definition: loop over pairs that share exactly these columns."""
    y, above, below = scores - scores.mean(), 0.0, 0.0
    for i, j in combinations(range(len(y)), 2):
        if set(np.flatnonzero(table[i] == table[j])) == set(shared):
            above += y[i] * y[j]
            below += (y[i] ** 2 + y[j] ** 2) / 2
    return above / below if below else np.nan


@pytest.mark.parametrize("make", [saltelli, round_robin])
def test_the_group_sums_equal_the_loop_over_pairs(make):
    rng = np.random.default_rng(0)
    table = make(6, 3)
    table = table[rng.random(len(table)) < 0.9]  # lost runs
    scores = planted(rng, table, ADDITIVE, 0.2) + 1e6
    result = attribute(table * 17, scores, "abc")
    for j, share in enumerate(result.sources):
        others = [i for i in range(3) if i != j]
        assert share.first.value == pytest.approx(brute_rho(table, scores, [j]))
        total = 1 - brute_rho(table, scores, others)
        assert share.total.value == pytest.approx(total)
    repeats = 1 - brute_rho(table, scores, [0, 1, 2])
    assert result.nondeterminism.value == pytest.approx(repeats, nan_ok=True)


def test_the_interval_deletes_blocks_on_fishers_z():
    rng = np.random.default_rng(1)
    table = saltelli(8, 3)
    scores = planted(rng, table, ADDITIVE)
    index = attribute(table, scores, "abc").sources[0].first
    z = []
    for block in range(8):
        keep = np.arange(len(table)) // 5 != block
        z.append(np.arctanh(brute_rho(table[keep], scores[keep], [0])))
    half = 2.364624 * np.sqrt(7 / 8 * np.sum((z - np.mean(z)) ** 2))
    ends = np.tanh(np.arctanh(index.value) + np.array([-half, half]))
    np.testing.assert_allclose([index.low, index.high], ends, rtol=1e-5)


def test_blocks_are_found_in_the_table_itself():
    table = saltelli(5, 3)[::-1]
    block = independent_blocks(table)
    assert block.max() == 4
    assert all(np.ptp(part) == 0 for part in block.reshape(5, 5))
    linked = table.copy()
    linked[0, 0] = linked[-1, 0]  # one shared seed makes two blocks one
    assert independent_blocks(linked).max() == 3


def test_shift_scale_and_order_change_nothing():
    rng = np.random.default_rng(2)
    table = round_robin(10, 3)
    scores = planted(rng, table, CHAOS, 0.1)
    turn = rng.permutation(len(table))
    first = attribute(table, scores, "abc")
    for moved in (scores * 1e-150, scores + 1e4, scores * -5):
        second = attribute(table[turn], moved[turn], "abc")
        for one, other in zip(first.sources, second.sources, strict=True):
            assert other.total.value == pytest.approx(one.total.value, rel=1e-8)
            assert other.first.low == pytest.approx(one.first.low, rel=1e-7)


def test_a_source_without_effect_has_a_total_of_zero_and_says_so():
    rng = np.random.default_rng(3)
    table = round_robin(10, 3)
    result = attribute(table, planted(rng, table, {(0,): 1.0, (1,): 1.0}), "abc")
    total = result.sources[2].total
    assert (total.value, total.low) == (0, 0)
    assert 0 < total.high < 0.1  # rule of three on the pairs
    assert result.nondeterminism.value == 0
    assert result.approximate


def test_in_chaos_each_source_alone_moves_nearly_everything():
    rng = np.random.default_rng(4)
    table = round_robin(60, 3)
    result = attribute(table, planted(rng, table, {(0, 1, 2): 1.0}), "abc")
    assert all(share.total.value > 0.8 for share in result.sources)
    assert all(abs(share.first.value) < 0.2 for share in result.sources)
    assert sum(share.total.value for share in result.sources) > 2.5


def test_a_fixed_column_is_named_and_warned_of():
    rng = np.random.default_rng(5)
    table = np.hstack([saltelli(12, 2), np.full((48, 1), 7)])
    result = attribute(table, planted(rng, table[:, :2], {(0,): 1.0}), "abc")
    assert [share.source for share in result.sources] == ["a", "b"]
    assert result.fixed == ("c",)
    assert "one background" in result.warning


def test_several_backgrounds_give_the_total_of_the_varied_source():
    rng = np.random.default_rng(6)
    background = np.repeat(np.arange(40), 6)
    table = np.stack([np.arange(240), background], axis=1)
    scores = planted(rng, table, {(0,): 0.6, (1,): 0.8})
    result = attribute(table, scores, ["init", "rest"])
    assert result.blocks == 40
    assert result.sources[0].total.low < 0.36 < result.sources[0].total.high
    assert np.isnan(result.sources[0].first.value)  # no two runs share only init
    assert result.sources[0].first.pairs == 0


def test_a_crossed_table_has_no_independent_blocks():
    rng = np.random.default_rng(7)
    table = np.array([(a, b) for a in range(6) for b in range(6)])
    result = attribute(table, planted(rng, table, {(0,): 1.0, (1,): 0.5}), "ab")
    assert result.blocks == 1
    assert np.isnan(result.sources[0].total.low)
    assert "variance components" in result.warning


def test_what_cannot_be_attributed_is_refused():
    table = saltelli(4, 3)
    with pytest.raises(ValueError, match="all scores are equal"):
        attribute(table, np.ones(20), "abc")
    with pytest.raises(ValueError, match="no source varies"):
        attribute(np.zeros((20, 3), int), np.arange(20.0), "abc")
    with pytest.raises(ValueError, match="seed for each of 20 runs and 2 sources"):
        attribute(table, np.arange(20.0), "ab")
    with pytest.raises(ValueError, match="diverged"):
        attribute(table, np.r_[np.nan, np.arange(19.0)], "abc")
    with pytest.raises(ValueError, match="seeds are integers"):
        attribute(table * 0.5, np.arange(20.0), "abc")


def test_product_of_seeds_has_its_analytic_indices():
    # Y = prod(1 + s_j z_j): S_j = s_j^2 / V, T_j = s_j^2 prod_{l != j}(1 + s_l^2) / V
    rng = np.random.default_rng(8)
    s = np.array([0.8, 0.5, 0.3])
    table = saltelli(4000, 3)
    z = np.stack([rng.normal(size=8000)[column] for column in table.T], axis=1)
    variance = np.prod(1 + s**2) - 1
    result = attribute(table, np.prod(1 + s * z, axis=1), "abc")
    for j, share in enumerate(result.sources):
        first = s[j] ** 2 / variance
        assert share.first.value == pytest.approx(first, abs=0.05)
        total = first * np.prod(np.delete(1 + s**2, j))
        assert share.total.value == pytest.approx(total, abs=0.05)


@pytest.mark.long
@pytest.mark.parametrize("planted_sds", [ADDITIVE, CHAOS], ids=["additive", "chaos"])
@pytest.mark.parametrize(("make", "blocks"), [(saltelli, 50), (round_robin, 10)])
def test_the_intervals_cover(make, blocks, planted_sds):
    rng = np.random.default_rng(blocks)
    table = make(blocks, 3)
    first, total, noise = indices(planted_sds, 3, 0.2)
    hits, repeats = [], []
    # one nondeterminism a table, six indices: its share of hits needs more tables
    for _ in range(500 if make is round_robin else 150):
        result = attribute(table, planted(rng, table, planted_sds, 0.2), "abc")
        assert not result.approximate
        for share, s, t in zip(result.sources, first, total, strict=True):
            hits.append(share.first.low <= s <= share.first.high)
            hits.append(share.total.low <= t <= share.total.high)
        repeats.append(result.nondeterminism.low <= noise <= result.nondeterminism.high)
    assert 0.92 <= np.mean(hits) <= 0.98
    if make is round_robin:
        assert 0.92 <= np.mean(repeats) <= 0.98
