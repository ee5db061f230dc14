"""Draw the order of the examples before training starts; engines draw nothing.

Orders come from NumPy, one stream for each run, epoch after epoch, and are fed to Keras
as data: Keras' own shuffle repeats one order in every epoch once a global seed is set.
"""

import numpy as np


def epoch_orders(
    seed: int, examples: int, epochs: int, shuffle: str, buffer: int = 1
) -> np.ndarray:
    """Return the order of the examples in every epoch, shape (epochs, examples).

    Args:
        seed: the run's seed of the source `shuffle`.
        examples: how many there are to order.
        epochs: how many orders to draw.
        shuffle: epoch (a new order each) | once (one for all) | none (as stored) |
            buffer (tf.data: draw from a buffer that is refilled in stored order).
        buffer: the size of that buffer, in examples.
    """
    if shuffle == "none":
        return np.tile(np.arange(examples), (epochs, 1))
    rng = np.random.default_rng(seed)
    if shuffle == "once":
        return np.tile(rng.permutation(examples), (epochs, 1))
    if shuffle == "buffer":
        return np.stack([_buffer_order(rng, examples, buffer) for _ in range(epochs)])
    return np.stack([rng.permutation(examples) for _ in range(epochs)])


def batch_bounds(
    examples: int, batch_size: int | None, drop_remainder: bool
) -> list[tuple[int, int]]:
    """Return where each step's batch starts and ends in an epoch's order."""
    size = examples if batch_size is None else batch_size
    if size > examples:
        raise ValueError(
            f"loop.batch_size={size} is larger than the {examples} training examples; "
            "lower it, or set it to null for full batches"
        )
    whole = [(i, i + size) for i in range(0, examples - size + 1, size)]
    rest = (len(whole) * size, examples)
    return whole if drop_remainder or rest[0] == examples else [*whole, rest]


def _buffer_order(rng: np.random.Generator, examples: int, buffer: int) -> np.ndarray:
    """Draw as tf.data's Dataset.shuffle(buffer) does: one out, the next one in."""
    size = min(buffer, examples)
    waiting = list(range(size))
    order = []
    for incoming in [*range(size, examples), *([None] * size)]:
        drawn = int(rng.integers(len(waiting)))
        order.append(waiting[drawn])
        if incoming is None:
            waiting[drawn] = waiting[-1]
            waiting.pop()
        else:
            waiting[drawn] = incoming
    return np.asarray(order)
