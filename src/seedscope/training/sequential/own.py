"""Train a run that is not plain: by Keras' own `fit` and `evaluate`, as it came.

Own steps, compiled models, several inputs, weighted examples, callbacks, Datasets: what
they do to a batch only Keras knows. So what is recorded is what Keras reports (running
means after each batch, the means of each epoch, one evaluation at the end) and each
batch's own loss, of which its gradient is taken. Everything that is drawn still follows
the run's seeds.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.seeds import UNPERTURBED
from seedscope.study.words import Run
from seedscope.task import noise
from seedscope.task.data.arrays import count
from seedscope.task.data.load import Examples
from seedscope.task.data.streams import Ordered, Streams, batches
from seedscope.task.model import Built, answers
from seedscope.task.parts import call, is_target
from seedscope.task.sources import check_sources, without_effect
from seedscope.task.step import own_steps
from seedscope.trace.trace import Trace, on_test
from seedscope.training import runtime
from seedscope.training.checkpoint import Checkpoint
from seedscope.training.resume import Resume, unrestorable
from seedscope.training.sequential import own_draws, own_feed
from seedscope.training.sequential.compiled import compile_as_asked
from seedscope.training.sequential.own_answers import predictions_of
from seedscope.training.sequential.own_record import OwnRecord, scalars

QUIET: Any = 0  # a stub wants a word
REPEATS = (
    "a function of the Dataset draws by tf.random: with a seed it draws the same in "
    "every epoch; a layer of Keras in its place (keras.layers.RandomFlip) does not"
)
SCRIPT = "or train by your own program with script.path=my_train.py"


def train(
    run: Run,
    examples: Examples | Streams,
    built: Built,
    why: str,
    keep: str,
    kept: Checkpoint,
) -> Trace:
    """Train one run by Keras' own methods and return its trace.

    Args:
        run: as planned.
        examples: its data.
        built: its model, with the draws of the run.
        why: it is not plain.
        keep: none | final | epochs: which weights go into the trace.
        kept: the run's checkpoint.

    Raises:
        ValueError: the run asks for what Keras' own methods do not do.
    """
    _check(run, examples, why)
    _check_scored(built.model)
    model, loop = built.model, run.settings.loop
    feed, steps, order = own_feed.feed_of(run, examples)
    facts, said = compile_as_asked(
        run, built, examples.sample, examples.sample_targets, steps * loop.epochs
    )
    trials: dict[str, Callable[[], bool]] = {}
    if own_draws.may_draw(model) and "dropout" in without_effect(run, built):
        batch = own_feed.a_batch(examples)
        trials["dropout"] = partial(own_draws.draws, run, examples, batch)
    if isinstance(examples, Streams):
        said = (*said, *([REPEATS] if examples.repeats else []))
        for source in ("shuffle", "augmentation"):
            trials[source] = partial(own_feed.follows, source, run, examples, order)
    check_sources(run, built, trials)
    record = OwnRecord(model, keep, loop.patience)
    resume = Resume(kept, model, record, _unrestorable(run, examples, built))
    resume.callbacks = [_callback(options) for options in loop.callbacks]
    noise.start(run.seeds["dropout"], model)
    started = time.perf_counter()
    resume.watch()
    done = resume.begin(loop.epochs, model.optimizer, order, keep, str(steps))
    if done:  # arrays alone go on
        feed = own_feed.feed_of(run, examples, done)[0]
    record.after_epoch(resume.epoch)
    with _told_in_a_line(), record.raw.kept(model):
        if loop.name == "fit":
            at_once = None if isinstance(examples, Streams) else steps
            _fit(run, model, feed, at_once, record, resume, done)
        else:
            _train_on_batch(run, model, feed, steps, record, done)
    seconds = resume.seconds(time.perf_counter() - started)
    record.end()
    scores = scalars(model.evaluate(feed["test"], verbose=QUIET, return_dict=True))
    predictions, of = predictions_of(run, model, examples, feed["test"])
    if predictions is None and of:
        said = (*said, f"predictions: {of['predictions_of']}")
    return Trace(
        run=run,
        scores=on_test(scores),
        steps_per_epoch=steps,
        batch=(record.reported() if loop.name != "fit" else {}) | record.raw.values(),
        batch_reported=record.reported(),
        train=record.train(),
        val=record.validation(),
        weights_sha256=tuple(record.sha256),
        predictions=predictions,
        digests=dict(examples.digests) | {"order": order},
        seconds=seconds,
        facts={
            **runtime.facts(),
            **runtime.facts_of_model(model),
            "engine": "sequential",
            **built.facts(),
            **facts,
            **of,
            "trained_by_keras": why,
            **resume.facts(),
        },
        weights=record.kept(),
        told=said,
    )


def _unrestorable(run: Run, examples: Examples | Streams, built: Built) -> str | None:
    """Return what of a run is known to have a state that cannot be put back."""
    if isinstance(examples, Streams):
        return "its data is a Dataset, which begins at its first epoch"
    if built.model.optimizer is None:
        return "it trains without an optimizer that Keras knows"
    return unrestorable(run, built)


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


def _check_scored(model: keras.Model) -> None:
    """Refuse a model that nothing can be asked of after it is trained."""
    if not answers(model) and "test_step" not in own_steps(model):
        raise ValueError(
            f"{type(model).__name__} has neither a call nor a test_step, so there is "
            f"nothing to score it by; write a test_step that returns scores, {SCRIPT}"
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


# ---- the loops ----------------------------------------------------------------------


def _fit(
    run: Run,
    model: keras.Model,
    feed: Mapping[str, Any],
    steps: int | None,
    record: OwnRecord,
    resume: Resume,
    done: int,
) -> None:
    """Train by `fit`; its callbacks act before the epoch is noted."""
    loop = run.settings.loop
    model.fit(
        feed["train"],
        initial_epoch=done,
        epochs=loop.epochs,
        steps_per_epoch=steps,
        validation_data=feed.get("validation"),
        class_weight=_class_weight(run),
        shuffle=False,
        verbose=QUIET,
        callbacks=[
            *resume.callbacks,
            record.callback(resume.begin_callbacks),
            _turning(feed["train"]),
        ],
    )


def _turning(stream: Any) -> keras.callbacks.Callback:
    """Return a callback that turns planned batches over to the order of each epoch."""

    def turn(epoch: int, logs: dict | None) -> None:
        if isinstance(stream, Ordered):
            stream.epoch = epoch

    return keras.callbacks.LambdaCallback(on_epoch_begin=turn)


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
    run: Run,
    model: keras.Model,
    feed: Mapping[str, Any],
    steps: int,
    record: OwnRecord,
    done: int,
) -> None:
    """Train by one call of `train_on_batch` per step; each reports its own batch.

    The planned batches of arrays are one walk over all epochs; a stream is walked anew.
    """
    weight = _class_weight(run)
    walk = iter(())
    for epoch in range(done, run.settings.loop.epochs):
        if isinstance(feed["train"], Ordered):
            feed["train"].epoch = epoch
        seen, sizes = list[dict[str, float]](), list[int]()
        for step in range(steps):
            part = next(walk, None)
            if part is None and step == 0:
                walk = batches(feed["train"])
                part = next(walk, None)
            if part is None:
                break
            seen.append(scalars(model.train_on_batch(*part, weight, return_dict=True)))
            sizes.append(count(part[0]))
            record.batch(seen[-1])
        if isinstance(feed["train"], keras.utils.PyDataset):
            feed["train"].on_epoch_end()
        names = seen[0] if seen else ()
        logs = {n: np.average([s[n] for s in seen], weights=sizes) for n in names}
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
