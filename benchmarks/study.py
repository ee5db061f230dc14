"""Where the time of a whole study goes: CPU and wall seconds by phase.

python benchmarks/study.py                        the default study, 6 x 10 runs
python benchmarks/study.py replicates=100         6 x 100 runs
python benchmarks/study.py study=null factor=init   one job

The words are those of src/train.py; the store is a temporary one.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from seedscope.commands import compare, train
from seedscope.training.launch import here, launchers

seconds: dict[str, list[float]] = {}  # phase -> wall and CPU of its thread, calls


def main(words: list[str]) -> None:
    """Run one study, and print its phases."""
    _time(train, "_check", "reading the command")
    _time(train, "_train", "jobs, storing aside")
    _time(compare, "ahead", "  importing what compares")
    _time(compare, "compare_sweep", "comparing, with its figures")
    _since(here, "_start", "first process starts")
    asked = launchers.ask

    def ask(*about: object) -> Callable:
        wait = asked(*about)
        if "  importing MLflow" not in seconds:
            modules = ("log", "store")
            log, store = _timed(
                "  importing MLflow",
                lambda: [import_module(f"seedscope.store.{m}") for m in modules],
            )
            _time(store, "connect", "  opening the store")
            _time(log.StudyLog, "add", "storing, beside training")
            train_all = launchers.train
            launchers.train = lambda *what: _waited(train_all(*what))
        return lambda: _timed("  waiting for TensorFlow and the data", wait)

    launchers.ask = ask
    with tempfile.TemporaryDirectory() as folder:
        given = words or ["study=digits"]
        if not any(word.startswith("study=") for word in given):
            given = ["study=digits", *given]
        train.main([*given, f"tracking.uri=sqlite:///{folder}/mlflow.db"])
    total = _age()
    for workers in here._idle.values():
        for worker in workers:
            worker.stop()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n{'phase':40}{'wall s':>8}{'CPU s':>8}{'calls':>7}")
    for name, (wall, cpu, calls) in seconds.items():
        print(f"{name:40}{wall:>8.1f}{cpu:>8.1f}{calls:>7.0f}")
    print(f"{'all of this process':40}{total:>8.1f}{time.process_time():>8.1f}")
    print(f"{'training processes':48}{children.ru_utime + children.ru_stime:>8.1f}")


def _age() -> float:
    """Return the seconds since this process started."""
    return time.time() - psutil.Process().create_time()


def _waited(groups):
    while True:
        group = _timed("  waiting for trained groups", lambda: next(groups, None))
        if group is None:
            return
        yield group


def _timed(name: str, do: Callable) -> object:
    held = seconds.setdefault(name, [0, 0, 0])
    wall, cpu = time.perf_counter(), time.thread_time()
    try:
        return do()
    finally:
        held[0] += time.perf_counter() - wall
        held[1] += time.thread_time() - cpu
        held[2] += 1


def _time(where: object, name: str, phase: str) -> None:
    call = getattr(where, name)
    setattr(where, name, lambda *a, **k: _timed(phase, lambda: call(*a, **k)))


def _since(where: object, name: str, phase: str) -> None:
    call = getattr(where, name)

    def first(*args: object) -> object:
        seconds.setdefault(phase, [_age(), time.process_time(), 1])
        return call(*args)

    setattr(where, name, first)


if __name__ == "__main__":
    main(sys.argv[1:])
