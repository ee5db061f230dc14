"""Start training processes, one per runtime, and hand over traces as they finish.

The parent never imports TensorFlow: threads, devices and determinism are fixed when a
process starts, so each runtime gets processes of its own. A process trains its runs
with the engine of the study and sends each finished group of traces through a pipe,
which holds a fast engine back until the traces have been stored.
"""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from seedscope.study.words import Engine, Run, Runtime
from seedscope.trace.trace import Trace


def train(
    runs: Sequence[Run],
    engine: Engine,
    fresh_process: bool,
    note: Callable[[str], None],
) -> Iterator[list[Trace]]:
    """Train runs and yield their traces, a finished group at a time.

    Args:
        runs: planned runs, of any arms.
        engine: which engine, and how many processes side by side.
        fresh_process: give every run a process of its own.
        note: is told what a reader should know, such as why an engine was not used.

    Raises:
        ValueError: data, model and settings do not fit each other.
        RuntimeError: a training process failed; its traceback is in the message.
    """
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            note(text)

    for share in _shares(runs, engine.workers, fresh_process):
        yield from _train_side_by_side(share, engine, fresh_process, tell)


def warm(runtime: Runtime) -> None:
    """Start a process ahead of its work: TensorFlow takes seconds to import."""
    if not _idle.get(_key(runtime)):
        _release(_start(runtime))


def _key(runtime: Runtime) -> tuple:
    return tuple(asdict(runtime).items())


def _shares(
    runs: Sequence[Run], workers: int, fresh_process: bool
) -> Iterator[list[list[Run]]]:
    """Yield lists of shares; the shares of a list train side by side."""
    by_runtime: dict[tuple, list[Run]] = {}
    for run in runs:
        by_runtime.setdefault(_key(run.settings.runtime), []).append(run)
    if fresh_process:  # one repeat of every level after the other: their times compare
        singles = [[run] for run in sorted(runs, key=lambda run: run.replicate)]
        yield from (singles[i : i + workers] for i in range(0, len(runs), workers))
        return
    for group in by_runtime.values():
        yield [part for i in range(workers) if (part := group[i::workers])]


def _train_side_by_side(
    shares: list[list[Run]],
    engine: Engine,
    fresh_process: bool,
    note: Callable[[str], None],
) -> Iterator[list[Trace]]:
    busy: dict[Connection, _Worker] = {}
    try:
        for share in shares:
            runtime = share[0].settings.runtime
            worker = _start(runtime) if fresh_process else _take(runtime)
            busy[worker.pipe] = worker
            worker.pipe.send((share, engine))
        while busy:
            for pipe in wait(list(busy)):
                kind, content = busy[pipe].receive()
                if kind == "traces":
                    yield content
                elif kind == "note":
                    note(content)
                else:
                    worker = busy.pop(pipe)
                    worker.stop() if fresh_process else _release(worker)
                    if kind == "mistake":
                        raise ValueError(content)
                    if kind == "failure":
                        raise RuntimeError(f"a training process failed:\n{content}")
    finally:
        for worker in busy.values():
            worker.stop()


# ---- processes, kept for the next job of a sweep -----------------------------------


@dataclass(frozen=True)
class _Worker:
    """The parent's end of one training process."""

    runtime: Runtime
    process: BaseProcess
    pipe: Connection

    def receive(self) -> tuple[str, Any]:
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(
                f"a training process died with exit code {self.process.exitcode} "
                "(-9: killed, often for lack of memory); what had finished is kept, "
                "start the same command again to train the rest"
            ) from None

    def stop(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


_idle: dict[tuple, list[_Worker]] = {}


def _take(runtime: Runtime) -> _Worker:
    waiting = _idle.get(_key(runtime))
    return waiting.pop() if waiting else _start(runtime)


def _release(worker: _Worker) -> None:
    _idle.setdefault(_key(worker.runtime), []).append(worker)


def _start(runtime: Runtime) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, runtime), daemon=True)
    with _environment(runtime):
        process.start()
    theirs.close()
    return _Worker(runtime, process, ours)


@contextmanager
def _environment(runtime: Runtime) -> Iterator[None]:
    """Set the environment variables that a process must be born with."""
    wanted = {
        "PYTHONHASHSEED": None if runtime.hash_seed is None else str(runtime.hash_seed),
        "TF_ENABLE_ONEDNN_OPTS": (
            None if runtime.onednn is None else str(int(runtime.onednn))
        ),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
    }
    before = {key: os.environ.get(key) for key in wanted}
    changed = {key: value for key, value in wanted.items() if value is not None}
    os.environ.update(changed)
    try:
        yield
    finally:
        for key in changed:
            if before[key] is None:
                del os.environ[key]
            else:
                os.environ[key] = before[key]


# ---- in the training process ------------------------------------------------------


def _serve(pipe: Connection, settings: Runtime) -> None:
    """Train the runs that arrive, and send what becomes of them, until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    with _silent():
        from seedscope.training import runtime
    started = False
    while True:
        try:
            runs, engine = pipe.recv()
        except EOFError:
            return  # the parent is gone
        try:
            if not started:
                runtime.start(settings)
                started = True
            for traces in _train(runs, engine, lambda text: pipe.send(("note", text))):
                pipe.send(("traces", traces))
            pipe.send(("done", None))
        except ValueError as error:
            pipe.send(("mistake", str(error)))
        except Exception:
            pipe.send(("failure", traceback.format_exc()))


def _train(
    runs: list[Run], engine: Engine, note: Callable[[str], None]
) -> Iterator[list[Trace]]:
    from seedscope.training.sequential import loops as sequential
    from seedscope.training.sequential import naive

    if engine.name != "sequential":
        from seedscope.training.batched import batched

    one_by_one = runs
    if engine.name != "sequential":
        reasons = [batched.refusal(run, engine) for run in runs]
        together = [r for r, why in zip(runs, reasons, strict=True) if why is None]
        one_by_one = [r for r, why in zip(runs, reasons, strict=True) if why]
        for why in dict.fromkeys(filter(None, reasons)):
            if engine.name == "batched":
                raise ValueError(f"engine=batched cannot train this: {why}")
            note(f"trained one by one: {why}")
        yield from batched.train(together, engine)
    for run in one_by_one:
        own = run.settings.runtime.seeding == "sources"
        yield [(sequential if own else naive).train(run, engine.keep_weights)]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep TensorFlow's start-up chatter off the terminal."""
    terminal = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
