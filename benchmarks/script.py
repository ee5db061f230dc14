"""What a run of a script costs next to the bare script: python benchmarks/script.py.

Two costs, each measured in turn with the bare script, so that a busy machine is busy
for both. Processor time: the whole process of a run (working folder, hooks, record)
against the same script in a process forked from the same parent with none of them.
Time: a run against a Python of its own, as a user starts it.
"""

import multiprocessing
import os
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
SCRIPTS = ROOT / "tests" / "training" / "scripts"
NAMES = ("plain_fit", "dataset_and_callbacks", "own_loop")
SOURCES = ("init", "shuffle", "dropout", "augmentation", "split", "data")
HEADS = ("script", "bare cpu", "a run", "ratio", "fresh time", "a run")


def main(rounds: int = 10, alone: int = 3) -> None:
    from seedscope.stats.ratio import paired_ratio

    print(f"{rounds} rounds in turn ({alone} of a fresh Python); seconds, means; 95 %")
    print("{:24}{:>10}{:>8}{:>22}{:>12}{:>8}".format(*HEADS))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    parent = context.Process(target=serve, args=(theirs,), daemon=True)
    parent.start()

    def asked(kind: str, path: Path) -> tuple[float, float]:
        started = time.perf_counter()
        ours.send((kind, str(path)))
        return ours.recv(), time.perf_counter() - started

    for name in NAMES:
        path = SCRIPTS / f"{name}.py"
        asked("plain", path)  # both once, so that neither pays for what comes first
        asked("run", path)
        pairs = [(asked("plain", path), asked("run", path)) for _ in range(rounds)]
        bare = np.array([plain[0] for plain, _ in pairs])
        cpu = np.array([run[0] for _, run in pairs])
        fresh = [whole(path) for _ in range(alone)]
        run = [asked("run", path)[1] for _ in range(alone)]
        ratio, interval, _ = paired_ratio(cpu, bare)
        told = f"{ratio:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
        times = f"{np.mean(fresh):12.1f}{np.mean(run):8.1f}"
        print(f"{name:24}{bare.mean():10.2f}{cpu.mean():8.2f}{told:>22}{times}")


def whole(path: Path) -> float:
    """Return the seconds of the script in a Python of its own."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, str(path)], cwd=folder, capture_output=True, check=True
        )
        return time.perf_counter() - started


def serve(pipe) -> None:
    """Fork a process for each request, and answer with its processor seconds."""
    sys.path.insert(0, str(ROOT / "tests"))
    from composing import read

    from seedscope.training.script import harness, process

    assert harness
    while True:
        kind, path = pipe.recv()
        before = children()
        with tempfile.TemporaryDirectory() as folder:
            if kind == "plain":
                plain(path, folder)
            else:
                settings = read(f"script.path='{path}'").arms[0].settings
                seeds = dict.fromkeys(SOURCES, 1)
                job = process.Job(settings.script, seeds, settings.runtime)
                done = process.run_once(job, Path(folder))
                if done.error:
                    raise SystemExit(done.error)
        pipe.send(children() - before)


def plain(path: str, folder: str) -> None:
    """Run a script in a fork, as it is."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nothing, stream)
        sys.path.insert(0, str(Path(path).parent))
        sys.argv = [path]
        runpy.run_path(path, run_name="__main__")
        os._exit(0)
    os.waitpid(child, 0)


def children() -> float:
    """Return the processor seconds of all processes that ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
