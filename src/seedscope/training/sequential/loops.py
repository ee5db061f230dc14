"""Train one run after the other through real Keras loops: the engine for any model."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.task import noise
from seedscope.task.data.load import load
from seedscope.task.data.streams import Streams
from seedscope.task.model import build
from seedscope.task.objective import batch_values
from seedscope.task.step import only_keras
from seedscope.trace.trace import Trace, digest
from seedscope.training import checkpoint, runtime
from seedscope.training.checkpoint import Checkpoint
from seedscope.training.resume import Resume, unrestorable
from seedscope.training.sequential import own
from seedscope.training.sequential.pipeline import planned_batches
from seedscope.training.sequential.prepare import NO_XLA, Task, compile_model, prepare
from seedscope.training.sequential.recording import Recorder, recording, trace_of
from seedscope.training.sequential.solve import solve


def train(
    run: Run, keep_weights: str = "none", kept: Checkpoint | None = None
) -> Trace:
    """Train one run from its seeds and return its trace.

    Args:
        run: as planned.
        keep_weights: none | final | epochs: which weights go into the trace.
        kept: its checkpoint, if one is kept.

    Raises:
        ValueError: the data, the model and the settings do not fit each other.
    """
    examples = load(run)
    runtime.clear_session(run.settings.runtime)  # not inside a strategy's scope
    with runtime.strategy(run.settings.runtime):
        built = build(run.settings.model, examples.sample, examples.labels, run.seeds)
        why = only_keras(run, examples, built)
        kept = kept or checkpoint.of_run(run, None)
        if why or isinstance(examples, Streams):
            return own.train(run, examples, built, why or "", keep_weights, kept)
        task = prepare(run, examples, lambda *_: built)
        recorder = Recorder(task)
        noise.start(run.seeds["dropout"], built.model)  # loading may have drawn
        resume = Resume(kept, built.model, recorder, unrestorable(run, built))
        recorder.after_epoch(resume.epoch)
        started = time.perf_counter()
        recorder.start(keep_weights, run.settings.loop.patience)
        _loop(task, recorder, resume)
        seconds = resume.seconds(time.perf_counter() - started)
    trace = trace_of(run, task, recorder, seconds)
    return replace(trace, facts={**trace.facts, **resume.facts()})


def _begin(task: Task, recorder: Recorder, resume: Resume, *passing: Any) -> int:
    """Put back what was kept of a run; return how many epochs are done."""
    optimizer = getattr(task.built.model, "optimizer", None) or task.optimizer
    start = (digest([task.orders]), recorder.kind)
    return resume.begin(len(task.orders), optimizer, *start, passing=passing)


# ---- the three loops ------------------------------------------------------------


def _fit(task: Task, recorder: Recorder, resume: Resume) -> None:
    """Train by `model.fit`, fed with the planned batches."""
    model = task.built.model
    raw = compile_model(task)
    resume.watch()
    done = _begin(task, recorder, resume, raw)
    settings = task.run.settings
    batches = planned_batches(
        settings.runtime.input_pipeline,
        (task.x, task.y),
        task.orders[done:],
        task.bounds[0][1],
        settings.loop.drop_remainder,
        task.run.seeds["augmentation"],
    )
    if settings.runtime.input_pipeline in ("serial", "parallel"):
        tf.random.set_seed(task.run.seeds["dropout"])  # the pipeline has its own
    model.fit(
        batches,
        initial_epoch=done,
        epochs=len(task.orders),
        steps_per_epoch=len(task.bounds),
        shuffle=False,
        verbose=0,
        callbacks=[recording(model, recorder, raw)],
    )


def _train_on_batch(task: Task, recorder: Recorder, resume: Resume) -> None:
    """Train by one call of `model.train_on_batch` per step."""
    raw = compile_model(task)
    resume.watch()
    done = _begin(task, recorder, resume, raw)

    def step(x: np.ndarray, y: np.ndarray) -> None:
        logs = task.built.model.train_on_batch(x, y, return_dict=True)
        recorder.batch(raw.numpy(), logs)

    _walk(task, recorder, step, done)


def _custom(task: Task, recorder: Recorder, resume: Resume) -> None:
    """Train by a `tf.GradientTape` loop, as in Keras' guide to writing one."""
    model, optimizer, goal = task.built.model, task.optimizer, task.objective
    optimizer.build(model.trainable_variables)
    done = _begin(task, recorder, resume)

    def update(x: Any, y: Any) -> Any:
        resume.trace()
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            loss = goal.loss(y, outputs)
            if model.losses:
                loss = keras.ops.sum([loss, *model.losses])
            scaled = optimizer.scale_loss(loss)
        weights = model.trainable_weights
        optimizer.apply_gradients(
            zip(tape.gradient(scaled, weights), weights, strict=True)
        )
        return batch_values(goal, loss, y, outputs)

    compilation = task.run.settings.runtime.compilation
    if compilation != "eager":
        jit = compilation == "jit"
        update = tf.function(update, jit_compile=jit, reduce_retracing=True)

    def step(x: np.ndarray, y: np.ndarray) -> None:
        values = update(tf.constant(x), tf.constant(y)).numpy()
        recorder.batch(values, dict(zip(recorder.names, values, strict=True)))

    _walk(task, recorder, step, done)


def _solve(task: Task, recorder: Recorder, _: Resume) -> None:
    """Solve at once: there is no epoch to go on from."""
    solve(task, recorder)


LOOPS = {
    "fit": _fit,
    "train_on_batch": _train_on_batch,
    "custom": _custom,
    "solve": _solve,
}


def _loop(task: Task, recorder: Recorder, resume: Resume) -> None:
    """Train by the loop that the run asks for; say so where XLA does not take it."""
    settings = task.run.settings
    try:
        LOOPS[settings.loop.name](task, recorder, resume)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        if settings.runtime.compilation != "jit":
            raise
        said = str(error).strip().splitlines()[0]
        raise ValueError(NO_XLA.format(said)) from None


def _walk(
    task: Task,
    recorder: Recorder,
    step: Callable[[np.ndarray, np.ndarray], None],
    done: int,
) -> None:
    """Take every step of every epoch that is not done, in the planned order."""
    for order in task.orders[done:]:
        for start, stop in task.bounds:
            chosen = order[start:stop]
            step(task.x[chosen], task.y[chosen])
        if recorder.epoch():
            return
