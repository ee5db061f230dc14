"""Variance components against lme4 and hand-made tables; coverage of the pivots."""

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from seedscope.stats.components import (
    _in_turn,
    _moment_weights,
    anova_table,
    moment_components,
    reml_components,
)
from stats.tables import indices, planted

REFERENCE = Path(__file__).parent.parent / "reference"
ANSWERS = json.loads((REFERENCE / "answers.json").read_text())
R = ANSWERS["R"]
SOURCES = ("split", "init", "order")
PAIRS = (("split", "init"), ("split", "order"), ("init", "order"), SOURCES)


def read(name, keys, value):
    with (REFERENCE / name).open() as file:
        rows = list(csv.DictReader(file))
    codes = [[row[key] for row in rows] for key in keys]
    table = np.stack([np.unique(c, return_inverse=True)[1] for c in codes], axis=1)
    kept = np.array([row.get("kept", "1") == "1" for row in rows])
    return table, np.array([float(row[value]) for row in rows]), kept


def r_name(component):
    return "Residual" if component.name == "residual" else component.name


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_balanced_anova_and_its_moments_match_r(rng):
    table, scores, _ = read("crossed3.csv", SOURCES, "acc")
    known = R["crossed3"]["balanced"]
    for row in anova_table(table, scores, SOURCES):
        name = "Residuals" if row.name == "residual" else row.name
        assert row.dof == known["anova"][name]["df"]
        assert row.squares == pytest.approx(known["anova"][name]["ss"], rel=1e-9)
    result = moment_components(table, scores, SOURCES, rng)
    for component in result.components:
        assert component.variance == pytest.approx(
            known["mom"][r_name(component)], rel=1e-9
        )
    assert result.variance("order") < 0  # shown, not cut off
    assert result.repeated


@pytest.mark.parametrize("name", ["dyestuff", "dyestuff2"])
def test_one_way_moments_and_reml_match_lme4(name, rng):
    table, scores, _ = read(f"{name}.csv", ["Batch"], "Yield")
    moments = moment_components(table, scores, ["Batch"], rng)
    reml = reml_components(table, scores, ["Batch"])
    for component in moments.components:
        assert component.variance == pytest.approx(R[name]["mom"][r_name(component)])
    for component in reml.components:
        assert component.variance == pytest.approx(
            R[name]["reml"][r_name(component)], rel=1e-6, abs=1e-6
        )
    assert reml.mean == pytest.approx(R[name]["mean"])


@pytest.mark.parametrize("which", ["balanced", "unbalanced_kept"])
def test_crossed_reml_matches_lme4(which):
    table, scores, kept = read("crossed3.csv", SOURCES, "acc")
    rows = kept if which == "unbalanced_kept" else np.full(kept.size, True)
    result = reml_components(table[rows], scores[rows], SOURCES, PAIRS)
    for component in result.components:
        known = R["crossed3"][which]["reml"][r_name(component)]
        # two optimizers agree to this on a likelihood as flat as that
        assert component.variance == pytest.approx(known, rel=2e-5, abs=1e-5)
    assert result.variance("order") == pytest.approx(0, abs=1e-8)
    assert result.mean == pytest.approx(R["crossed3"][which]["mean"], abs=1e-4)


def test_a_two_way_table_without_repeats_matches_lme4(rng):
    table, scores, _ = read("shrout_fleiss.csv", ["target", "judge"], "score")
    known = R["shrout_fleiss"]["reml"]
    for result in (
        moment_components(table, scores, ["target", "judge"], rng),
        reml_components(table, scores, ["target", "judge"]),
    ):
        assert not result.repeated
        for component in result.components:
            assert component.variance == pytest.approx(
                known[r_name(component)], rel=1e-6
            )


@pytest.mark.parametrize("name", ["AtmWtAg", "SmLs01", "SmLs04"])
def test_nist_certified_mean_squares(name, rng):
    table, scores, _ = read(f"nist_anova/{name}.csv", ["group"], "y")
    known = ANSWERS["python"]["nist_anova"][name]
    between, within = anova_table(table, scores, ["group"])
    assert (between.dof, within.dof) == (known["df_between"], known["df_within"])
    assert between.squares / between.dof == pytest.approx(known["ms_between"], rel=1e-6)
    assert within.squares / within.dof == pytest.approx(known["ms_within"], rel=1e-6)
    component = moment_components(table, scores, ["group"], rng).components[0]
    assert component.variance == pytest.approx(known["mom_between_component"], rel=1e-6)


def test_shares_follow_from_the_components(rng):
    table, scores, _ = read("crossed3.csv", SOURCES, "acc")
    result = moment_components(table, scores, SOURCES, rng)
    whole = sum(c.variance for c in result.components)
    share = result.shares[1]
    assert share.source == "init"
    assert share.first == pytest.approx(result.variance("init") / whole)
    named = ("init", "split:init", "init:order", "split:init:order", "residual")
    total = sum(result.variance(name) for name in named) / whole
    assert share.total == pytest.approx(total)


def test_scale_shift_and_names_of_levels_change_nothing(rng):
    table, scores, _ = read("crossed3.csv", SOURCES, "acc")
    one = moment_components(table, scores, SOURCES, np.random.default_rng(1))
    two = moment_components(
        5 - table, scores * 1e-80, SOURCES, np.random.default_rng(1)
    )
    for a, b in zip(one.components, two.components, strict=True):
        assert b.variance == pytest.approx(a.variance * 1e-160, rel=1e-9)
        assert b.high == pytest.approx(a.high * 1e-160, rel=1e-9)


def test_tables_that_do_not_fit_are_refused(rng):
    table, scores, kept = read("crossed3.csv", SOURCES, "acc")
    with pytest.raises(ValueError, match="use reml_components"):
        anova_table(table[kept], scores[kept], SOURCES)
    with pytest.raises(ValueError, match="two or more levels"):
        moment_components(table * [1, 1, 0], scores, SOURCES, rng)
    with pytest.raises(ValueError, match="has one level"):
        reml_components(table * [1, 1, 0], scores, SOURCES)
    with pytest.raises(ValueError, match="unknown source"):
        reml_components(table, scores, SOURCES, [("split", "other")])
    unique = np.arange(200)[:, None]
    with pytest.raises(ValueError, match="it is the residual"):
        reml_components(np.hstack([table, unique]), scores, (*SOURCES, "new"))
    with pytest.raises(ValueError, match="all scores are equal"):
        reml_components(table, np.ones(200), SOURCES)


def test_reml_recovers_planted_components_of_an_unbalanced_table():
    rng = np.random.default_rng(2)
    table = np.array(list(product(range(12), range(12))))
    table = table[rng.random(144) < 0.8]
    found = [
        [c.variance for c in reml_components(table, y, "ab").components]
        for y in (planted(rng, table, {(0,): 1.0, (1,): 0.5}, 0.5) for _ in range(15))
    ]
    error = np.std(found, axis=0) / np.sqrt(15)
    np.testing.assert_array_less(
        abs(np.mean(found, axis=0) - [1, 0.25, 0.25]), 4 * error
    )


@pytest.mark.long
@pytest.mark.parametrize(
    "sds",
    [{(0,): 0.8, (1,): 0.3, (0, 1): 0.4}, {(0,): 1.0, (1,): 1.0}, {(0, 1): 1.0}],
    ids=["mixed", "additive", "interaction"],
)
def test_component_and_share_intervals_cover(sds, monkeypatch):
    monkeypatch.setattr("seedscope.stats.components.DRAWS", 2000)
    rng = np.random.default_rng(3)
    table = np.array([c for c in product(range(8), range(8)) for _ in range(2)])
    truth = [sds.get(u, 0) ** 2 for u in [(0,), (1,), (0, 1)]] + [0.04]
    first, total, _ = indices(sds, 2, 0.2)
    hits, shares = [], []
    for _ in range(200):
        result = moment_components(table, planted(rng, table, sds, 0.2), "ab", rng)
        assert not result.approximate
        hits += [
            c.low <= v <= c.high for c, v in zip(result.components, truth, strict=True)
        ]
        for share, s, t in zip(result.shares, first, total, strict=True):
            shares += [
                share.first_interval.contains(s),
                share.total_interval.contains(t),
            ]
    assert 0.92 <= np.mean(hits) <= 0.98
    assert 0.92 <= np.mean(shares) <= 0.98


def test_a_table_that_lost_no_run_gives_the_moments_of_its_analysis_of_variance():
    table = np.stack([g.ravel() for g in np.meshgrid(*[np.arange(4)] * 3)], axis=1)
    table = np.repeat(table, 2, axis=0)
    scores = 1e6 + np.random.default_rng(0).normal(size=128) + table @ [1, 0.5, 0]
    whole = anova_table(table, scores, "abc")
    counts = dict.fromkeys("abc", 4)
    rows, weights = _in_turn(table, scores - scores[0], "abc")
    assert [(r.name, r.dof) for r in rows] == [(r.name, r.dof) for r in whole]
    assert [r.squares for r in rows] == pytest.approx([r.squares for r in whole])
    np.testing.assert_allclose(weights, _moment_weights(whole, counts, 2), atol=1e-12)


def test_a_lost_run_costs_no_share_its_interval():
    rng = np.random.default_rng(2)
    table = np.stack([g.ravel() for g in np.meshgrid(*[np.arange(5)] * 3)], axis=1)
    kept = rng.permutation(125)[:115]
    found = []
    for _ in range(60):
        scores = rng.normal(size=5)[table[:, 0]] + rng.normal(size=125)
        share = moment_components(table[kept], scores[kept], "abc", rng).shares[0]
        found.append(
            (share.first_interval.contains(0.5), share.total_interval.contains(1.0))
        )
    covered = np.mean(found, axis=0)
    assert (covered >= 0.88).all()


def test_an_effect_that_a_table_cannot_show_has_no_moments():
    star = np.array([[0, 0], [1, 0], [2, 0], [0, 1], [0, 2]])
    with pytest.raises(ValueError, match="no degree of freedom"):
        moment_components(star, np.arange(5.0) ** 2, "ab", np.random.default_rng(0))
