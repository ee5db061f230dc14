"""One run of a script in a process of its own, from its start to what it leaves.

`run_once(job)` forks this process, which must have imported TensorFlow and made nothing
with it: the run is bit-equal to one in a fresh process and three times as fast. What a
process must be born with (threads, oneDNN) it has from the launcher, which starts one
for each runtime. `hooks` are functions by name ("package.module:function") that are
called with the `Harness` in the script's process, before the script begins; what they
put into `harness.extra` (plain data) comes back as `Outcome.record.extra`.
"""

import multiprocessing
import os
import pickle
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seedscope.study.words import Runtime, Script

if TYPE_CHECKING:
    from seedscope.training.checkpoint import Checkpoint
    from seedscope.training.script.record import Record

BY_ITSELF = "it ended by itself"
POLL = 0.01  # seconds between two looks at a running script
OUTPUT = "printed.txt"
RECORD = "record.pickle"
LONGEST = 4 << 20  # characters of printed output that are kept


@dataclass(frozen=True)
class Job:
    """One run of a script."""

    script: Script
    seeds: Mapping[str, int] | None  # source -> seed; none: as the script draws itself
    runtime: Runtime
    keep_weights: bool = False
    hooks: tuple[str, ...] = ()
    kept: "Checkpoint | None" = None  # of a planned run, where one is kept


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    record: "Record | None"  # none where its process was killed
    error: str | None  # for people, with the script's own lines
    printed: str
    seconds: float
    folder: Path  # what the script wrote; it belongs to the caller now


def run_once(job: Job, folder: Path) -> Outcome:
    """Run a script in a fork of this process.

    Args:
        job: what to run.
        folder: an empty folder for the run: `work` inside is where the script works.

    Raises:
        RuntimeError: this process has used TensorFlow: a fork would wait for its
            threads forever.
    """
    from tensorflow.python.eager import context

    if getattr(context.context_safe(), "_initialized", False):
        raise RuntimeError(
            "a process that has used TensorFlow cannot fork for a script"
        )
    (folder / "work").mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forks beside threads
        child = os.fork()
    if child == 0:
        _in_the_child(job, folder)
    status = _wait(child, started, job.script.timeout)
    return _outcome(job, folder, status, time.monotonic() - started)


# ---- in the parent -----------------------------------------------------------------


def _wait(child: int, started: float, timeout: float | None) -> int | None:
    """Return the child's wait status; none where it ran out of time."""
    try:
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status
            if timeout is not None and time.monotonic() - started > timeout:
                return None
            time.sleep(POLL)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # what it started must not outlive it
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


def _outcome(job: Job, folder: Path, status: int | None, seconds: float) -> Outcome:
    path = folder / RECORD
    record = pickle.loads(path.read_bytes()) if path.is_file() else None
    printed = folder / OUTPUT
    text = printed.read_text(errors="replace") if printed.is_file() else ""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n... left out ...\n{text[-LONGEST // 2 :]}"
    error = record.error if record is not None else _ending(job, status, text)
    if error and BY_ITSELF in error:
        error += _last(text)
    return Outcome(record, error, text, seconds, folder / "work")


def _ending(job: Job, status: int | None, printed: str) -> str:
    """Say how a process ended that left no record."""
    said = _last(printed)
    if status is None:
        return f"it ran longer than script.timeout={job.script.timeout:g} seconds{said}"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        why = " (often for lack of memory)" if number == signal.SIGKILL else ""
        return f"it was killed by {signal.Signals(number).name}{why}{said}"
    return f"it ended its process with status {os.waitstatus_to_exitcode(status)}{said}"


def _last(printed: str) -> str:
    lines = "".join(f"\n  {line}" for line in printed.splitlines()[-5:])
    return f"; it printed last:{lines}" if lines else ""


# ---- in the child ------------------------------------------------------------------


def _in_the_child(job: Job, folder: Path) -> None:
    """Run the script, leave its record, and end this process: never returns."""
    me, failed = os.getpid(), False
    try:
        os.setsid()
        _die_with(os.getppid())
        _streams(folder / OUTPUT)
        _run(job, folder, me)
    except BaseException:
        failed = True
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(int(failed or os.getpid() != me))


def _run(job: Job, folder: Path, me: int) -> None:
    from seedscope.training.script import folder as folders
    from seedscope.training.script import harness, own_mlflow, program, runtime_settings
    from seedscope.training.script.mistakes import ending

    script, work = job.script, folder / "work"
    home = program.home(script)
    before = folders.fill(home, work)
    os.environ.update(own_mlflow.environment(work))
    os.environ.update({k: str(v) for k, v in script.environment.items()})
    os.environ["MPLBACKEND"] = "Agg"
    sys.dont_write_bytecode = True
    os.chdir(work)
    runtime_settings.apply(job.runtime)
    held = harness.begin(job.seeds, script.max_epochs, script.max_steps, job.kept)
    own_mlflow.install(work, held.ledger.remarks)
    for name in job.hooks:
        module, _, function = name.partition(":")
        getattr(import_module(module), function)(held)
    guard = folders.Guard(home, work)
    guard.install()
    used = resource.getrusage(resource.RUSAGE_SELF)
    started, error = time.monotonic(), None
    try:
        program.run(script, home, work)
    except BaseException as raised:
        if os.getpid() != me:  # a process that the script forked came back here
            os._exit(1)
        error = ending(raised, script, home)
    if os.getpid() != me:
        os._exit(0)
    seconds = time.monotonic() - started
    guard.stop()
    record = harness.end(held, job.keep_weights)  # it may read data once more
    os.chdir(folder)
    record.seconds, record.error = seconds, error
    if job.kept is not None:
        record.seconds += job.kept.skipped - job.kept.spent
        record.said, record.went_on_after = job.kept.said, job.kept.epoch
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    record.facts["cpu_seconds"] = f"{cpu:.2f}"
    record.files = sorted(guard.opened)
    record.modules = program.own_modules(home)
    record.outside = sorted(guard.outside)
    record.remarks += [
        f"{name}, beside the script, changed while it ran: another run may read that"
        for name in folders.changed(before)
    ]
    _leave(record, folder / RECORD)


def _leave(record: "Record", path: Path) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(pickle.dumps(record))
    draft.rename(path)


def _streams(printed: Path) -> None:
    """Close the input, and send what is printed to a file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(printed, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for target, source in ((0, nothing), (1, out), (2, out)):
        os.dup2(source, target)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    # A daemon may start no processes; the script may.
    multiprocessing.current_process()._config["daemon"] = False  # pyright: ignore
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _die_with(parent: int) -> None:
    """Have the system end this process when its parent ends, where it can (Linux)."""
    with suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
