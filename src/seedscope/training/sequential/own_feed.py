"""What a run that Keras trains by itself is fed with: planned batches, or as it came.

Arrays come in the orders that the run's `shuffle` draws; so do the batches of a
PyDataset, which Keras' `fit` shuffles. Other streams come as they stand.
"""

from dataclasses import replace
from typing import Any

import keras

from seedscope.study.seeds import stream_seed
from seedscope.study.words import Run
from seedscope.task.data.arrays import take
from seedscope.task.data.load import Examples
from seedscope.task.data.streams import (
    Ordered,
    Streams,
    fed_to_keras,
    is_walked,
    order_of,
)
from seedscope.task.orders import batch_bounds, epoch_orders
from seedscope.trace.trace import digest
from seedscope.training.sequential.pipeline import planned_batches, rows_in_batches


def feed_of(
    run: Run, examples: Examples | Streams, done: int = 0
) -> tuple[dict[str, Any], int, str]:
    """Return what each part is fed as, the steps of an epoch, the order's digest.

    Args:
        run: as planned.
        examples: its data.
        done: epochs that are trained already; streams begin at their first.

    Raises:
        ValueError: the loop asks for what the data cannot be fed as.
    """
    if isinstance(examples, Streams):
        return _streams(run, examples)
    return _planned(run, examples, done)


def _planned(
    run: Run, examples: Examples, done: int
) -> tuple[dict[str, Any], int, str]:
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
        orders[done:],
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
    order = order_of(_in_order(run, examples.fresh(size, run.seeds)["train"]))
    feed = {n: fed_to_keras(s) for n, s in examples.fresh(size, run.seeds).items()}
    feed["train"] = _in_order(run, feed["train"])
    return feed, examples.steps_in(size), order


def _in_order(run: Run, stream: Any) -> Any:
    """Return the training batches as they stand; those of a PyDataset are shuffled.

    Keras' `fit` draws their order unless it is told not to.

    Raises:
        ValueError: an order is asked for that the stream cannot be fed in.
    """
    loop = run.settings.loop
    is_free = isinstance(stream, keras.utils.PyDataset) and not is_walked(stream)
    if loop.shuffle == "buffer" or not (is_free or loop.shuffle == "epoch"):
        raise ValueError(
            f"loop.shuffle={loop.shuffle} cannot be honoured: a Dataset comes in the "
            "order that its function gives it; shuffle there, or return arrays"
        )
    if not is_free:
        return stream
    count = stream.num_batches
    seed = run.seeds["shuffle"]
    return Ordered(stream, epoch_orders(seed, count, loop.epochs, loop.shuffle))


def follows(source: str, run: Run, examples: Streams, order: str) -> bool:
    """Tell whether another seed of a source changes what a stream yields.

    Args:
        source: shuffle | augmentation.
        run: about to be trained.
        examples: its data.
        order: digest of a pass over its training part.
    """
    elsewhere = stream_seed(run.seeds[source], "elsewhere")
    other = replace(run, seeds={**run.seeds, source: elsewhere})
    made = examples.fresh(run.settings.loop.batch_size, other.seeds)
    return order_of(_in_order(other, made["train"])) != order


def a_batch(examples: Examples | Streams) -> tuple[Any, ...]:
    """Return x, y and maybe weights of a few examples."""
    weights = None
    if isinstance(examples, Examples):
        weights = take(examples.weights, examples.parts.train[:32])
    return _given((examples.sample, examples.sample_targets, weights))
