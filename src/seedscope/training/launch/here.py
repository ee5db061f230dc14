"""The launcher `here`: training processes on this machine, one per runtime.

The parent never imports TensorFlow: threads, devices and determinism are fixed when a
process starts, so each runtime gets processes of its own. A process trains its runs
with the engine of the study and sends each finished group of traces through a pipe,
which holds a fast engine back until the traces have been stored.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from seedscope.study.identity import Found, merged
from seedscope.study.words import Engine, Launcher, Run, Runtime
from seedscope.trace.trace import Trace
from seedscope.training import current, engines
from seedscope.training.engines import Note
from seedscope.training.launch.shares import Share


def submit(
    shares: Sequence[Share], engine: Engine, options: Launcher, note: Note
) -> Iterator[list[Trace]]:
    """Train shares in processes of this machine; see `launchers.Launcher`."""
    waiting, busy = list(reversed(shares)), dict[Connection, tuple[_Worker, Share]]()
    try:
        while waiting or busy:
            while waiting and len(busy) < engine.workers:
                worker, share = _begin(waiting.pop(), engine)
                busy[worker.pipe] = (worker, share)
            for pipe in wait(list(busy)):
                kind, content = busy[pipe][0].receive()
                if kind == "traces":
                    yield content
                elif kind == "note":
                    note(content)
                elif kind == "stale":
                    worker, share = busy.pop(pipe)
                    worker.stop()
                    waiting.append(share)
                else:
                    worker, share = busy.pop(pipe)
                    worker.stop() if share.fresh else _release(worker)
                    if kind == "mistake":
                        raise ValueError(content)
                    if kind == "failure":
                        raise RuntimeError(f"a training process failed:\n{content}")
    finally:
        for worker, _ in busy.values():
            worker.stop()


def ask(samples: Sequence[Run], engine: Engine) -> Callable[[], Found]:
    """Ask the processes that will train what a run's identity needs of them.

    Args:
        samples: one run of each arm, and one for the data alone.
        engine: as configured.

    Returns:
        A function that waits for the answer; meanwhile other work can be done.
    """
    by_runtime: dict[tuple, list[Run]] = {}
    for run in samples:
        by_runtime.setdefault(astuple(run.settings.runtime), []).append(run)
    shares = list(by_runtime.values())
    if engine.name not in ("auto", "batched"):  # any process can look at the data
        shares = [list(samples)]
    asked = [(_take(share[0].settings.runtime), share) for share in shares]
    for worker, share in asked:
        worker.pipe.send(("identify", share, engine))
    return lambda: merged([_answer(*one, engine) for one in asked])


def _answer(worker: "_Worker", share: list[Run], engine: Engine) -> Found:
    kind, content = worker.receive()
    if kind == "stale":
        worker.stop()
        worker = _start(worker.runtime)
        worker.pipe.send(("identify", share, engine))
        kind, content = worker.receive()
    _release(worker)
    if kind == "mistake":
        raise ValueError(content)
    if kind == "failure":
        raise RuntimeError(f"a training process failed:\n{content}")
    return content


def warm(runtime: Runtime, engine: Engine) -> None:
    """Start a process ahead of its work: TensorFlow takes seconds to import."""
    if not _idle.get(astuple(runtime)):
        worker = _start(runtime)
        worker.pipe.send(("train", (), engine))
        _release(worker)


def _begin(share: Share, engine: Engine) -> tuple["_Worker", Share]:
    worker = _start(share.runtime) if share.fresh else _take(share.runtime)
    worker.pipe.send(("train", share.runs, engine))
    return worker, share


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
    waiting = _idle.get(astuple(runtime))
    return waiting.pop() if waiting else _start(runtime)


def _release(worker: _Worker) -> None:
    _idle.setdefault(astuple(worker.runtime), []).append(worker)


def _start(runtime: Runtime) -> _Worker:
    known = multiprocessing.get_all_start_methods()
    if multiprocessing.get_start_method() not in known:
        # joblib names a method of its own, which a new process would look for
        multiprocessing.set_start_method("spawn", force=True)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, runtime), daemon=True)
    with _environment(runtime), _no_main():
        process.start()
    theirs.close()
    return _Worker(runtime, process, ours)


@contextmanager
def _no_main() -> Iterator[None]:
    """Keep a new process from importing the program that was started as `__main__`.

    It would run a user's script again that calls `seedscope.train`.
    """
    main = vars(sys.modules["__main__"])
    before = {key: main[key] for key in ("__file__", "__spec__") if key in main}
    main.pop("__file__", None)
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(before)


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


def _serve(pipe: Connection, runtime: Runtime) -> None:
    """Train the runs that arrive, and send what becomes of them, until told to stop.

    No runs are a message too: import the engine ahead of its work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    code = current.Code()
    started: set[Callable[[Runtime], None]] = set()  # engines may start a process alike
    while True:
        try:
            question, runs, options = pipe.recv()
        except EOFError:
            return  # the parent is gone
        try:
            with _silent():
                engine = engines.load(options.name)
            if not runs:
                continue
            if code.is_stale(runs):
                pipe.send(("stale", None))
                return
            current.check(runs)
            if engine.start not in started:
                engine.start(runtime)
                started.add(engine.start)
            if question == "identify":
                pipe.send(("found", engine.identify(runs, options)))
                continue
            checked = False
            for traces in engine.train(
                runs, options, lambda text: pipe.send(("note", text))
            ):
                if not checked:  # once more, when the code has been read
                    current.check(runs)
                    checked = True
                pipe.send(("traces", traces))
            pipe.send(("done", None))
        except ValueError as error:
            pipe.send(("mistake", str(error)))
        except Exception:
            pipe.send(("failure", traceback.format_exc()))


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
