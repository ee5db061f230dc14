"""Start the processes that repeats run in, and get their records back.

Every repeat has a process that shares nothing with the others. `fresh`: an interpreter
of its own for each. `fork`: copies of a process that has only imported TensorFlow; the
bits are those of fresh ones, but the hash seed and memory addresses are shared, so what
depends on these is not seen to differ.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seedscope.verify.words import CannotVerify, Job, Record

HOST = "seedscope.verify.recording.host"
SOURCE = Path(__file__).parents[2]
HELD_HASH = "0"  # PYTHONHASHSEED where it is held
WAYS = ("fresh", "fork")


@dataclass
class Processes:
    """Where repeats run; close it to end what it started."""

    way: str  # fresh | fork
    _folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="seedscope-verify-")
    )
    _hosts: dict[tuple[tuple[str, str], ...], subprocess.Popen[str]] = field(
        default_factory=dict
    )
    _jobs: int = 0

    def run(self, job: Job) -> Record:
        """Run one repeat and return its record.

        Raises:
            CannotVerify: the program failed, or its process died.
        """
        self._jobs += 1
        path = Path(self._folder.name, f"{self._jobs}.job")
        path.write_bytes(pickle.dumps(job))
        environment = born_with(job)
        if self.way == "fresh":
            done = subprocess.run(
                _command(str(path)),
                env=_whole(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
            )
            code, said = done.returncode, done.stderr.decode(errors="replace")
        else:
            code, said = self._ask(environment, path), ""
        return _outcome(path, code, said, job)

    def _ask(self, environment: Mapping[str, str], path: Path) -> int:
        key = tuple(sorted(environment.items()))
        host = self._hosts.get(key)
        if host is None:
            host = subprocess.Popen(
                _command("--serve"),
                env=_whole(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._hosts[key] = host
        if host.stdin is None or host.stdout is None:
            raise CannotVerify("a process was started without its pipes")
        host.stdin.write(f"{path}\n")
        host.stdin.flush()
        answer = host.stdout.readline()
        if not answer:
            self._hosts.pop(key).wait()
            return -1
        return int(answer)

    def close(self) -> None:
        """End every process that was started, and remove its files."""
        for host in self._hosts.values():
            if host.stdin is not None:
                host.stdin.close()
            host.wait()
            if host.stdout is not None:
                host.stdout.close()
        self._hosts.clear()
        self._folder.cleanup()


def born_with(job: Job) -> dict[str, str]:
    """Return the environment variables that a job's process must be born with."""
    wanted = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")}
    run, held = job.program.run, job.program.seeds == "held"
    if run is not None and run.settings.runtime.onednn is not None:
        wanted["TF_ENABLE_ONEDNN_OPTS"] = str(int(run.settings.runtime.onednn))
    if held or "hash_seed" in job.switches:
        seed = run.settings.runtime.hash_seed if run is not None and held else None
        wanted["PYTHONHASHSEED"] = HELD_HASH if seed is None else str(seed)
    return wanted


def _command(argument: str) -> list[str]:
    return [sys.executable, "-m", HOST, argument]


def _whole(environment: Mapping[str, str]) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **environment}


def _outcome(path: Path, code: int, said: str, job: Job) -> Record:
    record, error = path.with_suffix(".record"), path.with_suffix(".error")
    if record.exists():
        found = pickle.loads(record.read_bytes())
        record.unlink()
        return found
    name = job.program.name
    if error.exists():
        told = error.read_text().splitlines()[0]
        raise CannotVerify(f"{name} failed: {told}")
    last = (said.strip().splitlines() or [""])[-1]
    raise CannotVerify(
        f"the process of {name} died with exit code {code} "
        f"(-9: killed, often for lack of memory) {last}".rstrip()
    )
