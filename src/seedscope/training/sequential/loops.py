"""Train one run after the other through real Keras loops: the engine for any model."""

import time
from collections.abc import Callable
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
from seedscope.trace.trace import Trace
from seedscope.training import runtime
from seedscope.training.sequential import own
from seedscope.training.sequential.pipeline import planned_batches
from seedscope.training.sequential.prepare import NO_XLA, Task, compile_model, prepare
from seedscope.training.sequential.recording import Recorder, recording, trace_of
from seedscope.training.sequential.solve import solve


def train(run: Run, keep_weights: str = "none") -> Trace:
    """Train one run from its seeds and return its trace.

    Args:
        run: as planned.
        keep_weights: none | final | epochs: which weights go into the trace.

    Raises:
        ValueError: the data, the model and the settings do not fit each other.
    """
    examples = load(run)
    runtime.clear_session(run.settings.runtime)  # not inside a strategy's scope
    with runtime.strategy(run.settings.runtime):
        built = build(run.settings.model, examples.sample, examples.labels, run.seeds)
        why = only_keras(run, examples, built)
        if why or isinstance(examples, Streams):
            return own.train(run, examples, built, why or "", keep_weights)
        task = prepare(run, examples, lambda *_: built)
        recorder = Recorder(task)
        noise.start(run.seeds["dropout"], built.model)  # loading may have drawn
        started = time.perf_counter()
        recorder.start(keep_weights, run.settings.loop.patience)
        _loop(task, recorder)
        seconds = time.perf_counter() - started
    return trace_of(run, task, recorder, seconds)


# ---- the three loops ------------------------------------------------------------


def _fit(task: Task, recorder: Recorder) -> None:
    """Train by `model.fit`, fed with the planned batches."""
    model = task.built.model
    raw = compile_model(task)
    settings = task.run.settings
    batches = planned_batches(
        settings.runtime.input_pipeline,
        (task.x, task.y),
        task.orders,
        task.bounds[0][1],
        settings.loop.drop_remainder,
        task.run.seeds["augmentation"],
    )
    if settings.runtime.input_pipeline in ("serial", "parallel"):
        tf.random.set_seed(task.run.seeds["dropout"])  # the pipeline has its own
    model.fit(
        batches,
        epochs=len(task.orders),
        steps_per_epoch=len(task.bounds),
        shuffle=False,
        verbose=0,
        callbacks=[recording(model, recorder, raw)],
    )


def _train_on_batch(task: Task, recorder: Recorder) -> None:
    """Train by one call of `model.train_on_batch` per step."""
    raw = compile_model(task)

    def step(x: np.ndarray, y: np.ndarray) -> None:
        logs = task.built.model.train_on_batch(x, y, return_dict=True)
        recorder.batch(raw.numpy(), logs)

    _walk(task, recorder, step)


def _custom(task: Task, recorder: Recorder) -> None:
    """Train by a `tf.GradientTape` loop, as in Keras' guide to writing one."""
    model, optimizer, goal = task.built.model, task.optimizer, task.objective
    optimizer.build(model.trainable_variables)

    def update(x: Any, y: Any) -> Any:
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

    _walk(task, recorder, step)


LOOPS = {
    "fit": _fit,
    "train_on_batch": _train_on_batch,
    "custom": _custom,
    "solve": solve,
}


def _loop(task: Task, recorder: Recorder) -> None:
    """Train by the loop that the run asks for; say so where XLA does not take it."""
    settings = task.run.settings
    try:
        LOOPS[settings.loop.name](task, recorder)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        if settings.runtime.compilation != "jit":
            raise
        said = str(error).strip().splitlines()[0]
        raise ValueError(NO_XLA.format(said)) from None


def _walk(
    task: Task, recorder: Recorder, step: Callable[[np.ndarray, np.ndarray], None]
) -> None:
    """Take every step of every epoch, in the planned order."""
    for order in task.orders:
        for start, stop in task.bounds:
            chosen = order[start:stop]
            step(task.x[chosen], task.y[chosen])
        if recorder.epoch():
            return
