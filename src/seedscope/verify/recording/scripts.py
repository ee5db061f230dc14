"""Run a script as studies do: at home in a folder of its own, its seeds held or not."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import keras

from seedscope.study.words import Script
from seedscope.training.script import folder as folders
from seedscope.training.script import harness, own_mlflow, runtime_settings
from seedscope.training.script import program as programs
from seedscope.verify.recording.digests import of_bytes
from seedscope.verify.words import Program, Record


def begin(program: Program) -> None:
    """Give this process the runtime of a script, and its seeds where they are held."""
    script, run = program.script, program.run
    if script is None or run is None:
        return
    os.environ.update({k: str(v) for k, v in script.environment.items()})
    os.environ["MPLBACKEND"] = "Agg"
    sys.dont_write_bytecode = True
    runtime_settings.apply(run.settings.runtime)
    if program.seeds == "held":
        harness.begin(run.seeds, script.max_epochs, script.max_steps)
        return
    if script.max_epochs is not None:
        keras.config.set_max_epochs(script.max_epochs)
    if script.max_steps is not None:
        keras.config.set_max_steps_per_epoch(script.max_steps)


def run(script: Script, record: Record) -> None:
    """Run a script to its end, and digest the files that it opened beside it.

    Raises:
        RuntimeError: it ends itself with an error.
    """
    home, before = programs.home(script), Path.cwd()
    work = Path(tempfile.mkdtemp(prefix="seedscope-script-"))
    folders.fill(home, work)
    os.environ.update(own_mlflow.environment(work))
    os.chdir(work)
    own_mlflow.install(work, {})
    guard = folders.Guard(home, work)
    guard.install()
    try:
        programs.run(script, home, work)
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise RuntimeError(f"the script ended with exit({stop.code!r})") from None
    finally:
        guard.stop()
        os.chdir(before)
        for name in sorted(guard.opened):
            file = Path(name)
            if file.is_file() and file.suffix != ".py":
                digest = of_bytes(file.read_bytes())
                record.loaded.append((f"file {file.name}", digest, "read"))
        shutil.rmtree(work, ignore_errors=True)
