"""Train a run that is not plain: by Keras' own `fit` and `evaluate`, as it came.

Own steps, compiled models, several inputs, weighted examples, callbacks, Datasets: what
they do to a batch only Keras knows. So nothing is recorded but what Keras reports: the
running means after each batch, the means of each epoch, and one evaluation at the end.
Everything that is drawn still follows the run's seeds.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.seeds import UNPERTURBED
from seedscope.study.words import Run
from seedscope.task import noise
from seedscope.task.data.arrays import is_one, joined
from seedscope.task.data.load import Examples
from seedscope.task.data.streams import Streams, batches, fed_to_keras, order_of
from seedscope.task.model import Built
from seedscope.task.objective import answers_of
from seedscope.task.orders import batch_bounds, epoch_orders
from seedscope.task.parts import call, is_target
from seedscope.task.sources import check_sources
from seedscope.trace.trace import Predictions, Trace, digest, on_test
from seedscope.training import runtime
from seedscope.training.sequential.compiled import compile_as_asked
from seedscope.training.sequential.own_record import OwnRecord, scalars
from seedscope.training.sequential.pipeline import planned_batches, rows_in_batches

QUIET: Any = 0  # a stub wants a word
SCRIPT = "or train by your own program with script.path=my_train.py"


def train(
    run: Run, examples: Examples | Streams, built: Built, why: str, keep: str
) -> Trace:
    """Train one run by Keras' own methods and return its trace.

    Args:
        run: as planned.
        examples: its data.
        built: its model, with the draws of the run.
        why: it is not plain.
        keep: none | final | epochs: which weights go into the trace.

    Raises:
        ValueError: the run asks for what Keras' own methods do not do.
    """
    _check(run, examples, why)
    check_sources(run, built)
    model, loop = built.model, run.settings.loop
    if isinstance(examples, Streams):
        feed, steps, order = _streams(run, examples)
    else:
        feed, steps, order = _planned(run, examples)
    facts, said = compile_as_asked(
        run, built, examples.sample, examples.sample_targets, steps * loop.epochs
    )
    record = OwnRecord(model, keep, loop.patience)
    noise.start(run.seeds["dropout"], model)
    started = time.perf_counter()
    with _told_in_a_line():
        if loop.name == "fit":
            at_once = None if isinstance(examples, Streams) else steps
            _fit(run, model, feed, at_once, record)
        else:
            _train_on_batch(run, model, feed, steps, record)
    seconds = time.perf_counter() - started
    record.end()
    scores = scalars(model.evaluate(feed["test"], verbose=QUIET, return_dict=True))
    return Trace(
        run=run,
        scores=on_test(scores),
        steps_per_epoch=steps,
        batch_reported=record.reported(),
        train=record.train(),
        val=record.validation(),
        weights_sha256=tuple(record.sha256),
        predictions=_predictions(run, model, examples, feed["test"]),
        digests=dict(examples.digests) | {"order": order},
        seconds=seconds,
        facts={
            **runtime.facts(),
            **runtime.facts_of_model(model),
            "engine": "sequential",
            **built.facts(),
            **facts,
            "trained_by_keras": why,
        },
        weights=record.kept(),
        told=said,
    )


def _check(run: Run, examples: Examples | Streams, why: str) -> None:
    """Refuse what only a plain run can have, and name the other door."""
    settings = run.settings
    loop, way = settings.loop.name, settings.runtime
    asked = {
        f"loop={loop}": loop not in ("fit", "train_on_batch"),
        "factor.vary=[perturbation]": run.seeds["perturbation"] != UNPERTURBED,
        f"runtime.seeding={way.seeding}": way.seeding != "sources",
        f"runtime.distribution={way.distribution}": way.distribution != "none",
        "loop.callbacks without loop=fit": bool(settings.loop.callbacks)
        and loop != "fit",
        f"runtime.input_pipeline={way.input_pipeline} with a Dataset": isinstance(
            examples, Streams
        )
        and way.input_pipeline != "arrays",
    }
    for said, given in asked.items():
        if given:
            raise ValueError(
                f"{said} cannot be honoured, since {why}; leave it out (loop=fit), "
                f"{SCRIPT}"
            )


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    """Say what TensorFlow stumbles over without its frames."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        lines = [line.strip() for line in error.message.splitlines()]
        said = [s for s in lines if s and not s.startswith(("File ", "Detected", "[["))]
        raise ValueError(
            f"Keras does not train this as it is: {said[-1]}; see whether the targets, "
            "the outputs and the loss fit each other"
        ) from error


# ---- what it is fed with ------------------------------------------------------------


def _planned(run: Run, examples: Examples) -> tuple[dict[str, Any], int, str]:
    """Return the feeds of arrays in their planned order, the steps, the order."""
    loop, runtime_ = run.settings.loop, run.settings.runtime
    rows = len(examples.parts.train)
    bounds = batch_bounds(rows, loop.batch_size, loop.drop_remainder)
    size = bounds[0][1]
    if loop.patience and not len(examples.parts.validation):
        raise ValueError("loop.patience needs validation data: raise split.validation")
    orders = epoch_orders(
        run.seeds["shuffle"], rows, loop.epochs, loop.shuffle, loop.shuffle_buffer
    )
    parts = {name: _given(examples.part(name)) for name in ("train", "test")}
    train = planned_batches(
        runtime_.input_pipeline,
        parts["train"],
        orders,
        size,
        loop.drop_remainder,
        run.seeds["augmentation"],
    )
    feed = {"train": train, "test": rows_in_batches(parts["test"], size)}
    if len(examples.parts.validation):
        held = _given(examples.part("validation"))
        feed["validation"] = rows_in_batches(held, size)
    return feed, len(bounds), digest([orders])


def _given(part: tuple[Any, Any, Any]) -> tuple[Any, ...]:
    """Return x, y and weights up to the last that there is."""
    x, y, weights = part
    if weights is not None:
        return x, y, weights
    return (x,) if y is None else (x, y)


def _streams(run: Run, examples: Streams) -> tuple[dict[str, Any], int, str]:
    """Return the feeds of Datasets as they stand, the steps, the first pass' order."""
    loop = run.settings.loop
    if loop.patience and "validation" not in examples.parts:
        raise ValueError(
            "loop.patience needs validation data: return (train, validation, test)"
        )
    size = loop.batch_size
    order = order_of(examples.fresh(size)["train"])
    feed = {n: fed_to_keras(s) for n, s in examples.fresh(size).items()}
    return feed, examples.steps_in(size), order


# ---- the loops ----------------------------------------------------------------------


def _fit(
    run: Run,
    model: keras.Model,
    feed: Mapping[str, Any],
    steps: int | None,
    record: OwnRecord,
) -> None:
    """Train by `fit`; its callbacks act before the epoch is noted."""
    loop = run.settings.loop
    own = [_callback(options) for options in loop.callbacks]
    model.fit(
        feed["train"],
        epochs=loop.epochs,
        steps_per_epoch=steps,
        validation_data=feed.get("validation"),
        class_weight=_class_weight(run),
        shuffle=False,
        verbose=QUIET,
        callbacks=[*own, record.callback()],
    )


def _callback(options: Any) -> keras.callbacks.Callback:
    if not is_target(options):
        raise ValueError(
            f"loop.callbacks: {options} names no _target_; write "
            "[{_target_: keras.callbacks.EarlyStopping, patience: 3}]"
        )
    made = call(options, "loop.callbacks")
    if not isinstance(made, keras.callbacks.Callback):
        raise ValueError(
            f"loop.callbacks: {options['_target_']} makes a {type(made).__name__}, not "
            "a callback of Keras"
        )
    return made


def _train_on_batch(
    run: Run, model: keras.Model, feed: Mapping[str, Any], steps: int, record: OwnRecord
) -> None:
    """Train by one call of `train_on_batch` per step; metrics start anew each epoch.

    The planned batches of arrays are one walk over all epochs; a stream is walked anew.
    """
    weight = _class_weight(run)
    walk = iter(())
    for _ in range(run.settings.loop.epochs):
        model.reset_metrics()
        logs: dict[str, Any] = {}
        for step in range(steps):
            part = next(walk, None)
            if part is None and step == 0:
                walk = batches(feed["train"])
                part = next(walk, None)
            if part is None:
                break
            logs = model.train_on_batch(*part, weight, return_dict=True)
            record.batch(logs)
        if "validation" in feed:
            held = model.evaluate(feed["validation"], verbose=QUIET, return_dict=True)
            logs = logs | {f"val_{name}": value for name, value in held.items()}
        if record.epoch(logs):
            return


def _class_weight(run: Run) -> dict[int, float] | None:
    given = run.settings.loop.class_weight
    if not given:
        return None
    return {int(number): float(weight) for number, weight in given.items()}


# ---- its answers --------------------------------------------------------------------


def _predictions(
    run: Run, model: keras.Model, examples: Examples | Streams, test: Any
) -> Predictions | None:
    """Return the answers on the test set, where each is one row of numbers."""
    outputs, targets = [], []
    for x, y, _ in batches(test):
        answer = model.predict_on_batch(x)
        if not is_one(answer) or np.ndim(answer) != 2:
            return None
        outputs.append(np.asarray(answer))
        targets.append(y)
    whole = np.concatenate(outputs)
    from_logits = run.settings.model.get("from_logits")
    y = joined(targets)
    answers, labels, truth = answers_of(examples.labels, y, whole, from_logits)
    rows = (
        np.arange(len(whole)) if isinstance(examples, Streams) else examples.test_rows
    )
    return Predictions(rows, truth, answers.astype(np.float32), labels)
