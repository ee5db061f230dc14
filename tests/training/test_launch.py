"""Training processes, started for real."""

import os
import signal

import pytest
from composing import TINY, plan, read

from seedscope.training.launch import here, launchers, shares

SLOW = pytest.mark.long
NO_BATCH = ("engine=sequential", "model.hidden=[4]")


@pytest.fixture(autouse=True)
def _no_processes_left():
    yield
    for workers in here._idle.values():
        for worker in workers:
            worker.stop()
    here._idle.clear()


def trained(runs, *overrides, fresh=False, notes=None):
    study = read(*NO_BATCH, *overrides)
    notes = [] if notes is None else notes
    groups = launchers.train(runs, study.engine, study.launcher, fresh, notes.append)
    return [trace for group in groups for trace in group]


def test_each_runtime_has_a_process_with_its_settings():
    runs = [
        run
        for threads in (1, 2)
        for run in plan(*TINY, *NO_BATCH, f"runtime.intra_op_threads={threads}")
    ]
    traces = trained(runs)
    threads = [t.facts["intra_op_threads"] for t in traces]
    processes = [t.facts["process"] for t in traces]
    assert threads == ["1", "1", "2", "2"]
    assert len(set(processes)) == 2
    assert str(os.getpid()) not in processes


def test_a_process_is_kept_for_the_next_job_and_survives_a_mistake():
    runs = plan(*TINY, *NO_BATCH)
    (first, _) = trained(runs)
    with pytest.raises(ValueError, match="no augmentation layer"):
        trained(plan(*TINY, *NO_BATCH, "factor=augmentation"))
    (again, _) = trained(runs)
    assert first.facts["process"] == again.facts["process"]
    assert first.weights_sha256 == again.weights_sha256


@SLOW
def test_fresh_processes_and_parallel_ones_train_the_same_bits():
    runs = plan(*TINY, *NO_BATCH, "factor=all", "replicates=3")
    alone = trained(runs)
    parallel = trained(runs, "engine.workers=2")
    fresh = trained(runs[:2], fresh=True)
    by_row = {t.run.replicate: t.weights_sha256 for t in alone}
    assert {t.run.replicate: t.weights_sha256 for t in parallel} == by_row
    assert len({t.facts["process"] for t in parallel}) == 2
    assert len({t.facts["process"] for t in fresh}) == 2
    assert [t.weights_sha256 for t in fresh] == [by_row[0], by_row[1]]


def test_a_killed_process_is_reported_and_keeps_what_finished():
    runs = plan(*TINY, *NO_BATCH, "replicates=40", "loop.epochs=20")
    study = read(*NO_BATCH)
    groups = launchers.train(runs, study.engine, study.launcher, False, print)
    first = next(groups)
    os.kill(int(first[0].facts["process"]), signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"died with exit code -9 .*same command"):
        list(groups)


def test_the_environment_is_set_for_the_child_and_put_back():
    before = os.environ.get("PYTHONHASHSEED")
    runs = plan(*TINY, *NO_BATCH, "runtime.hash_seed=7", "runtime.onednn=false")[:1]
    (trace,) = trained(runs)
    assert trace.facts["hash_seed"] == "7"
    assert trace.facts["onednn"] == "0"
    assert os.environ.get("PYTHONHASHSEED") == before


def test_fresh_processes_train_the_repeats_of_all_levels_in_turn():
    # Level after level, a machine that gets busier would look like a slow level.
    runs = plan("factor=op_determinism", "replicates=3")
    made = shares.shares_of(runs, 2, True)
    levels = [share.runtime.op_determinism for share in made]
    assert levels == [False, True] * 3
