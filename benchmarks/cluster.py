"""What a run costs the parent of a cluster, and where the parent is the limit.

python benchmarks/cluster.py        a minute; a local Ray cluster and a SQLite store
"""

import os
import pickle
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from composing import plan, read

from seedscope.store.log import open_study
from seedscope.store.store import connect
from seedscope.study.words import Launcher, Tracking
from seedscope.training.launch import launchers

RUNS = 24
WORDS = (
    *("factor=init", f"replicates={RUNS}", "data=digits", "loop.epochs=5"),
    "engine=sequential",
)
MACHINES, CORES = 50, 32  # of the cluster that is asked about
ASKED = 60_000  # runs


def main() -> None:
    from seedscope.training.launch import ray as launcher

    ray = launcher.ray
    study, runs = read(*WORDS), plan(*WORDS)
    started = time.perf_counter()
    launcher.slots(study.engine, Launcher("ray"), print)
    print(f"joining a cluster made here: {time.perf_counter() - started:.1f} s")

    nothing, sent = ray.remote(lambda run: run), pickle.dumps(runs[0])
    ray.get(nothing.remote(sent))
    started = time.perf_counter()
    ray.get([nothing.remote(sent) for _ in range(20 * RUNS)])
    task = (time.perf_counter() - started) / (20 * RUNS)
    print(f"a task without work: {1e3 * task:.1f} ms")

    started = time.perf_counter()
    groups = launchers.train(runs, study.engine, Launcher("ray"), False, print)
    traces = [trace for group in groups for trace in group]
    wall = time.perf_counter() - started
    print(f"{RUNS} runs on it: {wall:.1f} s, TensorFlow's start included")
    back = len(pickle.dumps(traces[0]))
    print(f"sent a run: {len(sent) / 1e3:.1f} kB; back: {back / 1e3:.1f} kB")
    ray.shutdown()

    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/mlflow.db"
        store = connect(Tracking(uri, "cluster", None, None, True))
        with open_study(store, study, runs) as log:
            log.add(traces[:1])  # what is done once a process
            started = time.perf_counter()
            for trace in traces[1:]:
                log.add([trace])
            stored = (time.perf_counter() - started) / (RUNS - 1)
    print(f"storing a run in SQLite: {1e3 * stored:.0f} ms")

    once = task + stored
    print(
        f"the parent takes {1e3 * once:.0f} ms a run: {1 / once:.0f} runs a second, "
        f"{ASKED:,} runs in {ASKED * once / 3600:.1f} h at least; {MACHINES} machines "
        f"of {CORES} cores keep it busy where a run trains less than "
        f"{MACHINES * CORES * once:.0f} s on a core"
    )


if __name__ == "__main__":
    main()
