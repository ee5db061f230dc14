"""One engine for all arms of a job: they compare only where they were trained alike."""

import pytest
from composing import plan, read

from seedscope.study.words import Engine
from seedscope.training.choice import choose, of_sweep

AUTO = Engine("auto", workers=1, group_size=None, keep_weights="none", again=False)


def chosen(*overrides: str) -> tuple[str, list[str]]:
    notes: list[str] = []
    return choose(AUTO, plan(*overrides), notes.append).name, notes


@pytest.mark.parametrize(
    ("factor", "reason"),
    [
        ("op_determinism", "runtime.op_determinism=True"),
        ("distribution", "runtime.distribution=mirrored"),
        ("training_loop", "the loops custom, fit, train_on_batch are compared"),
    ],
)
def test_where_one_arm_needs_keras_own_loop_all_are_trained_by_it(factor, reason):
    name, (note,) = chosen(f"factor={factor}")
    assert name == "sequential"
    assert reason in note


def test_otherwise_each_arm_goes_as_its_model_allows():
    assert chosen("factor=batch_size") == ("auto", [])


def test_an_engine_that_was_asked_for_stays():
    engine = Engine("sequential", workers=1, group_size=None, keep_weights="none")
    assert choose(engine, plan("factor=threads"), print) is engine


@pytest.mark.parametrize("name", ["auto", "batched"])
def test_groups_are_for_the_runs_of_an_arm_that_are_planned(name):
    engine = Engine(name, workers=1, group_size=None, keep_weights="none")
    runs = plan("factor=batch_size", "replicates=7")
    assert choose(engine, runs, print).planned == 7


def test_all_jobs_of_a_sweep_are_trained_alike():
    grouped, alone = read("factor=init"), read("factor=threads")
    assert "runtime.intra_op_threads" in of_sweep([grouped, alone])
    assert of_sweep([grouped, grouped]) is None
    assert of_sweep([alone, alone]) is None  # each of them says why
    asked = read("factor=threads", "engine=sequential")
    assert of_sweep([grouped, asked]) is None
