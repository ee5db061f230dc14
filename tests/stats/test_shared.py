"""Runs that share seeds: known answers, and coverage that independence would miss."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from seedscope.stats.compare import compare
from seedscope.stats.components import moment_components
from seedscope.stats.share import variance_share
from seedscope.stats.shared import BLOCKS, COMPONENTS, share_seeds, shared_mean
from seedscope.stats.spread import spread

from .tables import planted, round_robin, saltelli

REFERENCE = Path(__file__).parent.parent / "reference"
ANSWERS = json.loads((REFERENCE / "answers.json").read_text())["R"]
# Variances .4 .2 .1 of three sources, .1 of two together, .1 of all, .1 of nothing.
ADDITIVE = {(0,): 0.4**0.5, (1,): 0.2**0.5, (2,): 0.1**0.5, (0, 1): 0.1**0.5}
CHAOTIC = {(0,): 0.02**0.5, (1,): 0.02**0.5, (2,): 0.1, (0, 1): 0.05**0.5}
SCENARIOS = {"additive": (ADDITIVE, 0.2**0.5), "chaotic": (CHAOTIC, 0.9**0.5)}


def grid(*counts, repeats=1):
    axes = np.meshgrid(*map(np.arange, counts), indexing="ij")
    return np.repeat(np.stack([a.ravel() for a in axes], axis=1), repeats, axis=0)


def reference(name, score, *sources):
    with (REFERENCE / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = np.stack(
        [np.unique([r[s] for r in rows], return_inverse=True)[1] for s in sources], 1
    )
    return table, np.array([float(r[score]) for r in rows])


def test_the_error_of_a_crossed_tables_mean_is_that_of_the_components():
    # lme4's .5967 is REML with one component cut off at 0; moments keep its sign.
    table, scores = reference("crossed3", "acc", "split", "init", "order")
    known = ANSWERS["crossed3"]["balanced"]["mom"]
    levels = {"split": 4, "init": 5, "order": 5}
    cells = {
        name: np.prod([levels[s] for s in name.split(":")])
        for name in known
        if name != "Residual"
    }
    cells["Residual"] = scores.size
    expected = sum(known[name] / cells[name] for name in known)
    found = shared_mean(table, scores)
    assert found.method == COMPONENTS
    assert found.error**2 == pytest.approx(expected, rel=1e-9)
    assert found.error == pytest.approx(
        ANSWERS["crossed3"]["balanced"]["mean_se"], rel=0.02
    )
    assert found.variance == pytest.approx(sum(known.values()), rel=1e-9)


def test_the_error_of_the_dyestuffs_mean_is_lme4s_with_its_degrees_of_freedom():
    # One-way and balanced: the jackknife over batches is the exact t of batch means.
    table, scores = reference("dyestuff", "Yield", "Batch")
    found = shared_mean(table, scores)
    assert (found.method, found.blocks, found.dof) == (BLOCKS, 6, 5)
    assert found.error == pytest.approx(ANSWERS["dyestuff"]["mean_se"], rel=1e-6)
    assert found.variance == pytest.approx(1764.05 + 2451.25)


def test_penicillin_has_lme4s_standard_error():
    table, scores = reference("penicillin", "diameter", "plate", "sample")
    found = shared_mean(table, scores)
    assert found.mean == pytest.approx(22.9722, abs=1e-4)
    assert found.error == pytest.approx(0.808573, abs=1e-5)
    assert found.variance == pytest.approx(0.716908 + 3.73092 + 0.302415, abs=1e-4)
    ends = spread(scores, seeds=table)
    # lme4's profile interval; six samples decide, so the t interval is as wide.
    assert (ends.mean_low, ends.mean_high) == pytest.approx((21.27, 24.68), abs=0.4)


def test_it_is_the_sum_of_the_moments_for_any_balanced_table():
    rng = np.random.default_rng(0)
    table = grid(4, 5, 6)
    scores = planted(rng, table, ADDITIVE, 0.3)
    parts = moment_components(table, scores, ["a", "b", "c"], rng).components
    assert shared_mean(table, scores).variance == pytest.approx(
        sum(part.variance for part in parts)
    )


def test_independent_runs_and_scores_that_do_not_vary_have_defined_answers():
    assert not share_seeds(np.arange(8).reshape(4, 2))
    assert not share_seeds(np.zeros((4, 2), int))  # a seed that all have is a setting
    assert share_seeds(np.array([[0, 1], [0, 2], [1, 3]]))
    with pytest.raises(ValueError, match="table of seeds"):
        shared_mean(np.arange(4)[:, None], np.arange(4.0))
    still = shared_mean(grid(3, 3), np.full(9, 0.5))
    assert (still.mean, still.error, still.variance) == (0.5, 0, 0)
    # Every two runs share a seed: what all have in common cannot be seen.
    hub = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert shared_mean(hub, np.arange(4.0)).approximate


def test_order_scale_and_offset_of_the_runs_change_nothing():
    rng = np.random.default_rng(1)
    table = grid(5, 5)
    scores = planted(rng, table, {(0,): 1.0}, 0.5)
    one, order = shared_mean(table, scores), rng.permutation(25)
    for moved, scale in (
        (shared_mean(table[order], scores[order]), 1),
        (shared_mean(table, 1e-150 * scores), 1e-150),
        (shared_mean(table, 1e6 + scores), 1),
    ):
        assert moved.error == pytest.approx(scale * one.error, rel=1e-8)
        assert moved.dof == pytest.approx(one.dof, rel=1e-6)


def coverage(rng, table, scenario, times):
    sds, noise = SCENARIOS[scenario]
    sds = {u: sd for u, sd in sds.items() if max(u) < table.shape[1]}
    truth = np.sqrt(sum(sd**2 for sd in sds.values()) + noise**2)
    hits = []
    for _ in range(times):
        s = spread(planted(rng, table, sds, noise), seeds=table)
        hits.append((s.mean_low < 0 < s.mean_high, s.sd_low < truth < s.sd_high))
    return np.mean(hits, axis=0)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(
    ("table", "times"),
    [(saltelli(10, 3), 400), (round_robin(10, 3), 250), (grid(5, 5), 250)],
    ids=["blocks", "stars", "crossed"],
)
def test_mean_and_sd_of_shared_seeds_are_covered(table, times, scenario):
    # As if independent: .82/.91, .60/.80 and .5/.6 with the additive scenario.
    found = coverage(np.random.default_rng(2), table, scenario, times)
    assert (found > 0.9).all()  # nominal .95, 3.5 standard errors below


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_mean_and_sd_of_a_crossed_cube_are_covered_with_runs_lost_too(scenario):
    rng = np.random.default_rng(3)
    whole = grid(5, 5, 5)
    lost = whole[np.sort(rng.permutation(125)[:117])]
    for table in (whole, lost):
        assert (coverage(rng, table, scenario, 200) > 0.9).all()


@pytest.mark.parametrize("same_seeds", [True, False])
@pytest.mark.parametrize("design", ["blocks", "crossed"])
def test_arms_that_do_not_differ_are_rarely_called_different(design, same_seeds):
    rng = np.random.default_rng(4)
    table = {"blocks": saltelli(10, 3), "crossed": grid(6, 6)}[design]
    other = table if same_seeds else table + 1000
    sds = {(0,): 0.6**0.5, (1,): 0.2**0.5}
    rejected = []
    for _ in range(200):
        if same_seeds:  # the sources act alike in both arms
            common = planted(rng, table, sds)
            a, b = (common + 0.4 * rng.normal(size=len(table)) for _ in "ab")
        else:
            a, b = (planted(rng, table, sds, 0.4) for _ in "ab")
        result = compare(a, b, rng, paired=same_seeds, seeds=(table, other))
        half = result.superiority.interval
        rejected.append((result.difference.p < 0.05, not half.contains(0.5)))
    assert (np.mean(rejected, axis=0) <= 0.1).all()  # 5 %, 3 standard errors above


def test_the_probability_to_be_better_is_covered_with_shared_seeds():
    rng, hits = np.random.default_rng(5), []
    table = saltelli(10, 3)
    truth = stats.norm.cdf(1 / np.sqrt(2))
    sds, noise = SCENARIOS["additive"]
    for _ in range(200):
        a, b = 1 + planted(rng, table, sds, noise), planted(rng, table, sds, noise)
        found = compare(a, b, rng, seeds=(table, table + 1000)).superiority
        hits.append(found.interval.contains(truth))
    assert 0.9 <= np.mean(hits) <= 0.99


def test_a_ratio_of_spreads_knows_of_shared_seeds():
    rng, hits = np.random.default_rng(6), []
    table = saltelli(10, 3)
    sds, noise = SCENARIOS["additive"]
    for _ in range(200):
        a, b = (planted(rng, table, sds, noise) for _ in "ab")
        found = variance_share(a, b, seeds=(table, table))
        hits.append((found.low <= 1 <= found.high, found.p >= 0.05))
    assert (np.mean(hits, axis=0) > 0.9).all()
    assert np.mean(hits, axis=0)[0] == np.mean(hits, axis=0)[1]
