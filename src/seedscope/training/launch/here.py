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
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from seedscope.study.identity import Found, merged
from seedscope.study.words import Engine, Launcher, Run, Runtime
from seedscope.trace.trace import Trace
from seedscope.training import current, engines, trouble
from seedscope.training.engines import Note
from seedscope.training.launch.shares import Share

LESS = "lower engine.workers or engine.group_size"  # what takes less memory


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
            for pipe in cast(list[Connection], wait(list(busy))):
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
    asked = [(_take(share[0].settings.runtime, engine), share) for share in shares]
    for worker, share in asked:
        worker.send(("identify", share, engine))
    return lambda: merged([_answer(*one, engine) for one in asked])


def _answer(worker: "_Worker", share: list[Run], engine: Engine) -> Found:
    kind, content = worker.receive()
    if kind == "stale":
        worker.stop()
        worker = _start(worker.runtime, engine)
        worker.send(("identify", share, engine))
        kind, content = worker.receive()
    _release(worker)
    if kind == "mistake":
        raise ValueError(content)
    if kind == "failure":
        raise RuntimeError(f"a training process failed:\n{content}")
    return content


def slots(engine: Engine, options: Launcher, note: Note) -> int:
    """Return how many processes train side by side: as many as were asked for."""
    return engine.workers


def warm(runtime: Runtime, engine: Engine) -> None:
    """Start a process ahead of its work: TensorFlow takes seconds to import."""
    if not _idle.get(_key(runtime, engine.name == "script")):
        worker = _start(runtime, engine)
        worker.send(("train", (), engine))
        _release(worker)


def _begin(share: Share, engine: Engine) -> tuple["_Worker", Share]:
    worker = (_start if share.fresh else _take)(share.runtime, engine)
    worker.send(("train", share.runs, engine))
    return worker, share


# ---- processes, kept for the next job of a sweep -----------------------------------


@dataclass(frozen=True)
class _Worker:
    """The parent's end of one training process."""

    runtime: Runtime
    forks: bool  # for scripts: it makes nothing with TensorFlow itself
    process: BaseProcess
    pipe: Connection
    killed_before: int  # processes that were killed for memory before it started

    def receive(self) -> tuple[str, Any]:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):  # between two messages, or in the middle of one
            raise self.death() from None

    def send(self, content: Any) -> None:
        try:
            self.pipe.send(content)
        except OSError:
            raise self.death() from None

    def death(self) -> RuntimeError:
        """Say how the process ended, and what to do about it."""
        self.process.join()
        code = self.process.exitcode
        why = ""
        if code == -signal.SIGKILL:
            sure = _killed_for_memory() > self.killed_before
            why = (
                f" (killed {'' if sure else 'by the system, most likely '}for lack of "
                f"memory: {LESS})"
            )
        return RuntimeError(
            f"a training process died with exit code {code}{why}; what had finished is "
            "kept, start the same command again to train the rest"
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


_idle: dict[tuple, list[_Worker]] = {}


def _key(runtime: Runtime, forks: bool) -> tuple:
    """Return what a process was born with: the folders of modules are part of it.

    One that has trained has threads of TensorFlow's, which its forks would wait for.
    """
    return astuple(runtime), forks, *sys.path


def _take(runtime: Runtime, engine: Engine) -> _Worker:
    waiting = _idle.get(_key(runtime, engine.name == "script"))
    return waiting.pop() if waiting else _start(runtime, engine)


def _release(worker: _Worker) -> None:
    _idle.setdefault(_key(worker.runtime, worker.forks), []).append(worker)


def _start(runtime: Runtime, engine: Engine) -> _Worker:
    known = multiprocessing.get_all_start_methods()
    if multiprocessing.get_start_method() not in known:
        # joblib names a method of its own, which a new process would look for
        multiprocessing.set_start_method("spawn", force=True)
    context = multiprocessing.get_context("spawn")
    ours, theirs = cast(tuple[Connection, Connection], context.Pipe())
    process = context.Process(target=_serve, args=(theirs, runtime), daemon=True)
    killed_before = _killed_for_memory()
    with _environment(runtime), _no_main(), _no_interrupts():
        process.start()
    theirs.close()
    forks = engine.name == "script"
    return _Worker(runtime, forks, process, ours, killed_before)


def _killed_for_memory() -> int:
    """Return how many processes the kernel has killed here; 0 where it does not say."""
    try:
        events = Path("/sys/fs/cgroup/memory.events").read_text().split()
        return int(events[events.index("oom_kill") + 1])
    except (OSError, ValueError, IndexError):
        return 0


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Let a process be born deaf to Ctrl-C: its parent decides when to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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


def environment(runtime: Runtime) -> dict[str, str]:
    """Return the environment variables that a process of a runtime is born with."""
    wanted = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")}
    if runtime.hash_seed is not None:
        wanted["PYTHONHASHSEED"] = str(runtime.hash_seed)
    if runtime.onednn is not None:
        wanted["TF_ENABLE_ONEDNN_OPTS"] = str(int(runtime.onednn))
    return wanted


@contextmanager
def _environment(runtime: Runtime) -> Iterator[None]:
    """Set the environment variables that a process must be born with."""
    changed = environment(runtime)
    before = {key: os.environ.get(key) for key in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


# ---- in the training process ------------------------------------------------------


def _serve(pipe: Connection, runtime: Runtime) -> None:
    """Train the runs that arrive, and send what becomes of them, until told to stop.

    No runs are a message too: import the engine ahead of its work.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = current.Code()
    started: set[Callable[[Runtime], None]] = set()  # engines may start a process alike

    def send(kind: str, content: Any) -> None:
        try:
            pipe.send((kind, content))
        except OSError:
            sys.exit()  # the parent is gone, and nobody is left to be told

    while True:
        try:
            question, runs, options = pipe.recv()
        except (EOFError, OSError):
            return  # the parent is gone
        try:
            with _silent():
                engine = engines.load(options.name)
            if not runs:
                continue
            if code.is_stale(runs):
                send("stale", None)
                return
            current.check(runs)
            code.forget_changed_data(question, runs)
            if engine.start not in started:
                engine.start(runtime)
                started.add(engine.start)
            if question == "identify":
                found = engine.identify(runs, options)
                code.data = found.data
                send("found", found)
                continue
            checked = False
            for traces in engine.train(runs, options, lambda text: send("note", text)):
                if not checked:  # once more, when the code has been read
                    current.check(runs)
                    checked = True
                send("traces", traces)
            send("done", None)
        except MemoryError as error:
            send("mistake", f"a run needs more memory than there is ({error}); {LESS}")
        except Exception as error:
            send(*trouble.told(error))


def _end_with_parent() -> None:
    """End at once, without a word, when the parent has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


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
