"""Train one run after the other through real Keras loops: the engine for any model."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.building import Built, build
from seedscope.data.load import Examples, load
from seedscope.draws import batch_bounds, epoch_orders
from seedscope.engine import runtime
from seedscope.engine.perturbation import perturb
from seedscope.engine.pipeline import planned_batches
from seedscope.engine.recording import Recorder, answer, batch_values
from seedscope.engine.solve import solve
from seedscope.engine.sources import check_sources
from seedscope.objective import Objective, objective
from seedscope.optimizer import build_optimizer
from seedscope.study import Run
from seedscope.trace import Predictions, Trace, digest

NO_XLA = (
    "runtime.compilation=jit: XLA does not compile this model ({}); use "
    "runtime.compilation=graph, or leave out the layer (RandomTranslation: "
    "model.augmentation=0)"
)


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
        task = prepare(run, examples)
        recorder = Recorder(task.built.model, task.forward, task.objective, examples)
        started = time.perf_counter()
        recorder.start(keep_weights, run.settings.loop.patience)
        _loop(task, recorder)
        seconds = time.perf_counter() - started
    return trace_of(run, task, recorder, seconds)


@dataclass(frozen=True)
class Task:
    """One run, ready to train."""

    run: Run
    built: Built
    objective: Objective
    optimizer: keras.optimizers.Optimizer
    forward: Callable[[Any], tuple[Any, Any]]
    x: np.ndarray
    y: np.ndarray
    orders: np.ndarray  # (epochs, examples)
    bounds: list[tuple[int, int]]  # of each step of an epoch
    perturbed: str | None
    examples: Examples


Builder = Callable[[Mapping[str, Any], np.ndarray, int, Mapping[str, int]], Built]


def prepare(run: Run, examples: Examples, builder: Builder = build) -> Task:
    """Build everything a run trains with; nothing is drawn after this."""
    settings, loop = run.settings, run.settings.loop
    count = len(examples.x_train)
    bounds = batch_bounds(count, loop.batch_size, loop.drop_remainder)
    if loop.patience and not len(examples.x_validation):
        raise ValueError("loop.patience needs validation data: raise split.validation")
    x = examples.x_train.astype(_input_type(examples.x_train), copy=False)
    sample = x[:32]
    built = builder(settings.model, sample, examples.classes, run.seeds)
    check_sources(run, built)
    goal = objective(
        loop.loss,
        loop.metrics,
        bool(settings.model.get("from_logits", False)),
        examples.classes,
        np.asarray(keras.ops.convert_to_numpy(built.model(sample, training=False))),
    )
    y = goal.targets(examples.y_train)
    orders = epoch_orders(
        run.seeds["shuffle"], count, loop.epochs, loop.shuffle, loop.shuffle_buffer
    )
    first = orders[0][slice(*bounds[0])]
    return Task(
        run=run,
        built=built,
        objective=goal,
        optimizer=build_optimizer(
            settings.optimizer, loop.schedule, len(bounds) * loop.epochs
        ),
        forward=answer(built.model, x, settings.runtime.compilation == "eager"),
        x=x,
        y=y,
        orders=orders,
        bounds=bounds,
        perturbed=perturb(
            built.model, goal, x[first], y[first], run.seeds["perturbation"]
        ),
        examples=examples,
    )


# ---- the three loops ------------------------------------------------------------


def _fit(task: Task, recorder: Recorder) -> None:
    """Train by `model.fit`, fed with the planned batches."""
    model = task.built.model
    raw = compile_model(task)
    settings = task.run.settings
    batches = planned_batches(
        settings.runtime.input_pipeline,
        task.x,
        task.y,
        task.orders,
        task.bounds[0][1],
        settings.loop.drop_remainder,
        task.run.seeds["augmentation"],
    )
    model.fit(
        batches,
        epochs=len(task.orders),
        steps_per_epoch=len(task.bounds),
        shuffle=False,
        verbose=0,
        callbacks=[recording(model, recorder, raw)],
    )


def recording(
    model: keras.Model, recorder: Recorder, raw: Any
) -> keras.callbacks.Callback:
    """Return the callback that keeps each batch's own values while `fit` runs."""

    class Recording(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            recorder.batch(raw.numpy(), logs)

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            model.stop_training = recorder.epoch()

    return Recording()


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


def compile_model(task: Task) -> Any:
    """Compile the model and return the variable that holds each batch's raw values.

    `fit` reports running averages. `compute_loss` is where every Keras training step
    has the batch's own loss and outputs at hand, so they are kept there.
    """
    model, goal = task.built.model, task.objective
    compilation = task.run.settings.runtime.compilation
    metrics = [
        keras.metrics.MeanMetricWrapper(function, name=name)
        for name, function in goal.metrics.items()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Keras goes on without XLA: an error here
        model.compile(
            task.optimizer,
            goal.loss,
            metrics=metrics,
            jit_compile=compilation == "jit",
            run_eagerly=compilation == "eager",
        )
    if compilation == "jit" and not model.jit_compile:
        raise ValueError(NO_XLA.format("Keras says that a layer does not support it"))
    raw = tf.Variable(
        tf.fill([1 + len(metrics)], np.nan),
        dtype=tf.float32,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.MEAN,
    )
    original = model.compute_loss

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = original(x, y, y_pred, sample_weight, training=training)
        if training:
            raw.assign(batch_values(goal, loss, y, y_pred))
        return loss

    model.compute_loss = compute_loss
    return raw


def _input_type(x: np.ndarray) -> Any:
    """Return the type features are fed in: the model's float, or whole numbers."""
    return keras.config.floatx() if x.dtype.kind == "f" else x.dtype


def trace_of(run: Run, task: Task, recorder: Recorder, seconds: float) -> Trace:
    """Return what a trained run leaves."""
    examples = task.examples
    outputs, test = recorder.score(examples.x_test, examples.y_test)
    answers, labels = task.objective.answers(outputs)
    facts = runtime.facts() | runtime.facts_of_model(task.built.model)
    facts["engine"] = "sequential"
    if task.built.pinned:
        facts["pinned_weights"] = " ".join(task.built.pinned)
    if task.perturbed:
        facts["perturbed_weight"] = task.perturbed
    return Trace(
        run=run,
        steps_per_epoch=len(task.bounds),
        batch=recorder.raw(),
        batch_reported=recorder.reported(),
        train=recorder.epoch_means([stop - start for start, stop in task.bounds]),
        val=recorder.validation(),
        test=test,
        weights_sha256=tuple(recorder.sha256),
        predictions=Predictions(
            examples.test_rows, examples.y_test, answers.astype(np.float32), labels
        ),
        digests=dict(examples.digests) | {"order": digest([task.orders])},
        seconds=seconds,
        facts=facts,
        weights=recorder.kept_weights(),
    )
