"""One-way analysis of variance against NIST's certified values and R's lme4."""

import json

import numpy as np
import polars as pl
import pytest
from composing import ROOT

from seedscope.stats.oneway import one_way

REFERENCE = ROOT / "tests" / "reference"


# F, and the two mean squares, as NIST certifies them; digits that float64 can keep.
@pytest.mark.parametrize(
    ("name", "f", "between", "within", "digits"),
    [
        ("SmLs01", 2.1e1, 1.68e0 / 8, 1e-2, 13),
        ("SmLs04", 2.1e1, 1.68e0 / 8, 1e-2, 8),
        ("AtmWtAg", 1.59467335677930e1, 3.63834187500000e-9, 2.28155932971014e-10, 4),
    ],
)
def test_certified_values_of_nist(name, f, between, within, digits):
    rows = pl.read_csv(REFERENCE / "nist_anova" / f"{name}.csv")
    found = one_way(rows["y"].to_numpy(), rows["group"].to_numpy())
    for value, wanted in [
        (found.f, f),
        (found.mean_square_between, between),
        (found.mean_square_within, within),
    ]:
        assert value == pytest.approx(wanted, rel=10.0**-digits)


@pytest.mark.parametrize("name", ["dyestuff", "dyestuff2"])
def test_components_of_published_tables(name):
    answers = json.loads((REFERENCE / "answers.json").read_text())["R"][name]
    rows = pl.read_csv(REFERENCE / f"{name}.csv")
    group, score = (rows[c] for c in rows.columns)
    if not score.dtype.is_numeric():
        group, score = score, group
    found = one_way(score.to_numpy(), group.to_numpy())
    assert found.between == pytest.approx(answers["mom"]["Batch"], rel=1e-9)
    assert found.within == pytest.approx(answers["mom"]["Residual"], rel=1e-9)
    assert (found.dof_between, found.dof_within) == (5, 24)
    if name == "dyestuff":
        assert found.mean_error == pytest.approx(answers["mean_se"], rel=1e-6)
    else:
        assert found.between < 0  # the sign is kept
        assert found.share < 0
        assert found.share_low == 0


def test_the_interval_of_the_share_covers_what_it_says():
    rng = np.random.default_rng(0)
    share, hit = 0.4, {True: 0, False: 0}
    sizes = {True: np.full(8, 5), False: np.array([2, 9, 3, 7, 5, 4, 8, 2])}
    for even, groups in sizes.items():
        code = np.repeat(np.arange(8), groups)
        for _ in range(600):
            effects = np.sqrt(share) * rng.normal(size=8)
            scores = effects[code] + np.sqrt(1 - share) * rng.normal(size=code.size)
            found = one_way(scores, code)
            hit[even] += found.share_low <= share <= found.share_high
            assert found.approximate is not even
    assert 0.92 < hit[True] / 600 < 0.98
    assert 0.91 < hit[False] / 600 < 0.98


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_scores_without_a_square_have_an_f(scale):
    scores = np.array([1.0, 2.0, 3.0, 5.0, 6.0, 7.0])
    group = np.array([0, 0, 0, 1, 1, 1])
    found = one_way(scale * scores, group)
    assert found.f == pytest.approx(one_way(scores, group).f)


def test_groups_that_cannot_be_compared_say_why():
    with pytest.raises(ValueError, match="4 runs in 4 groups"):
        one_way(np.arange(4.0), np.arange(4))
    with pytest.raises(ValueError, match="do not vary"):
        one_way(np.ones(4), np.array([0, 0, 1, 1]))
