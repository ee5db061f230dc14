"""Runs as tasks of a real Ray cluster: two nodes as processes of this machine."""

import os
import signal
import time

import pytest
from composing import plan, read

from seedscope.study.words import Launcher
from seedscope.training.launch import launchers

ray = pytest.importorskip("ray", reason="the extra seedscope[ray] is not installed")
launcher = pytest.importorskip("seedscope.training.launch.ray")

pytestmark = [
    pytest.mark.timeout(900),
    # Ray leaves sockets and files to the interpreter's end.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
TINY = ("factor=init", "replicates=6", "loop.epochs=1", "data=synthetic")
RUNS = (*TINY, "data.examples=100", "engine=sequential")


def trained(runs, options, notes=None):
    engine = read(*RUNS).engine
    told = [] if notes is None else notes
    groups = launchers.train(runs, engine, options, False, told.append)
    return {t.run.replicate: t for group in groups for t in group}


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 100 * 2**20}
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, **memory},
    )
    second = made.add_node(num_cpus=1, **memory)
    yield made, second
    ray.shutdown()
    made.shutdown()


@pytest.fixture(autouse=True)
def whole_tracebacks(monkeypatch):
    """What fails in a worker is told whole, as with --trace."""
    monkeypatch.setenv("SEEDSCOPE_TRACE", "1")


def kill(node):
    """End a node as a power cut does: its raylet and its workers."""
    for processes in node.all_processes.values():
        for info in processes:
            os.kill(info.process.pid, signal.SIGKILL)


def test_runs_are_the_same_bits_when_a_node_dies_in_the_middle(cluster):
    made, second = cluster
    runs = plan(*RUNS)
    local = trained(runs, Launcher("here"))
    notes = []
    options = Launcher("ray", address=made.address)
    groups = launchers.train(runs, read(*RUNS).engine, options, False, notes.append)
    remote = {}
    for group in groups:
        remote |= {trace.run.replicate: trace for trace in group}
        if len(remote) == 2:
            kill(second)
    assert sorted(remote) == list(range(6))
    assert {n: t.weights_sha256 for n, t in remote.items()} == {
        n: t.weights_sha256 for n, t in local.items()
    }
    assert {n: dict(t.scores) for n, t in remote.items()} == {
        n: dict(t.scores) for n, t in local.items()
    }
    assert any(note.startswith("Ray cluster: 2 nodes, 2 CPUs") for note in notes)
    assert all(trace.machine["hardware.cpu"] for trace in remote.values())


def test_a_mistake_of_the_user_and_too_large_a_task_are_said(cluster):
    made, _ = cluster
    options = Launcher("ray", address=made.address)
    wrong = plan(*RUNS, "loop.patience=2", "split.validation=0")
    with pytest.raises(ValueError, match=r"loop.patience needs validation data"):
        trained(wrong[:1], options)
    with pytest.raises(ValueError, match=r"launcher.cpus=64 .*lower what a task takes"):
        trained(wrong[:1], Launcher("ray", address=made.address, cpus=64))


def test_stopping_cancels_what_is_left(cluster):
    made, _ = cluster
    options = Launcher("ray", address=made.address)
    groups = launchers.train(plan(*RUNS), read(*RUNS).engine, options, False, print)
    next(groups)
    groups.close()  # as Ctrl-C does
    until = time.monotonic() + 60
    while ray.available_resources().get("CPU", 0) < 1 and time.monotonic() < until:
        time.sleep(0.2)
    assert ray.available_resources().get("CPU", 0) >= 1


def test_a_cluster_that_can_run_nothing_is_told_from_one_that_is_busy():
    def nodes(*cpus, alive=True):
        return [{"Alive": alive, "Resources": {"CPU": n}} for n in cpus]

    options = Launcher("ray", cpus=2)
    stalled = launcher.stalled
    assert stalled(nodes(2, 1), {"CPU": 1.0}, options) is None  # another's task runs
    assert "nothing runs" in stalled(nodes(2, 1), {"CPU": 3.0}, options)
    assert "none of its 2 nodes" in stalled(nodes(1, 1), {"CPU": 1.0}, options)
    dead = nodes(4, alive=False)
    assert "none of its 1 nodes" in stalled(dead + nodes(1), {"CPU": 1.0}, options)
