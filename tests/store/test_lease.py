"""Who trains what: leases in a real store, held by this process and by others."""

import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from test_log import logged, study, trace

from seedscope.store import lease as lease_module
from seedscope.store.lease import Lease
from seedscope.store.log import open_study
from seedscope.store.read import read_study
from seedscope.store.store import connect, search
from seedscope.study.words import Tracking

THINGS = ["a", "b", "c", "d"]


def first_free(held):
    return [thing for thing in THINGS if thing not in held][:1]


@pytest.fixture
def far(monkeypatch):
    """Let every process look like one of another host, with a quick heart."""
    monkeypatch.setattr(lease_module, "_owner", lambda: "")
    monkeypatch.setattr(lease_module, "BEAT", 0.2)
    monkeypatch.setattr(lease_module, "WINDOW", 2.0)
    monkeypatch.setattr(lease_module, "BLIND", 50)


def stop_heart(lease):
    lease._ended.set()
    lease._thread.join()


def test_what_one_holds_no_other_takes(store):
    with (
        closing(Lease(store, "s")) as one,
        closing(Lease(store, "s")) as two,
        closing(Lease(store, "t")) as other,
    ):
        assert one.take(first_free) == ["a"]
        assert two.take(first_free) == ["b"]
        assert one.take(first_free) == ["a"]  # in place of what it held
        assert one.take(lambda held: []) == []
        assert two.take(first_free) == ["a"]
        assert other.take(first_free) == ["a"]  # of another study
    assert search(store, "tags.`seedscope.role` = 'lease'") == []


def test_of_two_at_the_same_instant_both_withdraw_and_one_comes_first(
    store, monkeypatch
):
    monkeypatch.setattr(lease_module, "BACK_OFF", 0.05)
    barrier = threading.Barrier(2, timeout=60)
    meet = [True, True]
    taken = []

    def train():
        with closing(Lease(store, "s")) as lease:

            def choose(held):
                if meet:
                    meet.pop()
                    barrier.wait()  # both have seen that nobody holds anything
                return first_free(held)

            taken.append(lease.take(choose))
            barrier.wait()

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [["a"], ["b"]]


def test_a_heart_that_stopped_frees_what_it_held_and_one_that_beats_does_not(
    store, far
):
    with closing(Lease(store, "s")) as dead, closing(Lease(store, "s")) as alive:
        assert dead.take(first_free) == ["a"]
        assert alive.take(first_free) == ["b"]
        stop_heart(dead)
        with closing(Lease(store, "s")) as observer:
            assert observer.held_by_others() == {"a", "b"}
            deadline = time.monotonic() + 60
            while "a" in observer.held_by_others() and time.monotonic() < deadline:
                time.sleep(0.2)
            assert observer.held_by_others() == {"b"}
        assert alive.stands()
        assert not dead.stands()
        assert dead.take(first_free) == ["a"]  # it comes back, as a new one
        assert dead.stands()


def test_time_in_which_nobody_looked_on_counts_for_nothing(store, far, monkeypatch):
    monkeypatch.setattr(lease_module, "BLIND", 2.5)
    with closing(Lease(store, "s")) as other:
        other.take(first_free)
        stop_heart(other)
        with closing(Lease(store, "s")) as observer:
            stop_heart(observer)  # as a machine that sleeps
            observer.held_by_others()
            time.sleep(2.5)  # longer than the window
            assert observer.held_by_others() == {"a"}


def test_of_a_process_of_this_machine_it_is_known_whether_it_is_there(
    store, monkeypatch
):
    monkeypatch.setattr(lease_module, "WINDOW", 0.0)
    with closing(Lease(store, "s")) as quiet, closing(Lease(store, "s")) as observer:
        quiet.take(first_free)
        stop_heart(quiet)
        observer.held_by_others()
        time.sleep(0.1)
        assert observer.held_by_others() == {"a"}  # it lives, whatever its heart does
        gone = subprocess.Popen([sys.executable, "-c", ""])
        owner = lease_module._owner().split()
        owner[-2] = str(gone.pid)
        gone.wait()
        store.client.set_tag(quiet.id, lease_module.OWNER, " ".join(owner))
        assert observer.held_by_others() == frozenset()


def test_a_live_process_of_another_host_keeps_what_it_is_storing(store, far):
    made, runs = study()
    with (
        open_study(store, made, runs) as log,
        closing(Lease(store, made.name)) as other,
    ):
        other.take(lambda held: [runs[0].fingerprint])
        tags = {
            "mlflow.parentRunId": log.study_id,
            "seedscope.role": "run",
            "seedscope.lease": other.id,
            "seedscope.part": "part-other",
            "seedscope.fingerprint": runs[0].fingerprint,
        }
        half = store.client.create_run(store.experiment.experiment_id, tags=tags)
        with open_study(store, made, runs) as second:
            assert half.info.run_id in {run.info.run_id for run in logged(store)}
            share = next(second.shares(3, 1, print))
            assert runs[0] not in share
        other.close()
        with open_study(store, made, runs):
            assert half.info.run_id not in {run.info.run_id for run in logged(store)}


def test_who_was_taken_for_dead_and_comes_back_doubles_nothing(store):
    made, runs = study()
    with open_study(store, made, runs) as slow:
        share = next(slow.shares(3, 1, print))
        store.client.delete_run(slow._lease.id)  # another host found it expired
        with open_study(store, made, runs) as quick:
            for more in quick.shares(1, 1, print):
                quick.add([trace(run) for run in more])
        slow.add([trace(run) for run in share])
    fingerprints = [run.data.tags["seedscope.fingerprint"] for run in logged(store)]
    assert sorted(fingerprints) == sorted(run.fingerprint for run in runs)


def test_what_another_finished_just_before_it_ended_is_not_trained_again(store):
    made, runs = study()
    with open_study(store, made, runs) as slow:
        with open_study(store, made, runs) as quick:
            held = next(quick.shares(1, 1, print))
            shares = slow.shares(1, 1, print)
            slow.add([trace(run) for run in next(shares)])
            mine = next(shares)  # the last look at what has finished
            quick.add([trace(run) for run in held])
        slow.add([trace(run) for run in mine])
        assert list(shares) == []
    assert len(logged(store)) == 3


def test_a_run_that_was_stored_twice_all_the_same_counts_once(store):
    made, runs = study()
    with open_study(store, made, runs) as log:
        log.add([trace(run) for run in runs])
        log.missing = [runs[0]]
        log.add([trace(runs[0])])
    assert len(logged(store)) == 4
    assert read_study(store, made.name).table.height == 3


def test_a_run_that_is_given_out_and_never_comes_back_ends_the_job(store):
    made, runs = study()
    with (
        open_study(store, made, runs) as log,
        pytest.raises(RuntimeError, match="none"),
    ):
        list(log.shares(3, 1, print))


@pytest.mark.long
def test_16_processes_on_a_fresh_store_share_its_studies_and_one_is_killed(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    script = Path(__file__).with_name("many.py")
    words = [uri, "many", "16", "2", "12", "0.2", "4"]
    done = subprocess.run(
        [sys.executable, str(script), *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    many = connect(Tracking(uri, "many", None, None, True), create=False)
    assert Counter(r.data.tags["seedscope.study"] for r in logged(many)) == {
        "s0": 12,
        "s1": 12,
    }
    for name in ("s0", "s1"):
        assert read_study(many, name).table["fingerprint"].n_unique() == 12
    assert len(search(many, "tags.`seedscope.role` = 'study'")) == 2
    assert {f.name for f in tmp_path.iterdir()} <= {
        "mlflow.db",
        "mlflow.db.lock",
        "mlartifacts",
    }
