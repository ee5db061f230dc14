"""What is told before training, and what a budget leaves out: on paper, no training."""

import re
import shlex

import pytest
from composing import ROOT, plan, read

from seedscope.commands import sweep, usage
from seedscope.commands.overrides import composed, jobs
from seedscope.commands.progress import amount, duration
from seedscope.commands.progress import plan as told
from seedscope.commands.typed import as_typed
from seedscope.store.cost import Cost
from seedscope.study import budget, settings


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), (None, None)]
)
def test_a_budget_is_a_time(text, seconds):
    assert budget.seconds(text) == seconds


@pytest.mark.parametrize("text", ["soon", "20", "0m", "-3s", "1d"])
def test_a_malformed_budget_is_one_line_that_says_how_to_write_it(text):
    with pytest.raises(ValueError, match="budget='?.*must be a time such as 90s, 20m"):
        read(f"budget={text}")


def test_a_block_is_that_of_the_design_or_a_run_of_each_arm():
    blocks = ("factor=sources", "factor.vary=[init,shuffle]", "design=blocks")
    study = read(*blocks, "replicates=10")
    parts = budget.blocks(plan(*blocks, "replicates=10"), study.design)
    assert [len(part) for part in parts] == [4] * 10
    rows = ("factor=batch_size", "replicates=3")
    parts = budget.blocks(plan(*rows), read(*rows).design)
    assert [[run.replicate for run in part] for part in parts] == [
        [0] * 4,
        [1] * 4,
        [2] * 4,
    ]
    crossed = ("factor=sources", "factor.vary=[init,shuffle]", "design=crossed")
    design = read(*crossed).design
    parts = budget.blocks(plan(*crossed), design)
    assert len(parts) == design.levels  # each a whole row of the crossed table


def test_only_whole_blocks_fit():
    parts = [["run"] * 4] * 10
    assert budget.fitting(parts, 100, 1) == 10
    assert budget.fitting(parts, 11.9, 1) == 2
    assert budget.fitting(parts, 3, 1) == 0


def test_what_is_planned_is_told_with_its_time_and_disk():
    parts = [["run"] * 20] * 10
    cost = Cost(1.2, 300_000)
    assert told(parts, cost) == "200 runs: 10 blocks of 20, about 4 min, 60 MB"
    assert told(parts, None) == "200 runs: 10 blocks of 20"
    assert told([["run"]] * 7, Cost(3, None)) == "7 runs, about 21 s"
    assert (duration(9000), amount(1_250)) == ("2.5 h", "1.2 kB")
    assert amount(2.4e9) == "2.4 GB"


def test_jobs_know_their_place_and_share_what_is_left_of_a_budget(monkeypatch):
    monkeypatch.delenv(sweep.VARIABLE, raising=False)
    words = ["factor=init,all", "loop.batch_size=8,16", "replicates=3"]
    sweep.count(words, {})
    place = sweep.place(2, 3)
    assert (place.runs, place.before) == ((3, 3, 3, 3), 6)
    assert 49 < place.seconds(100) <= 50
    each, swept = jobs(words)
    config = composed("train", each[2])
    study = settings.read(config, "made", swept)
    assert place.name(study) == "3/4 all batch_size:8"
    assert sweep.place(-1, 5).runs == (5,)


def test_a_preset_that_sweeps_is_counted_whole(monkeypatch):
    monkeypatch.delenv(sweep.VARIABLE, raising=False)
    sweep.count(["study=digits", "replicates=2"], {})
    assert sweep.place(0, 2).runs == (2,) * 6


def test_a_command_is_kept_as_it_can_be_typed_again(monkeypatch):
    monkeypatch.setattr("sys.argv", ["seedscope script"])
    words = ["factor=init", "name=a b"]
    assert as_typed("train", words) == "seedscope train factor=init 'name=a b'"
    monkeypatch.setattr("sys.argv", ["src/train.py"])
    assert as_typed("train", ["x=1"]) == "python src/train.py x=1"
    quoted = ["table='my runs.csv'", "filter='params.x = \\'1\\''"]
    assert shlex.split(as_typed("compare", quoted))[2:] == [
        "table=my runs.csv",
        "filter=params.x = '1'",
    ]


def test_the_help_of_train_gives_every_factor_a_meaning():
    text = usage.of_train(ROOT / "conf")
    for file in (ROOT / "conf" / "factor").glob("*.yaml"):
        assert re.search(rf"^  {file.stem} +\S+", text, re.MULTILINE)
    assert "seedscope train study=digits" in text
    assert "budget: null" in text


def test_the_help_of_compare_has_no_groups_of_train():
    text = usage.of_compare(ROOT / "conf")
    assert "seedscope compare a=init b=shuffle" in text
    assert "fail_if: null" in text
    for group in ("optimizer", "model", "hydra", "defaults"):
        assert not re.search(rf"^ *{group}[:=]", text, re.MULTILINE)
