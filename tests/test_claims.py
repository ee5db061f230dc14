"""Verdicts follow the data: planted answers in each direction."""

from dataclasses import asdict
from functools import cache

import numpy as np
import polars as pl
import pytest
import yaml
from composing import ROOT, read

from seedscope.claims import statistics
from seedscope.claims.claim import Case, Claim, read_claims
from seedscope.claims.judge import judge, missing_studies
from seedscope.claims.statistics import Estimate
from seedscope.claims.verdict import (
    CONFIRMED,
    DEPENDS,
    OPEN,
    REFUTED,
    conclude,
    decide,
    decided,
)
from seedscope.report import claims as report
from seedscope.runs.table import Runs


def case(**keys):
    whole = {
        "study": "planted",
        "measure": "test/accuracy",
        "statistic": "sd_ratio",
        "a": "a",
        "b": "b",
        "expects": "below",
        "margin": 1.25,
    }
    return Case(**(whole | keys))


def planted(a, b, column="test/accuracy"):
    """Return a study of two arms with these values."""
    values = np.concatenate([a, b])
    arms = ["a"] * len(a) + ["b"] * len(b)
    count = [*range(len(a)), *range(len(b))]
    table = pl.DataFrame(
        {
            "run_id": [str(i) for i in range(len(values))],
            "arm": arms,
            "block": 0,
            "replicate": count,
            "diverged": False,
            column: values,
        }
    )
    return Runs("planted-0", table, (column,))


def normal(sd, n=60, mean=0.0):
    """Return values whose mean and sd are exactly these."""
    draws = np.random.default_rng(3).standard_normal(n)
    return mean + sd * (draws - draws.mean()) / draws.std(ddof=1)


def verdict(runs, *cases):
    claim = Claim("X1", "planted", tuple(cases))
    return judge([claim], lambda _: runs, 0.95)[0].verdict


SPREADS = [
    (1.0, 4.0, "below", CONFIRMED),
    (4.0, 1.0, "below", REFUTED),
    (1.0, 1.0, "below", OPEN),  # 60 runs do not pin a ratio down to within 1.25
    (4.0, 1.0, "above", CONFIRMED),
    (1.0, 4.0, "above", REFUTED),
    (1.0, 4.0, "equal", REFUTED),
    (1.0, 4.0, "different", CONFIRMED),
]


@pytest.mark.parametrize(("a", "b", "expects", "expected"), SPREADS)
def test_a_verdict_on_spreads_follows_the_data(a, b, expects, expected):
    assert verdict(planted(normal(a), normal(b)), case(expects=expects)) == expected


@pytest.mark.parametrize(
    ("expects", "expected"),
    [("equal", CONFIRMED), ("different", REFUTED), ("above", REFUTED)],
)
def test_absence_is_shown_by_equivalence_within_the_margin(expects, expected):
    runs = planted(normal(1, 900), normal(1, 900)[::-1])
    assert verdict(runs, case(expects=expects)) == expected


def test_a_large_p_value_of_few_runs_shows_no_absence():
    few = planted(normal(1, 8), normal(1, 8) + 0.1)
    equal = case(statistic="mean_difference", expects="equal", margin=0.5)
    assert verdict(few, equal) == OPEN
    many = planted(normal(1, 800), normal(1, 800) + 0.1)
    assert verdict(many, equal) == CONFIRMED


MEANS = [(1.0, CONFIRMED), (-1.0, REFUTED), (0.0, REFUTED)]


@pytest.mark.parametrize(("shift", "expected"), MEANS)
def test_a_verdict_on_means_follows_the_data(shift, expected):
    runs = planted(normal(0.3, mean=shift), normal(0.3))
    above = case(statistic="mean_difference", expects="above", margin=0.5)
    assert verdict(runs, above) == expected


def test_repeats_are_refuted_by_one_counterexample_and_few_equal_ones_show_little():
    same = case(statistic="distinct", b=None, expects="equal", margin=0, measure="w")
    bits = [np.array(["x"] * 5), np.array(["x", "x", "x", "x", "y"]), np.array(["x"])]
    found = [verdict(planted(b, b[:0], "w"), same) for b in bits]
    assert found == [CONFIRMED, REFUTED, OPEN]


def test_a_claim_that_holds_here_and_fails_there_depends():
    runs = planted(normal(1.0), normal(4.0))
    here = case(condition="one way")
    there = case(a="b", b="a", condition="the other")
    claim = Claim("X1", "planted", (here, there))
    (found,) = judge([claim], lambda _: runs, 0.95)
    assert found.verdict == DEPENDS
    assert found.condition == "holds: one way. Does not: the other"
    assert found.condition in "\n".join(report.lines([found]))


def test_what_is_not_decided_says_how_many_runs_it_takes():
    edge = case(statistic="mean_difference", expects="above", margin=0.5)
    found = decided(edge, Estimate(1.0, 0.0, 2.0, runs=10), None)
    assert (found.verdict, found.runs_needed) == (OPEN, 40)  # half the width: 4 times
    on_it = decided(edge, Estimate(0.5, 0.0, 1.0, runs=10), None)
    assert on_it.runs_needed == 0
    assert found.worth_deciding
    assert not on_it.worth_deciding
    near = decided(edge, Estimate(0.501, 0.0, 1.0, runs=10), None)
    assert not near.worth_deciding
    claim = Claim("X1", "planted", (edge,))
    said = "\n".join(report.lines([conclude(claim, [near])]))
    assert "not worth deciding: the estimate lies so near to the edge" in said
    assert str(near.runs_needed) not in said


def test_the_planned_runs_really_decide():
    rng = np.random.default_rng(1)
    above = case(statistic="mean_difference", expects="above", margin=0.5)
    few = rng.normal(0.8, 1, 20), rng.normal(0, 1, 20)
    first = decided(above, statistics.mean_difference(*few, 0.95), None)
    assert first.verdict == OPEN
    n = 2 * max(first.runs_needed, 100)
    many = rng.normal(0.8, 1, n), rng.normal(0, 1, n)
    assert decide(above, statistics.mean_difference(*many, 0.95)) == CONFIRMED


def test_a_missing_study_names_itself_and_an_unknown_arm_says_what_there_is():
    claim = Claim("X1", "planted", (case(),))
    missing = judge([claim], lambda _: None, 0.95)
    assert missing_studies(missing) == ["planted"]
    runs = planted(normal(1), normal(1))
    (found,) = judge([Claim("X1", "s", (case(a="z"),))], lambda _: runs, 0.95)
    assert "no arm 'z'; it has a, b" in found.cases[0].reason


def test_means_of_several_runs_vary_less():
    runs = planted(normal(1.0, 400), normal(1.0, 80))
    single = judge([Claim("X", "s", (case(),))], lambda _: runs, 0.95)
    five = judge([Claim("X", "s", (case(average=5),))], lambda _: runs, 0.95)
    assert single[0].cases[0].verdict == REFUTED
    assert five[0].cases[0].verdict == CONFIRMED  # sd / sqrt(5)
    assert five[0].cases[0].estimate.runs == 80


def test_weights_lie_apart_relative_to_how_far_they_went():
    start, end = np.zeros(2), np.array([3.0, 4.0])
    a = np.stack([[start, end]] * 3)
    b = np.stack([[start, end + np.array([0, 1])]] * 3)
    assert statistics.apart(a, b, 0.95).value == pytest.approx(0.2)
    assert statistics.apart(a, a, 0.95).value == 0


ALL = read_claims(ROOT / "conf/claim", ["all"])


@cache
def arms_of(preset):
    return {arm.name for arm in read(f"study={preset}").arms}


def test_every_claim_names_a_preset_its_arms_and_a_condition():
    for claim in ALL:
        for one in claim.cases:
            assert {one.a, one.b} - {None} <= arms_of(one.study), claim.id
            assert one.condition or len(claim.cases) == 1, claim.id


def test_every_claim_of_the_articles_has_a_file():
    counts = {"A": 9, "B": 10, "C": 5, "D": 12, "E": 10}
    expected = [f"{a}{n}" for a, most in counts.items() for n in range(1, most + 1)]
    assert [claim.id for claim in ALL] == expected


WRONG = [
    ({"statistic": "guess"}, "statistic='guess' is unknown"),
    ({"expects": "yes"}, "expects='yes'"),
    ({"b": None}, "takes two arms, a and b"),
    ({"margin": "1e-6"}, "margin='1e-6' must be a number"),
    ({"margin": 0.5}, "margin=0.5 of a ratio must be above 1"),
    ({"verdict": "confirmed"}, "unknown key 'verdict'"),
]


@pytest.mark.parametrize(("keys", "message"), WRONG)
def test_a_wrong_claim_file_says_what_to_change(keys, message, tmp_path):
    content = {"id": "X1", "statement": "s", "cases": [asdict(case()) | keys]}
    (tmp_path / "X1.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=message):
        read_claims(tmp_path, ["all"])
