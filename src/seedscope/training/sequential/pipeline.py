"""Feed the planned batches to `fit` through tf.data, in the ways that people do.

`arrays` hands over the planned batches as they are. The others are what input pipelines
look like in the wild; two of them let threads race, so that exact repeats differ:

    serial                    random noise is added in `map`, one batch after the other
    parallel                  the same with num_parallel_calls=4: the threads decide
                              which batch draws which noise
    interleave_deterministic  four shards read side by side, in a fixed order
    interleave                the same with deterministic=False: in order of arrival
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

READERS = 4  # parallel calls, and shards of the interleaved pipelines
NOISE = 0.05  # sd of the noise that the mapped pipelines add to features


def planned_batches(
    kind: str,
    arrays: tuple[Any, ...],
    orders: np.ndarray,
    batch_size: int,
    drop_remainder: bool,
    seed: int,
) -> tf.data.Dataset:
    """Return the batches of every epoch, one epoch after the other.

    Args:
        kind: `runtime.input_pipeline`.
        arrays: features, targets and maybe weights, each of shape (examples, ...) or
            a structure of such arrays.
        orders: the planned order of each epoch, shape (epochs, examples).
        batch_size: examples per step.
        drop_remainder: leave out the last, smaller batch of each epoch.
        seed: of the source `augmentation`, for the noise of `map`.
    """
    if kind in ("serial", "parallel"):
        tf.random.set_seed(seed)
    arrays = tuple(_as_tuples(tree) for tree in arrays)
    features, *others = (keras.tree.map_structure(tf.constant, a) for a in arrays)

    def in_batches(order: tf.Tensor) -> tf.data.Dataset:
        examples = tf.data.Dataset.from_tensor_slices(order)
        if kind.startswith("interleave"):
            examples = tf.data.Dataset.range(READERS).interleave(
                lambda shard: tf.data.Dataset.from_tensor_slices(order[shard::READERS]),
                cycle_length=READERS,
                num_parallel_calls=READERS,
                deterministic=kind == "interleave_deterministic",
            )
        return examples.batch(batch_size, drop_remainder)

    def gathered(chosen: tf.Tensor) -> Any:
        def rows(tree: Any) -> Any:
            return keras.tree.map_structure(lambda a: tf.gather(a, chosen), tree)

        batch = rows(features)
        if kind in ("serial", "parallel"):
            batch = keras.tree.map_structure(_noisy, batch)
        return keras.utils.pack_x_y_sample_weight(batch, *map(rows, others))

    calls = READERS if kind == "parallel" else None
    epochs = tf.data.Dataset.from_tensor_slices(orders)
    return epochs.flat_map(in_batches).map(gathered, calls).prefetch(2)


def rows_in_batches(arrays: tuple[Any, ...], batch_size: int) -> tf.data.Dataset:
    """Return arrays in stored order, as `fit` and `evaluate` take them apart."""
    made = keras.utils.pack_x_y_sample_weight(*map(_as_tuples, arrays))
    return tf.data.Dataset.from_tensor_slices(made).batch(batch_size).prefetch(2)


def _noisy(batch: tf.Tensor) -> tf.Tensor:
    return batch + tf.random.normal(tf.shape(batch), stddev=NOISE, dtype=batch.dtype)


def _as_tuples(tree: Any) -> Any:
    """Return tuples for lists, which tf.data would stack into one tensor."""
    if isinstance(tree, list):
        return tuple(_as_tuples(value) for value in tree)
    if isinstance(tree, dict):
        return {key: _as_tuples(value) for key, value in tree.items()}
    return tree
