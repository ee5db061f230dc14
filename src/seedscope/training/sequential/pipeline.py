"""Feed the planned batches to `fit` through tf.data, in the ways that people do.

`arrays` hands over the planned batches as they are. The others are what input pipelines
look like in the wild; two of them let threads race, so that exact repeats differ:

    serial                    random noise is added in `map`, one batch after the other
    parallel                  the same with num_parallel_calls=4: the threads decide
                              which batch draws which noise
    interleave_deterministic  four shards read side by side, in a fixed order
    interleave                the same with deterministic=False: in order of arrival
"""

import numpy as np
import tensorflow as tf

READERS = 4  # parallel calls, and shards of the interleaved pipelines
NOISE = 0.05  # sd of the noise that the mapped pipelines add to features


def planned_batches(
    kind: str,
    x: np.ndarray,
    y: np.ndarray,
    orders: np.ndarray,
    batch_size: int,
    drop_remainder: bool,
    seed: int,
) -> tf.data.Dataset:
    """Return the batches of every epoch, one epoch after the other.

    Args:
        kind: `runtime.input_pipeline`.
        x: features, shape (examples, ...).
        y: targets, shape (examples, ...).
        orders: the planned order of each epoch, shape (epochs, examples).
        batch_size: examples per step.
        drop_remainder: leave out the last, smaller batch of each epoch.
        seed: of the source `augmentation`, for the noise of `map`.
    """
    if kind in ("serial", "parallel"):
        tf.random.set_seed(seed)
    features, targets = tf.constant(x), tf.constant(y)

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

    def gathered(chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = tf.gather(features, chosen)
        if kind in ("serial", "parallel"):
            batch += tf.random.normal(tf.shape(batch), stddev=NOISE, dtype=batch.dtype)
        return batch, tf.gather(targets, chosen)

    calls = READERS if kind == "parallel" else None
    epochs = tf.data.Dataset.from_tensor_slices(orders)
    return epochs.flat_map(in_batches).map(gathered, calls).prefetch(2)
