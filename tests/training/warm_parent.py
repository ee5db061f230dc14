"""A process that has imported TensorFlow once, and forks one for each script's run."""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from composing import read

from seedscope.training.script.process import Job, Outcome

SOURCES = ("init", "shuffle", "dropout", "augmentation", "split", "data")
BASE = dict.fromkeys(SOURCES, 1)


class Parent:
    """The test's end of that process."""

    def __init__(self, pipe, folder: Path) -> None:
        self._pipe = pipe
        self._folder = folder

    def run(
        self, path, *overrides: str, seeds=BASE, hooks=(), keep=False, kept=None
    ) -> Outcome:
        """Run a script, or `-m module`, with settings of conf/train.yaml."""
        words = str(path).split()
        key = f"module={words[1]}" if words[0] == "-m" else f"path='{path}'"
        settings = read(f"script.{key}", *overrides).arms[0].settings
        job = Job(settings.script, seeds, settings.runtime, keep, tuple(hooks), kept)
        place = Path(tempfile.mkdtemp(dir=self._folder))
        self._pipe.send((job, place, os.getcwd()))
        return self._pipe.recv()


@contextmanager
def warm_parent(folder: Path) -> Iterator[Parent]:
    """Start the process, and stop it in the end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    try:
        process.start()
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
    theirs.close()
    try:
        yield Parent(ours, folder)
    finally:
        ours.close()
        process.join(10)
        process.terminate()


def _serve(pipe) -> None:
    from seedscope.training.script import harness, process

    assert harness
    while True:
        try:
            job, folder, cwd = pipe.recv()
        except (EOFError, OSError):
            return
        os.chdir(cwd)
        pipe.send(process.run_once(job, folder))
