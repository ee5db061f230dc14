"""Many runs and many arms: answered, and in a few lines; and scores of any size."""

import io
import re

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from seedscope.analysis import gate, many
from seedscope.analysis.compare import compare
from seedscope.analysis.two_groups import compare_groups
from seedscope.report import answer, terminal
from seedscope.report import many as report
from seedscope.runs import condition
from seedscope.runs.files import Keys, read_table
from seedscope.runs.table import Runs
from seedscope.stats import bootstrap


def runs_of(scores, arms, **columns):
    table = pl.DataFrame({"acc": scores, "arm": arms, **columns})
    table = table.with_columns(
        run_id=pl.int_range(pl.len()).cast(pl.String),
        replicate=pl.int_range(pl.len()),
        block=pl.lit(0),
        diverged=pl.lit(False),
        vary=pl.lit("unknown"),
    )
    return Runs("made", table, ("acc",))


def printed(found):
    console = Console(file=io.StringIO(), width=400)
    report.show(found, console)
    terminal.show_answer(answer.of_many(found), console)
    return console.file.getvalue()


def test_ten_thousand_groups_are_summed_up(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        "group,acc",
        *(f"g{n % 10_000},{v:.4f}" for n, v in enumerate(rng.random(30_000))),
    ]
    path = tmp_path / "many.csv"
    path.write_text("\n".join(rows))
    runs = read_table(Keys(path, groups=("group",)))
    assert many.too_many(runs)
    found = many.summarize(runs, (), 0.95)
    text = printed(found)
    assert len(text.splitlines()) < 40
    assert "10,000 arms of 30,000 runs" in text
    assert re.search(r"The means are not shown to differ: F\(9999, 20000\)", text)
    report.write(found, tmp_path / "out")
    table = pl.read_csv(tmp_path / "out/tables/statistics.csv")
    one = pl.read_csv(path).filter(pl.col("group") == "g17")["acc"]
    row = table.filter(pl.col("arm") == "group:g17").row(0, named=True)
    assert row["mean"] == pytest.approx(one.mean())
    assert row["sd"] == pytest.approx(one.std())


def test_a_gate_of_ten_thousand_arms_looks_at_those_it_names():
    scores, arms = np.arange(20_000) % 7 / 7, np.repeat(np.arange(10_000), 2)
    runs = runs_of(scores, [f"model:{arm}" for arm in arms])
    for text, named in (
        ("difference(acc, model:17, model:9999) > 5", ["model:17", "model:9999"]),
        ("mean(acc, model:8) < -9", ["model:8"]),
        ("diverged(model:8) > 0", ["model:8"]),
    ):
        asked, few = gate.narrowed(condition.parse(text), runs)
        assert list(few.arms()) == named
        assert gate.judge(asked, compare(few, (), 0.95)).outcome == gate.HOLDS
    with pytest.raises(ValueError, match=r"no arm 'x'.* and 9,970 more"):
        gate.narrowed(condition.parse("sd(acc, x) > 1"), runs)


def test_numbers_of_many_arms_are_those_of_few():
    rng = np.random.default_rng(1)
    names = [f"a{n % 5}" for n in range(40)]
    runs = runs_of(rng.normal(size=40), names)
    table = many.summarize(runs, (), 0.95).table
    for arm in compare(runs, (), 0.95).arms:
        row = table.filter(pl.col("arm") == arm.name).row(0, named=True)
        spread = arm.spreads["acc"]
        assert row["mean"] == pytest.approx(spread.mean)
        assert row["sd"] == pytest.approx(spread.sd)
        assert row["sd_low"] == pytest.approx(spread.sd_low)


def test_arms_that_differ_are_said_to():
    rng = np.random.default_rng(2)
    arms = np.arange(400) % 80
    scores = rng.normal(size=400) * np.where(arms < 40, 1, 4) + 9 * (arms == 7)
    text = printed(many.summarize(runs_of(scores, [f"a{n}" for n in arms]), (), 0.95))
    assert "The means differ" in text
    assert "The spreads differ" in text


def test_a_million_runs_are_compared():
    scores = np.random.default_rng(3).normal(size=1_000_000)
    (arm,) = compare(runs_of(scores, ["all"] * 1_000_000), (), 0.95).arms
    spread = arm.spreads["acc"]
    assert spread.sd_low < 1 < spread.sd_high
    assert spread.sd_high - spread.sd_low < 0.01


def test_the_jackknife_takes_the_runs_a_part_at_a_time(monkeypatch):
    scores = np.random.default_rng(4).normal(size=90)
    whole = bootstrap.left_out(scores, lambda s: s.std(axis=1, ddof=1))
    monkeypatch.setattr(bootstrap, "_CELLS", 1000)
    parts = bootstrap.left_out(scores, lambda s: s.std(axis=1, ddof=1))
    np.testing.assert_array_equal(whole, parts)
    assert parts[3] == pytest.approx(np.delete(scores, 3).std(ddof=1))


@pytest.mark.parametrize("scale", [1e300, 1e-300])
@pytest.mark.parametrize("paired", [True, False])
def test_scores_without_a_square_are_compared_like_others(scale, paired):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=30), rng.normal(size=30) + 1
    seeds = {"seed.init": range(30)} if paired else {}

    def p(size):
        (found,) = compare_groups(
            runs_of(size * a, ["a"] * 30, **seeds),
            runs_of(size * b, ["b"] * 30, **seeds),
            (),
            0.95,
        )
        return found.verdict.difference.p

    assert p(scale) == pytest.approx(p(1.0), rel=1e-6)
    both = compare(runs_of(scale * np.r_[a, 2 * b], ["a"] * 30 + ["b"] * 30), (), 0.95)
    (test,) = both.spread_tests
    assert 0 < test.result.ratio.p < 1
    assert 0 < test.result.brown_forsythe.p < 1
