"""Run one repeat of a program in this process, and record it."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow import trainer as keras_trainer
from keras.src.optimizers.base_optimizer import BaseOptimizer

from seedscope.study.words import Run
from seedscope.training import runtime
from seedscope.verify.code import digests_of_modules
from seedscope.verify.recording import frames, scripts, switches
from seedscope.verify.recording.digests import of_arrays
from seedscope.verify.recording.draws import Draws
from seedscope.verify.recording.operations import Operations, remember_variables
from seedscope.verify.recording.patching import put
from seedscope.verify.recording.pipeline import Arrays, Stages
from seedscope.verify.recording.steps import Enough, Steps
from seedscope.verify.recording.taps import Taps
from seedscope.verify.words import Job, Program, Record


def run(job: Job) -> Record:
    """Run a job's program from start to end and return its record.

    Raises:
        Exception: whatever the program raises.
    """
    record = Record(job.level)
    script = job.program.script
    if script is not None:
        scripts.begin(job.program)
    elif job.program.run is not None:
        runtime.start(job.program.run.settings.runtime)
    touched = switches.apply(job.switches)
    made = remember_variables()
    draws = Draws()
    finishing = _watch(job, record, made)
    draws.install()
    started = time.perf_counter()
    try:
        kept = _run(job.program, record)
    except Enough:
        kept = None
    record.seconds = time.perf_counter() - started
    for finish in finishing:
        finish()
    draws.finish(record)
    record.touched = tuple(sorted(touched))
    _finish(record, job.program, made, kept)
    return record


def _watch(job: Job, record: Record, made: list[Any]) -> list[Callable[[], None]]:
    """Install what this level of watching asks for; return what ends it."""
    finishing: list[Callable[[], None]] = []
    frames.remember_where_layers_are_made()
    steps = Steps(record, job.until)
    _keep_initial_weights(record)
    _keep_scores(record)
    if job.level != "none":
        taps = Taps(record, layers=job.level == "operations")
        taps.install()
        steps.at_ends.append(taps.fetch)
        finishing.append(lambda: _drop(made, taps.own_variables))
    if job.level == "operations":
        Stages(record).install()
        operations = Operations(record, steps)
        operations.install()
        steps.at_ends.append(operations.next_step)
        finishing.append(operations.finish)
    Arrays(record).install()
    steps.install()
    return finishing


def _run(program: Program, record: Record) -> Any:
    """Run the program; return what must stay alive until its state was read."""
    if program.script is not None:
        scripts.run(program.script, record)
        return None  # its main module is kept
    if program.run is None:
        raise ValueError("neither parts nor a script")
    return _run_parts(program.run, record)


def _run_parts(run: Run, record: Record) -> Any:
    from seedscope.training.sequential import loops, naive

    own = run.settings.runtime.seeding == "sources"
    trace = (loops if own else naive).train(run)
    for name, value in trace.digests.items():
        record.loaded.append((name, value[:16], "the parts"))
    record.scores += [(name, float(v)) for name, v in trace.scores.items()]
    if trace.predictions is not None:
        record.outputs.append(("test", of_arrays([trace.predictions.outputs])))
    return trace


# ---- what is kept at any level -----------------------------------------------------


def _keep_initial_weights(record: Record) -> None:
    """Digest the weights that an optimizer is built for, before it moves them."""
    original = BaseOptimizer.build

    def build(optimizer: Any, variables: Any) -> Any:
        variables = list(variables)
        with tf.init_scope():
            for variable in variables:
                value = _value(variable)
                if value is not None:
                    path = str(getattr(variable, "path", variable.name))
                    record.initial.append((path, of_arrays([value])))
        return original(optimizer, variables)

    put(BaseOptimizer, "build", build)


def _keep_scores(record: Record) -> None:
    """Keep what `fit` and `evaluate` report, and digest what `predict` returns."""
    trainer = keras_trainer.TensorFlowTrainer
    fit, evaluate, predict = trainer.fit, trainer.evaluate, trainer.predict
    inside = [0]

    def kept_fit(model: Any, *args: Any, **kwargs: Any) -> Any:
        inside[0] += 1
        try:
            history = fit(model, *args, **kwargs)
        finally:
            inside[0] -= 1
        for name, values in getattr(history, "history", {}).items():
            record.scores += [(name, float(v)) for v in np.ravel(values)]
        return history

    def kept_evaluate(model: Any, *args: Any, **kwargs: Any) -> Any:
        found = evaluate(model, *args, **kwargs)
        if not inside[0]:
            named = (
                found.items() if isinstance(found, dict) else enumerate(np.ravel(found))
            )
            record.scores += [(f"evaluate/{n}", float(v)) for n, v in named]
        return found

    def kept_predict(model: Any, *args: Any, **kwargs: Any) -> Any:
        found = predict(model, *args, **kwargs)
        leaves = [np.asarray(v) for v in tf.nest.flatten(found)]
        record.outputs.append(("predict", of_arrays(leaves)))
        return found

    put(trainer, "fit", kept_fit)
    put(trainer, "evaluate", kept_evaluate)
    put(trainer, "predict", kept_predict)


def _drop(made: list[Any], own: set[int]) -> None:
    made[:] = [variable for variable in made if id(variable) not in own]


def _finish(record: Record, program: Program, made: list[Any], kept: Any) -> None:
    """Digest the state that the program ends with, and say what it ran on."""
    inner: set[int] = set()
    for variable in made:
        if isinstance(variable, keras.Variable):
            value = getattr(variable, "_value", None)
            inner |= {id(value), *(id(v) for v in getattr(value, "values", ()) or ())}
    for variable in made:
        value = None if id(variable) in inner else _value(variable)
        if value is None:
            continue
        path = str(getattr(variable, "path", variable.name))
        record.final.append((path, of_arrays([value])))
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            record.not_finite.append(path)
    record.facts = runtime.facts() | {"hash_seed": os.environ.get("PYTHONHASHSEED", "")}
    record.layers, record.owners = frames.layers_made(), frames.owners()
    record.code = digests_of_modules(_files(program))
    del kept


def _files(program: Program) -> list[Path]:
    """Return the files of the program's own code that were imported or run."""
    found = [getattr(m, "__file__", None) for m in list(sys.modules.values())]
    if program.script is not None and program.script.path is not None:
        found.append(program.script.path)
    return sorted({Path(f) for f in found if f and frames.of_whom(f) == "user"})


def _value(variable: Any) -> np.ndarray | None:
    """Return the value of a variable; None where it has none (yet, or any more)."""
    try:
        value = variable.value if isinstance(variable, keras.Variable) else variable
        if value is None or callable(value):
            return None
        return np.asarray(keras.ops.convert_to_numpy(value))
    except (ValueError, RuntimeError, NotImplementedError, tf.errors.OpError):
        return None
