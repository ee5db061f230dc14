"""Runs are stored while others train: none twice, none lost, mistakes told."""

import time
from collections import Counter

import pytest
from mlflow import MlflowClient
from test_log import logged, study, trace

from seedscope.store.beside import storing
from seedscope.store.log import StudyLog, open_study
from seedscope.store.read import read_study


def test_runs_that_wait_to_be_stored_are_not_given_out_again(store, monkeypatch):
    add = StudyLog.add

    def slow(self, traces):
        time.sleep(0.2)
        add(self, traces)

    monkeypatch.setattr(StudyLog, "add", slow)
    made, runs = study("replicates=5")
    given = []
    with open_study(store, made, runs) as log, storing(log) as groups:
        for share in log.shares(1, 1, print):
            given += share
            groups.add([trace(run) for run in share])
            assert log._lease.held_by_others() == frozenset()
    assert sorted(run.replicate for run in given) == [0, 1, 2, 3, 4]
    assert read_study(store, made.name).table.height == log.stored == 5


def test_a_study_is_left_when_all_of_it_is_stored(store):
    made, runs = study()
    with open_study(store, made, runs) as log, storing(log) as groups:
        groups.add([trace(run) for run in runs])
        read = groups.later(lambda: read_study(store, made.name).table.height)
    assert read.result() == 3


def test_what_the_store_refuses_meanwhile_ends_the_study_in_one_line(
    store, monkeypatch
):
    made, runs = study()
    fill = StudyLog._fill

    def full(self, run_id, trace, *rest):
        if trace.run.replicate == 1:
            raise OSError(28, "No space left on device")
        fill(self, run_id, trace, *rest)

    monkeypatch.setattr(StudyLog, "_fill", full)
    with (  # noqa: PT012
        pytest.raises(ValueError, match="could not be stored.*same command") as told,
        open_study(store, made, runs) as log,
        storing(log) as groups,
    ):
        for run in runs:
            groups.add([trace(run)])
    assert "\n" not in str(told.value)
    kept = {run.data.tags["seedscope.replicate"] for run in logged(store)}
    finished = [run for run in logged(store) if run.info.status == "FINISHED"]
    assert "0" in kept
    assert all(run.data.tags["seedscope.replicate"] != "1" for run in finished)
    monkeypatch.undo()


def test_a_run_takes_four_calls_and_its_latest_value_is_that_of_the_last_step(
    store, monkeypatch
):
    made, runs = study()
    calls = Counter()

    def count(name, call):
        def counting(self, *args, **more):
            calls[name] += 1
            return call(self, *args, **more)

        monkeypatch.setattr(MlflowClient, name, counting)

    for name in ("create_run", "log_batch", "log_inputs", "set_terminated", "set_tag"):
        count(name, getattr(MlflowClient, name))
    with open_study(store, made, runs) as log:
        calls.clear()
        log.add([trace(run, loss=0.25) for run in runs])
        each = {"create_run": 3, "log_batch": 3, "log_inputs": 3, "set_terminated": 3}
        assert calls == each
    latest = logged(store)[0].data.metrics
    assert latest["batch/loss"] == latest["train/loss"] == 0.25
