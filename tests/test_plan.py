import pytest
from composing import plan

from seedscope.study.seeds import SOURCES


def test_a_run_has_a_seed_for_every_source():
    assert all(set(run.seeds) == set(SOURCES) for run in plan("factor=init"))


def test_every_run_of_a_study_has_a_fingerprint_of_its_own():
    runs = [
        run for factor in ("none", "init", "all") for run in plan(f"factor={factor}")
    ]
    assert len({run.fingerprint for run in runs}) == 30


@pytest.mark.parametrize(
    "change",
    ["root_seed=1", "loop.epochs=3", "model.dropout=0.3", "split.test=0.3",
     "runtime.intra_op_threads=1", "optimizer=sgd", "data=synthetic"],
)  # fmt: skip
def test_whatever_changes_a_run_changes_its_fingerprint(change):
    before, after = plan("factor=init"), plan("factor=init", change)
    assert not {r.fingerprint for r in before} & {r.fingerprint for r in after}


@pytest.mark.parametrize(
    "change",
    ["engine=sequential", "engine.workers=2", "tracking.experiment=x", "name=y"],
)
def test_how_a_run_is_trained_or_logged_does_not(change):
    before, after = plan("factor=init"), plan("factor=init", change)
    assert [r.fingerprint for r in before] == [r.fingerprint for r in after]


def test_more_replicates_keep_the_first_ones():
    few, many = plan("factor=all", "replicates=3"), plan("factor=all", "replicates=5")
    assert many[:3] == few
