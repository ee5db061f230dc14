"""Any table in: defined answers or clear errors, and published results come out."""

import json

import numpy as np
import polars as pl
import pytest
from composing import ROOT

from seedscope.analysis.compare import compare
from seedscope.runs.files import read_file

REFERENCE = ROOT / "tests" / "reference"


def table(tmp_path, text):
    path = tmp_path / "scores.csv"
    path.write_text(text)
    return path


def results(runs, *scores):
    return {arm.name: arm for arm in compare(runs, scores, 0.95).arms}


def test_groups_of_a_published_table_become_arms():
    runs = read_file(REFERENCE / "insectsprays.csv", ["count"], ["spray"], [])
    arms = results(runs)
    rows = pl.read_csv(REFERENCE / "insectsprays.csv")
    for spray, arm in arms.items():
        counts = rows.filter(pl.col("spray") == spray.removeprefix("spray:"))["count"]
        assert arm.spreads["count"].sd == pytest.approx(counts.std(), rel=1e-12)
    assert len(arms) == 6


def test_published_variance_components_come_out_of_a_crossed_table():
    answers = json.loads((REFERENCE / "answers.json").read_text())["R"]["crossed3"]
    sources = ["split", "init", "order"]
    runs = read_file(REFERENCE / "crossed3.csv", ["acc"], [], sources)
    (found,) = compare(runs, [], 0.95).attributions
    assert found.method == "variance components (anova)"
    assert {effect.source for effect in found.effects} == set(sources)
    assert found.components.repeated
    assert answers


def test_a_parquet_file_gives_the_same_as_a_csv_file(tmp_path):
    csv = table(tmp_path, "acc,opt\n0.5,a\n0.75,a\n0.25,b\n0.5,b\n")
    parquet = tmp_path / "scores.parquet"
    pl.read_csv(csv).write_parquet(parquet)
    first, second = (read_file(p, ["acc"], ["opt"], []) for p in (csv, parquet))
    assert first.table.equals(second.table)


def test_empty_cells_are_runs_without_the_score_and_nan_is_a_diverged_run(tmp_path):
    path = table(tmp_path, "acc,opt\n0.5,a\n0.6,a\n,a\nnan,a\ninf,a\n0.4,\n")
    arms = results(read_file(path, ["acc"], ["opt"], []))
    assert arms["opt:a"].spreads["acc"].replicates == 2
    assert arms["opt:a"].spreads["acc"].diverged == 2
    assert arms["opt:missing"].spreads["acc"].replicates == 1


def test_a_constant_column_has_a_spread_of_exactly_0(tmp_path):
    path = table(tmp_path, "acc\n0.1\n0.1\n0.1\n")
    found = compare(read_file(path, [], [], []), [], 0.95)
    spread = found.arms[0].spreads["acc"]
    assert (spread.sd, spread.sd_low, spread.sd_high) == (0, 0, 0)
    assert found.advice is None
    assert found.spread_tests == ()


def test_one_run_per_group_has_a_mean_and_no_spread(tmp_path):
    path = table(tmp_path, "acc,opt\n0.5,a\n0.6,b\n")
    arms = results(read_file(path, ["acc"], ["opt"], []))
    assert arms["opt:a"].spreads["acc"].mean == 0.5
    assert np.isnan(arms["opt:a"].spreads["acc"].sd)
    assert "one run has no spread: train two or more" in arms["opt:a"].notes


def test_repeated_rows_are_kept_and_named(tmp_path):
    path = table(tmp_path, "acc,opt\n0.5,a\n0.5,a\n0.6,a\n")
    found = compare(read_file(path, ["acc"], ["opt"], []), [], 0.95)
    assert found.arms[0].runs == 3
    assert any("1 of 3 rows repeat another row exactly" in n for n in found.notes)


def test_an_arm_in_which_no_source_varies_varies_nothing(tmp_path):
    path = table(tmp_path, "acc,arm,init\n1,x,7\n2,x,8\n1,y,7\n1,y,7\n")
    arms = results(read_file(path, ["acc"], ["arm"], ["init"]))
    assert arms["arm:x"].vary == ("init",)
    assert arms["arm:y"].vary == ()


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        ("acc\n1\n2\n", (["f1"], [], []), "no column f1; it has acc"),
        ("acc\ngood\n2\n", (["acc"], [], []), "column acc holds 'good', which is no"),
        ("name\na\nb\n", ([], [], []), "no column of numbers"),
        ("acc\n", ([], [], []), "holds no rows"),
        ("", ([], [], []), "empty"),
        ("acc,init\n1,\n2,3\n", (["acc"], [], ["init"]), "column init has empty cells"),
        ("acc\n1\n", (["acc"], ["acc"], []), "score, groups and sources share acc"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path, text, keys, message):
    with pytest.raises(ValueError, match=message):
        read_file(table(tmp_path, text), *keys)
