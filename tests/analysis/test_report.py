"""Numbers in words: digits by their intervals, units by their values."""

import io

import numpy as np
import polars as pl
import pytest
from test_comparison import runs_of

from seedscope.analysis.compare import compare
from seedscope.commands.compare import typed
from seedscope.report import details, note
from seedscope.report.metrics import of_comparison
from seedscope.report.rounding import (
    probability,
    ratio,
    rounded,
    unit_of,
    with_interval,
)
from seedscope.report.tables import rows, terminal
from seedscope.runs import question
from seedscope.runs.score import score
from seedscope.runs.table import Runs
from seedscope.study.arms import encode


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.94123, 0.9385, 0.9439), "0.9412 [0.9385, 0.9439]"),  # half width .0027
        ((0.94123, 0.91, 0.97), "0.941 [0.910, 0.970]"),  # .030: two digits
        ((0.94123, 0.89, 0.99), "0.94 [0.89, 0.99]"),  # .05: one digit
        ((1234.0, 1000.0, 1500.0), "1230 [1000, 1500]"),
        ((0.5, 0.5, 0.5), "0.5"),
        ((0.5, float("nan"), float("nan")), "0.5"),
        ((float("nan"), 0.0, 1.0), "-"),
        ((1e-9, 0.0, 2e-9), "1e-09 [0, 2e-09]"),
    ],
)
def test_a_number_is_shown_to_the_digits_that_its_interval_supports(numbers, text):
    assert with_interval(*numbers) == text


def test_zero_infinity_and_tiny_p_values_have_a_form_of_their_own():
    assert rounded(0.0, 3) == "0"
    assert rounded(-0.0001, 2) == "-0.0001"
    assert with_interval(0.5, 0.22, 15.8) == "0.5 [0.2, 16]"
    assert rounded(float("inf"), 2) == "∞"
    assert ratio(12.34, 0.0, float("inf")) == "12 [0, ∞]"
    assert [probability(p) for p in (1e-9, 0.0123, 0.5)] == ["< 0.001", "0.012", "0.50"]


def test_an_accuracy_is_shown_in_percent_only_where_it_is_a_fraction():
    assert unit_of(score("test/accuracy", [0.99])).of_spread == "pp"
    assert unit_of(score("test/accuracy", [93.1])).of_spread == ""
    percent = compare(runs_of({"init": [0.55, 0.55]}), [], 0.95)
    assert rows(percent, "test/accuracy")[0].mean == "55 %"
    whole = compare(runs_of({"init": [55, 55]}), [], 0.95)
    assert rows(whole, "test/accuracy")[0].mean == "55"
    assert "study/init/test_accuracy/sd_pp" not in of_comparison(whole)


def test_metric_names_hold_only_what_every_store_takes():
    made = compare(runs_of({"opt adam(lr=0.1)": [1, 2]}, "acc%"), [], 0.95)
    names = of_comparison(made)
    assert "study/opt adam_lr_0.1_/acc_/sd" in names


def test_two_arms_never_share_a_metric():
    names = of_comparison(compare(runs_of({"a/b": [1, 2], "a?b": [3, 5]}), [], 0.95))
    assert names["study/a_b/test_accuracy/mean"] == 1.5
    assert names["study/a_b 2/test_accuracy/mean"] == 4


def test_planning_tells_what_few_runs_can_say():
    rng = np.random.default_rng(2)
    made = compare(runs_of({"all": 0.9 + 0.01 * rng.normal(size=5)}), [], 0.95)
    (plan,) = [s for s in details.sheets(made) if s.title.startswith("You ran 5 seeds")]
    answers = dict(plan.rows)
    assert answers["runs per arm to see one standard deviation"] == "17"
    assert answers["runs to know the standard deviation to within 20 %"] == "49"
    assert answers["smallest p-value a permutation test can give"] == "0.008"


def test_the_note_fits_into_a_tag_whatever_the_number_of_arms(tmp_path):
    from seedscope.store.results import _fitting

    arms = {f"batch_size batch_size:{i}": [0.1, 0.2] for i in range(200)}
    text = note.markdown(compare(runs_of(arms), [], 0.95))
    assert len(text) > 8000
    assert len(_fitting(text)) <= 8000


def test_a_table_fits_a_terminal_of_80_columns():
    from rich.console import Console

    console = Console(width=80, file=io.StringIO(), record=True)
    rng = np.random.default_rng(2)
    arms = {arm: 0.9 + 0.01 * rng.normal(size=9) for arm in ("init", "shuffle", "all")}
    console.print(terminal(compare(runs_of(arms), [], 0.95), "test/accuracy", 80).table)
    text = console.export_text()
    assert "…" not in text.replace(" … ", "")
    assert max(map(len, text.splitlines())) <= 80


def test_free_text_reaches_hydra_whole():
    words = ["study=a b", "filter=metrics.acc > 0.5", "a=params.x = '1'", "level=0.9"]
    assert typed(words) == [
        "name='a b'",
        "filter='metrics.acc > 0.5'",
        "a='params.x = \\'1\\''",
        "level=0.9",
    ]
    assert typed(["output=null", 'filter="x = 1"']) == ["output=null", 'filter="x = 1"']


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("level=2", "level=2.0 must be between 0 and 1"),
        ("a=init", "a= needs b=: name the two groups"),
        ("b=init", "b= needs a=: name the two groups"),
        ("table=scores.txt", r"there is no such file"),
        ("table=nowhere.csv", "there is no such file"),
        ("score=[acc]", "score= needs table="),
        ("group_by=[params.x]", "group_by= needs experiment="),
        ("metrics=3", "metrics"),
        ("difference=-1", "difference=-1.0 must be above 0"),
    ],
)
def test_a_mistake_in_the_question_is_named(override, message):
    from composing import ROOT
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("compare", overrides=[override])
    with pytest.raises(ValueError, match=message):
        question.read(config)


@pytest.mark.parametrize(
    ("levels", "head", "names"),
    [
        ([{"loop.batch_size": 8}, {"loop.batch_size": 32}], "batch_size", ["8", "32"]),
        ([{"labels": "a", "rate": 1}, {"labels": "b", "rate": 1}], "arm", None),
        ([{}, {}, {}], "arm", None),
        ([{"batch_size": 8}, {"rate": 8}], "arm", None),
        ([{"batch_size": 8}], "arm", None),
        ([{"rate": "a:b"}, {"rate": "c d"}], "rate", ["a:b", "c d"]),
        ([{"model": {"name": "x"}}, {"model": None}], "model", ["x", "none"]),
    ],
)
def test_a_setting_that_all_arms_share_is_named_once(levels, head, names):
    arms = [f"arm {number}" for number in range(len(levels))]
    table = pl.DataFrame({"arm": arms, "levels": list(map(encode, levels))})
    assert Runs("made", table, ()).short_names(arms) == (head, names or arms)
