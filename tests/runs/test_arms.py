"""An arm's key is data; its name is made of it for people and never taken apart."""

import json
import re

import polars as pl
import pytest
from composing import ROOT, plan, read
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seedscope.analysis.arms import everything
from seedscope.runs import find, question
from seedscope.runs.files import read_file
from seedscope.runs.table import Runs
from seedscope.study import arms
from seedscope.study.seeds import FREE

ALL = " ".join(FREE)


def runs_of(*rows, **more):
    """Return runs of (arm, vary, levels, settings), two each."""
    table = [
        {
            "run_id": f"{arm} {number}",
            "arm": arm,
            "factor": "f",
            "vary": vary,
            "levels": arms.encode(levels),
            "settings": settings,
        }
        for arm, vary, levels, settings in rows
        for number in range(2)
    ]
    return Runs("made", pl.DataFrame(table, infer_schema_length=None), (), **more)


def test_the_key_of_an_arm_is_its_sources_and_levels():
    study = read("factor=batch_size")
    (small, *_, full) = study.arms
    assert (small.vary, small.levels) == (("init", "shuffle"), {"loop.batch_size": 8})
    assert (full.name, full.levels) == ("batch_size:none", {"loop.batch_size": None})
    (run, *_) = plan("factor=batch_size", "replicates=1")
    assert run.levels == {"loop.batch_size": 8}
    bundles = read("factor=distribution").arms
    assert bundles[1].levels == {"distribution": "mirrored_1"}


def test_the_name_is_made_of_the_key():
    name = arms.arm_name
    assert name("init", {}) == "init"
    assert name("batch_size", {"loop.batch_size": 32}) == "batch_size:32"
    assert name("b", {"loop.batch_size": None}) == "b batch_size:none"
    assert name("o", {"optimizer": {"name": "plain", "rate": 1}}) == "o optimizer:plain"
    swept = {"loop.epochs": 3, "optimizer.learning_rate": 0.1}
    rate = ("optimizer.learning_rate",)
    assert name("epochs", swept, rate) == "epochs:3 learning_rate:0.1"
    assert name("all", {rate[0]: 0.1}, rate) == "all learning_rate:0.1"
    assert name("learning_rate", {rate[0]: 0.1}, rate) == (
        "learning_rate learning_rate:0.1"
    )


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("{loop.batch_size:[8,8]}", "x batch_size:8 is there twice"),
        (
            "{optimizer:[{name:a,_target_:keras.optimizers.SGD,learning_rate:1.0},"
            "{name:a,_target_:keras.optimizers.SGD,learning_rate:2.0}]}",
            "x optimizer:a is the name of two arms",
        ),
        ("{optimizer:[{_target_:keras.optimizers.SGD}]}", "a mapping needs a name"),
        (
            "{loop.epochs:[1],kind:{a:{loop.epochs:2},b:{loop.epochs:3}}}",
            "factor.levels sets loop.epochs twice in one arm",
        ),
    ],
)
def test_levels_that_nobody_could_tell_apart_are_refused_by_name(levels, message):
    with pytest.raises(ValueError, match=re.escape(message)) as told:
        read(f"+factor.levels={levels}", "factor.name=x")
    assert "\n" not in str(told.value)


def test_shares_are_taken_only_where_the_other_settings_are_equal():
    runs = runs_of(
        ("all", ALL, {}, "at 32"),
        ("init", "init", {}, "at 32"),
        ("batch_size:8", "init shuffle", {"loop.batch_size": 8}, "at 8"),
        ("batch_size:32", "init shuffle", {"loop.batch_size": 32}, "at 32"),
        ("all learning_rate:1", ALL, {"rate": 1}, "rate 1"),
        ("init learning_rate:1", "init", {"rate": 1}, "rate 1"),
    )
    assert {arm: everything(runs, arm) for arm in runs.keys} == {
        "all": None,
        "init": "all",
        "batch_size:8": None,
        "batch_size:32": "all",
        "all learning_rate:1": None,
        "init learning_rate:1": "all learning_rate:1",
    }


def test_what_is_called_all_but_varies_less_is_no_reference():
    runs = runs_of(("all", "init shuffle", {}, "x"), ("init", "init", {}, "x"))
    assert everything(runs, "init") is None


def test_all_varies_what_is_free():
    factor = OmegaConf.load(ROOT / "conf/factor/all.yaml")
    assert tuple(factor.vary) == FREE


def test_levels_are_sorted_as_numbers_and_none_is_last():
    sizes = (128, None, 8, 1024, 16)
    rows = [(f"batch_size:{n}", "init", {"loop.batch_size": n}, n) for n in sizes]
    names = [f"batch_size:{n}" for n in (8, 16, 128, 1024, None)]
    assert list(runs_of(*[(*r[:3], str(r[3])) for r in rows]).arms()) == names
    rates = ("0.1", "1e-05", "0.001")  # as MLflow holds parameters
    rows = [(f"lr:{r}", "unknown", {"lr": r}, None) for r in rates]
    assert list(runs_of(*rows).arms()) == ["lr:1e-05", "lr:0.001", "lr:0.1"]
    words = [(f"opt:{o}", "init", {"opt": o}, o) for o in ("sgd", "adam")]
    assert list(runs_of(*words).arms()) == ["opt:sgd", "opt:adam"]


def test_factors_come_as_they_were_trained_whatever_was_planned_last():
    made = runs_of(("init", "init", {}, "x"), ("all", ALL, {}, "x"))
    table = made.table.with_columns(factor=pl.col("arm"))
    runs = Runs("made", table, (), planned={"all": 2, "init": 2})
    assert list(runs.arms()) == ["init", "all"]


def test_where_nothing_varies_the_first_level_of_the_plan_stays_the_baseline():
    rows = [(f"threads:{n}", "", {"threads": n}, str(n)) for n in (4, 1, 2)]
    planned = {"threads:4": 2, "threads:1": 2, "threads:2": 2}
    assert list(runs_of(*rows, planned=planned).arms()) == list(planned)


def test_the_short_name_of_the_table_is_the_arms_name_too():
    rows = [(f"batch_size:{n}", "init", {"loop.batch_size": n}, "") for n in (8, 32)]
    runs = runs_of(*rows)
    assert [runs.find(name) for name in ("8", "batch_size:32")] == [
        "batch_size:8",
        "batch_size:32",
    ]
    assert runs.find("16") is None
    mixed = runs_of(*rows, ("init", "init", {}, ""))
    assert mixed.find("8") is None  # no table shows it so


def test_two_groups_of_a_file_that_would_have_one_name_both_stay(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text('a,b,acc\n"1 b:2",3,.1\n"1 b:2",3,.2\n1,"2 b:3",.3\n1,"2 b:3",.4\n')
    runs = read_file(path, ["acc"], ["a", "b"], [])
    assert len(runs.arms()) == 2
    assert all(len(table) == 2 for table in runs.arms().values())


def test_keys_too_long_for_a_tag_stay_apart():
    long = [{"model": {"name": "m", "layers": ["x" * 600, n]}} for n in (1, 2)]
    first, second = (arms.encode(level) for level in long)
    assert max(len(first), len(second)) <= arms.LONGEST
    assert first != second
    assert arms.decode(first)["model"]["name"] == "m"
    many = {f"setting.{n}": "y" * 30 for n in range(40)}
    assert len(arms.encode(many)) <= arms.LONGEST
    assert json.loads(arms.encode({"a": None})) == {"a": None}


def test_an_arm_with_operators_in_its_name_is_found_before_a_filter(monkeypatch):
    runs = runs_of(("opt:adam(lr=0.1)", "init", {}, ""), ("opt:sgd", "init", {}, ""))
    monkeypatch.setattr(find, "study_names", lambda store: ["a study", "a:b"])
    monkeypatch.setattr(find.readers, "read", lambda question: runs)
    monkeypatch.setattr(find, "read_study", lambda store, name: runs)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        asked = question.read(compose("compare"))
    found = find.find_group("opt:adam(lr=0.1)", asked, object())
    assert found.table["arm"].unique().to_list() == ["opt:adam(lr=0.1)"]
    assert len(find.find_group("a:b:opt:sgd", asked, object()).table) == 2
    with pytest.raises(ValueError, match="has no arm 'c'; it has opt:adam"):
        find.find_group("a:b:c", asked, object())
