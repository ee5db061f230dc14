"""What a run of a script costs next to the bare script: python benchmarks/script.py.

The bare script is a Python of its own for each run, as a user starts it. Inside the
script's own time the hooks show; the whole run has the fork and the record besides.
Runs of both kinds take turns, so that a busy machine is busy for both.
"""

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
SCRIPTS = ROOT / "tests" / "training" / "scripts"
NAMES = ("plain_fit", "dataset_and_callbacks", "own_loop")
TIMED = """
import runpy, sys, time, resource
import keras, tensorflow
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
path = sys.argv[1]
sys.argv = [path]
started, before = time.perf_counter(), cpu()
runpy.run_path(path, run_name="__main__")
print("TIMED", time.perf_counter() - started, cpu() - before)
"""


def main(repeats: int = 5) -> None:
    print(f"medians of {repeats} runs in turn, seconds; cpu: of the script itself")
    print(
        f"{'script':24}{'bare cpu':>10}{'inside':>8}{'':>7}{'bare all':>10}{'a run':>8}"
    )
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    parent = context.Process(target=serve, args=(theirs,), daemon=True)
    parent.start()
    for name in NAMES:
        path = SCRIPTS / f"{name}.py"
        rows = [(*bare(path), *inside(path, ours)) for _ in range(repeats)]
        cpu, whole, own, run = (statistics.median(c) for c in zip(*rows, strict=True))
        share = f"{100 * (own / cpu - 1):+.0f} %"
        print(f"{name:24}{cpu:10.2f}{own:10.2f}{share:>10}{whole:10.1f}{run:10.1f}")


def bare(path: Path) -> tuple[float, float]:
    """Return the script's own processor time, and how long it took from its start."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", TIMED, str(path)],
            cwd=folder,
            env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/m.db"},
            capture_output=True,
            text=True,
            check=True,
        )
        whole = time.perf_counter() - started
    line = next(s for s in done.stdout.splitlines() if s.startswith("TIMED"))
    return float(line.split()[2]), whole


def inside(path: Path, pipe) -> tuple[float, float]:
    """Return the same of a run under seedscope, in a fork."""
    started = time.perf_counter()
    pipe.send(str(path))
    own = pipe.recv()
    return own, time.perf_counter() - started


def serve(pipe) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from composing import read

    from seedscope.training.script import harness, process

    assert harness
    while True:
        path = pipe.recv()
        settings = read(f"script.path='{path}'").arms[0].settings
        seeds = dict.fromkeys(
            ("init", "shuffle", "dropout", "augmentation", "split", "data"), 1
        )
        job = process.Job(settings.script, seeds, settings.runtime)
        with tempfile.TemporaryDirectory() as folder:
            done = process.run_once(job, Path(folder))
        if done.error or done.record is None:
            raise SystemExit(done.error)
        pipe.send(float(done.record.facts["cpu_seconds"]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
