"""What a run is prepared as: everything it trains with, before its first step."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.task.data.load import Examples
from seedscope.task.model import Built, build
from seedscope.task.noise import left_alone
from seedscope.task.objective import Objective, batch_values, objective
from seedscope.task.optimizer import build_optimizer
from seedscope.task.orders import batch_bounds, epoch_orders
from seedscope.task.sources import check_sources, without_effect
from seedscope.training.sequential import own_draws, own_feed
from seedscope.training.sequential.perturbation import perturb

NO_XLA = (
    "runtime.compilation=jit: XLA does not compile this model ({}); use "
    "runtime.compilation=graph, or leave out the layer (RandomTranslation: "
    "model.augmentation=0)"
)


@dataclass(frozen=True)
class Task:
    """One run, ready to train."""

    run: Run
    built: Built
    objective: Objective
    optimizer: keras.optimizers.Optimizer
    forward: Callable[[Any, Any], tuple[Any, Any]]
    x: np.ndarray
    y: np.ndarray
    orders: np.ndarray  # (epochs, examples)
    bounds: list[tuple[int, int]]  # of each step of an epoch
    perturbed: str | None
    examples: Examples


Builder = Callable[[Mapping[str, Any], Any, Any, Mapping[str, int]], Built]


def prepare(run: Run, examples: Examples, builder: Builder = build) -> Task:
    """Build everything a run trains with; nothing is drawn after this."""
    settings, loop = run.settings, run.settings.loop
    count = len(examples.x_train)
    bounds = batch_bounds(count, loop.batch_size, loop.drop_remainder)
    if loop.patience and not len(examples.x_validation):
        raise ValueError("loop.patience needs validation data: raise split.validation")
    x = examples.x_train.astype(_input_type(examples.x_train), copy=False)
    sample = x[:32]
    built = builder(settings.model, sample, examples.labels, run.seeds)
    optimizer = build_optimizer(
        settings.optimizer, loop.schedule, len(bounds) * loop.epochs
    )
    trials: dict[str, Callable[[], bool]] = {}
    if own_draws.of_ones_own(optimizer) and "dropout" in without_effect(run, built):
        batch = own_feed.a_batch(examples)
        trials["dropout"] = partial(own_draws.draws, run, examples, batch)
    check_sources(run, built, trials)
    with left_alone(built.model):  # a layer may draw at rest as well
        outputs = keras.ops.convert_to_numpy(built.model(sample, training=False))
    goal = objective(
        loop.loss,
        loop.metrics,
        bool(settings.model.get("from_logits", False)),
        examples.labels,
        np.asarray(outputs),
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
        optimizer=optimizer,
        forward=answer(
            built.model, goal, (x, y), settings.runtime.compilation == "eager"
        ),
        x=x,
        y=y,
        orders=orders,
        bounds=bounds,
        perturbed=perturb(
            built.model, goal, x[first], y[first], run.seeds["perturbation"]
        ),
        examples=examples,
    )


def _input_type(x: np.ndarray) -> Any:
    """Return the type features are fed in: the model's float, or whole numbers."""
    return keras.config.floatx() if x.dtype.kind == "f" else x.dtype


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


def answer(
    model: keras.Model, goal: Objective, like: Sequence[np.ndarray], eager: bool
) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return a function from x and y to the model's outputs and their scores at rest.

    The scores are loss, metrics and the sum of regularization losses, shape (2 +
    metrics,). They are computed where the outputs are, as `evaluate` does: a loss sees
    there what went into the softmax, and a probability of 0 is not cut off.

    Args:
        model: built.
        goal: its loss and metrics.
        like: x and y of the types that will come.
        eager: compute step by step, not in a compiled graph.
    """

    def forward(x: Any, y: Any) -> tuple[Any, Any]:
        outputs = model(x, training=False)
        scores = batch_values(goal, goal.loss(y, outputs), y, outputs, tf.float64)
        extra: Any = keras.ops.sum(model.losses) if model.losses else 0.0
        return outputs, tf.concat([scores, [tf.cast(extra, tf.float64)]], axis=0)

    if eager:
        return forward
    specs = [tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in like]
    return tf.function(forward, input_signature=specs)
