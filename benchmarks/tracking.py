"""What storing a run in MLflow costs: seedscope, and one MLflow call for each number.

python benchmarks/tracking.py            minutes: SQLite, and a server in front of it
python benchmarks/tracking.py runs=50    more runs of each kind

Both store the same runs in one process, in turns; CPU time, calls of MLflow's client
and statements of SQL are counted, so that a busy machine moves the ratio little.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "store"))

import mlflow
import numpy as np
from composing import plan, read
from mlflow import MlflowClient
from mlflow.entities import Metric
from servers import Server
from sqlalchemy import event
from sqlalchemy.engine import Engine

from seedscope.store import log as log_module
from seedscope.store.log import open_study
from seedscope.store.store import Store, connect
from seedscope.study.words import Run, Tracking
from seedscope.trace.trace import Predictions, Trace

STEPS, EPOCHS, TESTED = 555, 15, 360  # of the digits study
GROUP = 8  # runs that are stored together
THINNED, FULL = 50, 1000  # points of a curve: in a large study, and all of them
counted: Counter[str] = Counter()


def main(words: list[str]) -> None:
    """Print a line for each way to store runs."""
    runs = int(dict(word.split("=") for word in words).get("runs", 16))
    _count_calls()
    print(f"{'':34}{'numbers':>8}{'CPU ms':>8}{'wall ms':>8}{'calls':>7}{'SQL':>6}")
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/mlflow.db"
        for points, kind in ((THINNED, "thinned curves"), (FULL, "full curves")):
            ours = _measured(f"SQLite, {kind}", uri, points, runs, _seedscope)
            theirs = _measured("  one call a number", uri, points, 4, _one_by_one)
            print(f"{'  ratio':34}{theirs / ours:>16.1f}")
        server = Server(uri, Path(folder, "artifacts"))
        try:
            for points, kind in ((THINNED, "thinned curves"), (FULL, "full curves")):
                _measured(f"server, {kind}", server.uri, points, runs, _seedscope)
            log_module.SIDE_BY_SIDE = 1
            _measured("  one after the other", server.uri, FULL, runs, _seedscope)
        finally:
            server.kill()


def _measured(
    name: str, uri: str, points: int, runs: int, store_all: Callable
) -> float:
    """Print what a run costs; return its CPU seconds in this process."""
    words = ("factor=init", f"replicates={runs + 1}", f"tracking.curve_points={points}")
    planned = plan(*words, f"name=points{points}")
    traces = [trace_of(run) for run in planned]
    store = connect(Tracking(uri, f"{name}{time.time()}", None, None, True))
    with store_all(store, (*words, f"name=points{points}"), planned) as add:
        add(traces[:1])  # what is done once a study
        counted.clear()
        cpu, wall = time.process_time(), time.perf_counter()
        for start in range(1, runs + 1, GROUP):
            add(traces[start : start + GROUP])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    numbers = sum(1 for _ in log_module._metrics(traces[0], points))
    calls = sum(n for what, n in counted.items() if what != "SQL")
    print(
        f"{name:34}{numbers:>8}{1e3 * cpu / runs:>8.0f}{1e3 * wall / runs:>8.0f}"
        f"{calls / runs:>7.1f}{counted['SQL'] / runs:>6.0f}",
        flush=True,
    )
    return cpu / runs


@contextmanager
def _seedscope(store: Store, words: tuple[str, ...], runs: list[Run]) -> Iterator:
    with open_study(store, read(*words), runs) as log:
        yield log.add


@contextmanager
def _one_by_one(store: Store, words: tuple[str, ...], runs: list[Run]) -> Iterator:
    """Store the same numbers and words, each by a call of its own."""
    client, study = store.client, read(*words)

    def add(traces: list[Trace]) -> None:
        for trace in traces:
            run_id = client.create_run(store.experiment.experiment_id).info.run_id
            for key, value in log_module._run_tags(study, trace).items():
                client.set_tag(run_id, key, value[:500])
            for key, value in log_module._run_params(trace.run).items():
                client.log_param(run_id, key, value[:500])
            for number in log_module._metrics(trace, int(words[2].split("=")[1])):
                _log(client, run_id, number)
            client.set_terminated(run_id)

    yield add


def _log(client: MlflowClient, run_id: str, number: Metric) -> None:
    client.log_metric(run_id, number.key, number.value, number.timestamp, number.step)


def _count_calls() -> None:
    """Count the calls of MLflow's client that write, and the statements of SQL."""
    for name in (
        *("create_run", "log_batch", "log_metric", "log_param", "set_tag"),
        *("log_inputs", "set_terminated", "log_artifacts", "get_run", "update_run"),
    ):
        _count(name, getattr(MlflowClient, name))
    event.listen(
        Engine,
        "before_cursor_execute",
        lambda *_: counted.update(["SQL"]),
    )


def _count(name: str, call: Callable) -> None:
    def counting(*args: object, **more: object) -> object:
        counted[name] += 1
        return call(*args, **more)

    setattr(MlflowClient, name, counting)


def trace_of(run: Run) -> Trace:
    """Return a trace as the digits study leaves it, made of random numbers."""
    draw = np.random.default_rng(run.replicate)
    outputs = draw.dirichlet(np.ones(10), TESTED).astype(np.float32)
    names = ("loss", "accuracy")
    return Trace(
        run,
        scores={f"test/{name}": float(draw.random()) for name in names},
        steps_per_epoch=STEPS // EPOCHS,
        batch={name: draw.random(STEPS, np.float32) for name in names},
        batch_reported={name: draw.random(STEPS, np.float32) for name in names},
        train={name: draw.random(EPOCHS) for name in names},
        val={name: draw.random(EPOCHS) for name in names},
        weights_sha256=tuple(f"{epoch:064}" for epoch in range(EPOCHS + 1)),
        predictions=Predictions(
            np.arange(TESTED),
            draw.integers(0, 10, TESTED),
            outputs,
            outputs.argmax(axis=1),
        ),
        digests={name: 64 * "0" for name in ("data", "split", "order")},
        seconds=1.0,
        step_seconds=0.001,
        facts={"engine": "batched", "tensorflow": "2", "keras": "3", "python": "3"},
    )


if __name__ == "__main__":
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    mlflow.set_tracking_uri(None)
    main(sys.argv[1:])
