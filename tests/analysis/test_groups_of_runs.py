"""Runs of other programs, and A against B between any two groups."""

import mlflow
import numpy as np
import polars as pl
import pytest
from studies import log_arm

from seedscope.analysis.two_groups import compare_groups
from seedscope.runs.table import Runs
from seedscope.store.store import connect
from seedscope.study.words import Tracking


@pytest.fixture(scope="module")
def others(database, tmp_path_factory):
    """Log runs as any other program does; return where."""
    folder = tmp_path_factory.mktemp("others")
    place = Tracking(database, "others", str(folder), None, True)
    connect(place)
    mlflow.set_experiment("others")
    rng = np.random.default_rng(5)
    for rate, centre in (("0.1", 0.8), ("0.01", 0.6)):
        for seed in range(6):
            with mlflow.start_run():
                mlflow.log_param("rate", rate)
                mlflow.set_tag("model", "cnn")
                mlflow.log_metric("acc", centre + 0.01 * rng.normal())
                mlflow.log_metric("loss", 1 - centre + seed / 100, step=3)
    with mlflow.start_run():
        mlflow.log_param("rate", "0.1")
        mlflow.log_metric("acc", float("nan"))
    return place


def test_runs_of_other_programs_are_grouped_by_params_and_tags(others, ask, tmp_path):
    out = tmp_path / "out"
    keys = {"experiment": "others", "group_by": ["params.rate"], "output": str(out)}
    ask(tracking=others, **keys)
    table = pl.read_csv(out / "tables/statistics.csv").filter(pl.col("score") == "acc")
    assert table["arm"].to_list() == ["rate:0.01", "rate:0.1"]
    assert table["n"].to_list() == [6, 6]  # the run with NaN diverged
    assert table["mean"].to_list() == pytest.approx([0.6, 0.8], abs=0.02)
    assert "rate:0.01" in (out / "page.html").read_text()


def test_a_filter_picks_runs_of_other_programs(others, ask, capsys):
    ask(tracking=others, experiment="others", filter="metrics.acc > 0.7")
    assert " every run " in capsys.readouterr().out


def test_a_group_that_nobody_logged_is_answered_with_what_there_is(others, ask):
    keys = {"tracking": others, "experiment": "others"}
    with pytest.raises(ValueError, match=r"no run has 'params.lr'; there are params.r"):
        ask(**keys, group_by=["params.lr"])
    with pytest.raises(ValueError, match="no finished run in experiment 'others'"):
        ask(**keys, filter="metrics.acc > 7")
    with pytest.raises(ValueError, match="filter='nonsense'"):
        ask(**keys, filter="nonsense")
    with pytest.raises(ValueError, match="experiment='nowhere' does not exist"):
        ask(tracking=others, experiment="nowhere")


def test_two_filters_are_compared(others, ask, capsys):
    a, b = "params.rate = '0.1' and metrics.acc > 0", "params.rate = '0.01'"
    ask(tracking=others, experiment="others", a=a, b=b, metrics=["acc"])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{a} is better than {b} by " in printed


def test_two_arms_of_a_study_are_compared_and_kept_with_it(compared, ask, capsys):
    store, study_id = compared
    place = Tracking(store.uri, "compared", None, None, True)
    ask(tracking=place, a="init", b="made:shuffle", metrics=["test/accuracy"])
    assert "P(A better than B)" in capsys.readouterr().out
    kept = [file.path for file in store.client.list_artifacts(study_id, "against")]
    assert kept == ["against/init_against_shuffle.md"]


def test_two_studies_are_compared(store, ask, capsys):
    log_arm(store, "factor=init", "replicates=3", "name=one")
    log_arm(store, "factor=init", "replicates=3", "name=two", "root_seed=1")
    ask(a="one", b="two")
    assert "one - two" in capsys.readouterr().out


def group(title, scores, **columns):
    table = pl.DataFrame({"score": scores, **columns}).with_columns(
        pl.lit(False).alias("diverged"), pl.lit(title).alias("arm")
    )
    return Runs(title, table.cast({"score": pl.Float64}), ("score",))


def test_runs_with_equal_seeds_are_paired_and_others_are_not():
    rng = np.random.default_rng(1)
    common = rng.normal(size=8)
    seeds = {"seed.init": list(range(8))}
    a = group("a", common + 0.1, **seeds)
    b = group(
        "b",
        (common + 0.01 * rng.normal(size=8))[::-1],
        **{"seed.init": list(range(8))[::-1]},
    )
    (found,) = compare_groups(a, b, (), 0.95)
    assert found.result.paired.correlation > 0.99
    assert found.result.paired.difference.value == pytest.approx(0.1, abs=0.02)
    (found,) = compare_groups(
        a, group("b", common, **{"seed.init": list(range(9, 17))}), (), 0.95
    )
    assert found.result.paired is None
    (found,) = compare_groups(a, group("b", common), (), 0.95)
    assert found.result.paired is None


def test_exact_repeats_are_never_paired():
    a = group("a", [1.0, 2.0], **{"seed.init": [7, 7]})
    b = group("b", [1.0, 3.0], **{"seed.init": [7, 7]})
    (found,) = compare_groups(a, b, (), 0.95)
    assert found.result.paired is None


def test_a_lower_loss_beats_a_higher_one():
    a = Runs(
        "a", group("a", [1.0, 1.1, 1.2]).table.rename({"score": "loss"}), ("loss",)
    )
    b = Runs(
        "b", group("b", [2.0, 2.1, 2.2]).table.rename({"score": "loss"}), ("loss",)
    )
    (found,) = compare_groups(a, b, (), 0.95)
    assert found.result.superiority.value == 1
    assert found.lower_is_better


def test_groups_that_cannot_be_compared_say_why():
    with pytest.raises(ValueError, match="a has 1 finished run"):
        compare_groups(group("a", [1.0]), group("b", [1.0, 2.0]), (), 0.95)
    other = Runs("c", group("c", [1.0]).table.rename({"score": "f1"}), ("f1",))
    with pytest.raises(ValueError, match="no score in common: score against f1"):
        compare_groups(group("a", [1.0]), other, (), 0.95)
