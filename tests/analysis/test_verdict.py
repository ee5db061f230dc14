"""One verdict: the same words in the terminal, in Markdown, in the table, in Python."""

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from composing import ROOT
from rich.console import Console

from seedscope.analysis.compare import compare
from seedscope.analysis.two_groups import compare_groups
from seedscope.report import against, answer, paper, tables, terminal, verdict
from seedscope.runs.files import read_file
from seedscope.runs.table import Runs

CASES = ROOT / "tests" / "cases"


def case(name, scores, group, sources=()):
    runs = read_file(CASES / f"{name}.csv", scores, [group], list(sources))
    return list(runs.arms()), runs


def of_case(name, scores, group, sources=(), difference=None):
    (a, b), runs = case(name, scores, group, sources)
    return compare_groups(runs.arm(a), runs.arm(b), (), 0.95, difference)


def group(title, scores, score="test/accuracy", **columns):
    table = pl.DataFrame({score: scores, **columns}).with_columns(
        pl.lit(False).alias("diverged"), pl.lit(title).alias("arm")
    )
    return Runs(title, table.cast({score: pl.Float64}), (score,))


def everywhere(found):
    """Return what each place says."""
    console = Console(width=900, file=io.StringIO(), record=True)
    against.show([found], console)
    return console.export_text(), against.markdown([found])


def test_the_lower_of_two_is_the_better_one_on_the_screen(tmp_path, ask, capsys):
    text = (CASES / "lower_is_better.csv").read_text()
    (tmp_path / "runs.csv").write_text(text.replace("nll", "zeta"))
    asked = {"table": str(tmp_path / "runs.csv"), "groups": ["model"]}
    for score, better in (("wer", None), ("zeta", "lower")):
        ask(**asked, score=[score], better=better, a="model:bad", b="model:good")
        said = " ".join(capsys.readouterr().out.split())
        assert f"{score}: model:good is better than model:bad by" in said
        assert "lower is better" in said
        assert "bad is better" not in said
    ask(**asked, score=["zeta"], a="model:bad", b="model:good")
    said = " ".join(capsys.readouterr().out.split())
    assert "zeta: model:bad is higher than model:good" in said
    assert "better=lower says it" in said


def test_rows_with_equal_seeds_give_one_verdict_from_the_paired_comparison():
    (found,) = of_case("paired_by_seed", ["accuracy"], "model", ["seed"])
    assert found.verdict.word == "better"
    assert found.verdict.difference == found.result.paired.difference
    sentence = "model:C+M is better than model:C by ≈0.86 pp [0.70, 1.02] (p < 0.001"
    for text in everywhere(found):
        assert sentence in text
        assert "chance alone" not in text
        assert "undecided" not in text
    row = against.frame([found]).row(0, named=True)
    assert (row["verdict"], row["favours"]) == ("better", "model:C+M")
    assert row["difference"] == found.result.paired.difference.value
    assert row["p"] == found.result.paired.difference.p


def test_collapsed_runs_turn_mean_and_single_runs_apart_and_nothing_is_recommended():
    (found,) = of_case("collapsed_runs", ["accuracy"], "method")
    assert found.verdict.apart
    assert found.verdict.favours is None
    for text in everywhere(found):
        assert "is better than" not in text
        assert "method:deep - method:shallow is ≈-7 pp" in text
        assert "A single run of method:deep beats a single run of method:shallow" in (
            text
        )
        assert "nothing is recommended" in text
    assert against.frame([found])["favours"].to_list() == [None]


def test_collapsed_runs_are_named_before_any_mean():
    _, runs = case("collapsed_runs", ["accuracy"], "method", ["seed"])
    console = Console(width=300, file=io.StringIO(), record=True)
    terminal.show(compare(runs, [], 0.95), console)
    text = console.export_text()
    told = "method:deep, accuracy: 5 of 20 runs lie apart at 50 %, the others around"
    assert told in text
    assert "(seed 0, seed 1, seed 2, seed 3, seed 4)" in text
    assert text.index(told) < text.index("mean")
    assert "method:shallow, accuracy:" not in text
    found = of_case("collapsed_runs", ["accuracy"], "method", ["seed"])[0]
    assert told in answer.of_groups(found).cautions[0]


def test_a_against_b_says_what_was_compared_and_where_the_two_were_not_alike():
    rng = np.random.default_rng(1)
    a, b = (
        replace(
            group(name, rng.normal(size=9), "f1"),
            context={"model": name, "epochs": "3"},
            command="seedscope compare a=x b=y",
        )
        for name in ("x", "y")
    )
    (found,) = compare_groups(a, b, (), 0.95)
    told = "model x and y · epochs 3 · runs 9 and 9 · seedscope compare a=x b=y"
    for text in everywhere(found):
        assert told in text


def test_means_that_differ_clearly_recommend_nothing_where_single_runs_disagree():
    rng = np.random.default_rng(1)
    a = np.r_[np.full(13, 10.0), np.full(27, 0.0)] + 0.01 * rng.normal(size=40)
    b = np.full(40, 0.5) + 0.01 * rng.normal(size=40)
    (found,) = compare_groups(group("a", a, "f1"), group("b", b, "f1"), (), 0.95)
    assert found.verdict.difference.p < 0.05
    assert found.verdict.superiority.value < 0.5
    assert (found.verdict.word, found.verdict.favours) == ("undecided", None)


def test_two_runs_each_never_show_a_0_that_is_not_0():
    (a, b), runs = case("two_runs", ["accuracy"], "env")
    first = tables.rows(compare(runs, [], 0.95), "accuracy")[0]
    assert first.sd.startswith("≈0.5 pp [0.2, ")
    assert first.range == "97.6 … 98.3"
    (found,) = compare_groups(runs.arm(a), runs.arm(b), (), 0.95)
    assert found.verdict.word == "better"


def test_diverged_runs_are_counted_in_the_table_and_in_the_sentence():
    (found,) = of_case("nan_and_inf", ["loss"], "opt")
    assert found.runs == (6, 6)
    assert found.diverged == (0, 2)
    for text in everywhere(found):
        assert "2 of 6 runs of opt:sgd" in text
    row = against.frame([found]).row(0, named=True)
    assert (row["runs_b"], row["diverged_b"]) == (4, 2)
    assert np.isfinite(row["mean_b"])


def test_a_run_without_a_partner_is_said_to_be_left_out():
    (found,) = of_case("nan_and_inf", ["loss"], "opt", ["seed"])
    assert found.without_partner == (2, 0)
    assert "no run of the other has the same seeds: 2 of 6 runs of opt:adam" in (
        " ".join(verdict.decisive(found))
    )


def test_within_a_margin_groups_are_equivalent_by_the_same_comparison():
    (found,) = of_case("paired_by_seed", ["accuracy"], "model", ["seed"], 0.02)
    assert found.verdict.word == "equivalent"
    ends = found.verdict.equivalence.interval
    assert -0.02 < ends.low < ends.high < 0.02
    assert "equivalent within ±2 pp" in verdict.verdict(found)
    # Unpaired the same runs show neither: the margin's test is the paired one too.
    (loose,) = of_case("paired_by_seed", ["accuracy"], "model", [], 0.02)
    assert loose.verdict.word == "undecided"


def said_of(a, b, difference=None):
    (found,) = compare_groups(group("a", a), group("b", b), (), 0.95, difference)
    assert found.verdict.word == "undecided"
    return found.verdict.plan, verdict.plan(found)


def test_an_open_question_says_the_runs_it_would_take_or_that_it_is_not_worth_them():
    shape = np.arange(10.0) - 4.5  # sd 3.03
    plan, text = said_of(shape, shape + 1.5)  # half an sd: Cohen's 64
    assert (plan.why, plan.runs) == ("seen", 65)
    assert "takes about 65 runs of each" in text
    assert "Bouthillier et al. (2021) call meaningful, takes 29" in text
    plan, text = said_of(shape, shape + 0.001)  # 0 may be chance: an sd takes 17
    assert (plan.why, plan.sds, plan.runs) == ("sds", 1, 17)
    assert "difference= names the one that matters" in text
    many = np.tile(shape, 50)
    plan, text = said_of(many, many + 0.001)
    assert not plan.worth
    assert "Not worth deciding: even a difference of" in text
    plan, text = said_of(shape, shape + 1, difference=0.01)
    assert not plan.worth
    assert "would take more than 1000 runs of each" in text


def test_the_lower_loss_is_better_and_the_sign_is_that_of_the_numbers():
    a, b = group("a", [1.0, 1.1, 1.2], "loss"), group("b", [2.0, 2.1, 2.2], "loss")
    (found,) = compare_groups(a, b, (), 0.95)
    assert found.verdict.favours == "a"
    assert found.verdict.difference.value == pytest.approx(-1)
    assert found.verdict.superiority.value == 1
    assert "a is better than b by 1.0" in verdict.verdict(found)
    assert against.frame([found])["difference"].to_list() == pytest.approx([-1.0])


def test_a_ratio_of_spreads_and_its_test_are_one_method():
    rng = np.random.default_rng(3)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        arms = {"x": rng.normal(size=12), "y": 2 * rng.standard_t(4, size=12)}
        frame = pl.concat(
            group(name, values).table.with_columns(
                vary=pl.lit(name), block=0, run_id=pl.lit(name)
            )
            for name, values in arms.items()
        )
        found = compare(Runs("made", frame, ("test/accuracy",)), [], 0.95)
        (test,) = found.spread_tests
        share = test.result.ratio
        assert (share.p < 0.05) == (not share.low <= 1 <= share.high)


def test_a_paper_gets_a_sentence_and_a_row_from_the_same_comparison():
    (found,) = of_case("paired_by_seed", ["accuracy"], "model", ["seed"])
    ready = paper.sentence(found)
    assert "a mean accuracy of 81.06 % and model:C+M of 81.92 %" in ready
    assert "-0.86 pp [-1.02, -0.70] (95 % interval; paired t(4) = -14.78" in ready
    assert "the difference is beyond chance" in ready
    row = paper.latex(found)
    assert row.startswith("accuracy & model:C & 81.06 \\% & 5 & model:C+M & 81.92 \\%")
    assert row.endswith("\\\\")
    assert len(row.split(" & ")) == len(paper.HEADS)
    for text in everywhere(found):
        assert "For a paper: Over 5 and 5 runs with the same seeds" in text
    assert paper.escape("a_b & 50% #1") == "a\\_b \\& 50\\% \\#1"


def test_two_that_are_equivalent_are_not_said_to_be_told_apart():
    rng = np.random.default_rng(0)
    a, b = (group(name, rng.normal(0.9, 0.004, 10)) for name in "ab")
    (found,) = compare_groups(a, b, (), 0.95, difference=0.05)
    assert found.verdict.word == "equivalent"
    assert "apart" not in answer.of_groups(found).next.line
