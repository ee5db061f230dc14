"""Before groups train a kind of run, a trial shows that they train what Keras does."""

from dataclasses import replace

import numpy as np
import pytest
from composing import plan

from seedscope.task.data.load import load
from seedscope.training.batched import refusal as refusals
from seedscope.training.batched import trial, verdicts
from seedscope.training.batched.group import Group
from seedscope.training.batched.kind import kind_of, program_of
from seedscope.training.batched.refusal import refusal

OWN = ("model=own", "data=own", "data._target_=tried_models.blobs", "loop.epochs=1")


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """Keep verdicts in a folder of the test, and none in memory."""
    monkeypatch.setattr(verdicts, "_folder", lambda: tmp_path / "trials")
    monkeypatch.setattr(refusals, "_answers", {})
    monkeypatch.setattr(refusals, "_tried", {})


def planned(model, *overrides):
    return plan(*OWN, f"model._target_=tried_models.{model}", *overrides)[0]


@pytest.mark.parametrize(
    "model", ["coupled_by_an_operation", "ranked_in_the_batch", "counts_the_batch"]
)
def test_a_batch_whose_examples_see_each_other_is_no_group(model):
    reason = refusal(planned(model), 8)
    assert "ends elsewhere than Keras' own loop" in reason


@pytest.mark.parametrize("loss", ["dice", "tversky"])
def test_a_loss_that_is_no_mean_over_examples_is_no_group(loss):
    run = planned("three_answers", f"loop.loss={loss}", "+data.one_hot=true")
    assert "loss of batch" in refusal(run, 8)


@pytest.mark.parametrize(
    "overrides",
    [
        ("data=digits", "model.dropout=0.3", "optimizer=adam"),
        ("data=synthetic", "data.examples=150", "optimizer=sgd"),
        (*OWN, "model._target_=tried_models.plain"),
    ],
)
def test_what_groups_train_alike_passes(overrides):
    assert refusal(plan(*overrides, "loop.epochs=1")[0], 8) is None


def test_a_verdict_is_kept_and_is_not_found_again_under_other_code(monkeypatch):
    run = planned("plain")
    assert refusal(run, 8) is None
    refusals._answers.clear(), refusals._tried.clear()

    def must_not(*_):
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(refusals, "_by_trial", must_not)
        assert refusal(run, 8) is None
    kind = kind_of(run, load(run))
    names = {verdicts.name_of(run, kind, 8), verdicts.name_of(run, kind, 16)}
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "own_code", lambda: "other")
        names.add(verdicts.name_of(run, kind, 8))
        patch.setattr(verdicts.code, "digest", lambda files: "edited")
        names.add(verdicts.name_of(run, kind, 8))
    assert len(names) == 4


def tried(run):
    examples = load(run)
    program = program_of(kind_of(run, examples), run, examples, 8)
    group = Group([run], [examples], program)
    return run, examples, group, trial.in_group(group)


def test_anything_that_is_off_is_told_with_how_far():
    run, examples, group, copies = tried(planned("plain"))
    assert trial.differs(run, examples, group, copies) is None
    for place, number in enumerate(copies):
        value = number.value + np.asarray(2, number.value.dtype)
        wrong = [*copies]
        wrong[place] = replace(number, value=value)
        said = trial.differs(run, examples, group, wrong)
        assert number.name in said
    value = copies[0].value.copy()
    value[3] += 1e-6
    said = trial.differs(run, examples, group, [replace(copies[0], value=value)])
    assert said == "copies of one run differ from each other in loss of batch 1"
