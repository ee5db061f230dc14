"""Draw TensorFlow's random numbers for many seeds at once.

TensorFlow's stateless random operations take one seed; a group of runs has one seed per
run. This is their generator, Philox4x32-10, written in whole-number tensor operations
that work on all runs together, and their way from random words to numbers. The bits are
those of TensorFlow's own CPU kernels, which Keras draws from where nothing is compiled
with XLA; a compiled function draws them too.

A *word* is 32 random bits. Four words come from one counter value.

Reference: Salmon, Moraes, Dror and Shaw 2011, Parallel random numbers: as easy as 1, 2,
3; tensorflow/core/lib/random/{philox_random,random_distributions}.h.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
SCRAMBLE_KEY = (0x3EC8F720, 0x02461E29)  # how TensorFlow hashes a seed into a key
ROUNDS = 10
WORDS = 4  # that one counter value gives
RESERVED_COUNTERS = 256  # a truncated normal keeps so many for each four results
CANDIDATES = 16  # of which a truncated normal accepts all but 4.6 %; 4 are needed

Tensor = Any


def key_and_counter(seeds: Tensor) -> tuple[Tensor, Tensor]:
    """Hash seeds, shape (runs, 2), into keys (runs, 1) and counters (runs, 2), uint64.

    The same as StatelessRandomGetKeyCounter.
    """
    seeds = tf.bitcast(tf.cast(seeds, tf.int64), tf.uint64)
    first, second = seeds[:, 0:1], seeds[:, 1:2]
    block = (_low(first), _high(first), _low(second), _high(second))
    key = tuple(tf.constant(k, tf.uint32, shape=(1, 1)) for k in SCRAMBLE_KEY)
    k0, k1, c0, c1 = _encrypt(block, key)
    counter = _join(c0, c1)
    return _join(k0, k1), tf.concat([tf.zeros_like(counter), counter], axis=1)


def words(keys: Tensor, counters: Tensor, count: int) -> Tensor:
    """Return the first `count` words of each run's stream, shape (runs, count)."""
    return _words_of(keys, counters, np.arange(-(-count // WORDS)))[:, :count]


def uniform(keys: Tensor, counters: Tensor, count: int, dtype: tf.DType) -> Tensor:
    """Return numbers in [0, 1), shape (runs, count)."""
    if dtype == tf.float64:
        return _doubles(words(keys, counters, 2 * count))
    return tf.cast(_floats(words(keys, counters, count)), dtype)


def normal(keys: Tensor, counters: Tensor, count: int, dtype: tf.DType) -> Tensor:
    """Return standard normal numbers, shape (runs, count)."""
    if dtype == tf.float64:
        even = count + count % 2
        uniforms = _doubles(words(keys, counters, 2 * even))
    else:
        even = -(-count // WORDS) * WORDS
        uniforms = _floats(words(keys, counters, even))
    return tf.cast(_box_muller(uniforms)[:, :count], dtype)


def truncated_normal(keys: Tensor, counters: Tensor, count: int) -> Tensor:
    """Return standard normal numbers within two sd, shape (runs, count), float32.

    Each four results have their own stretch of counters and take the first four
    candidates within bounds. Fewer than 4 of 16 are, once in 10**15.
    """
    groups = -(-count // WORDS)
    start = np.arange(groups)[:, None] * RESERVED_COUNTERS
    blocks = (start + np.arange(CANDIDATES // WORDS)).ravel()
    candidates = _box_muller(_floats(_words_of(keys, counters, blocks)))
    candidates = tf.reshape(candidates, [-1, groups, CANDIDATES])
    accepted = tf.abs(candidates) < 2.0
    rank = tf.cumsum(tf.cast(accepted, tf.int32), axis=2)
    chosen = [
        tf.reduce_sum(tf.where(accepted & (rank == place), candidates, 0.0), axis=2)
        for place in range(1, WORDS + 1)
    ]
    return tf.reshape(tf.stack(chosen, axis=2), [-1, groups * WORDS])[:, :count]


def _words_of(keys: Tensor, counters: Tensor, blocks: np.ndarray) -> Tensor:
    """Return the words of chosen counter values, shape (runs, 4 x blocks).

    Two words are computed as one number, twice for each block: twice the work, but one
    loop without a shuffle at its end, which XLA makes vector instructions of.

    Args:
        keys: shape (runs, 1).
        counters: shape (runs, 2); the lower half of a fresh counter is 0, so adding to
            it never carries.
        blocks: what to add to the counter, shape (blocks,).
    """
    added = tf.constant(np.repeat(blocks, 2).astype(np.uint32))[None]
    second = tf.constant(np.tile([False, True], len(blocks)))[None]

    def pairs(keys: Tensor, counters: Tensor) -> Tensor:
        lower, upper = counters[:, 0:1], counters[:, 1:2]
        x = (added + _low(lower), _high(lower), _low(upper), _high(upper))
        x, _ = _rounds(x, (_low(keys), _high(keys)), ROUNDS)
        return _join(tf.where(second, x[2], x[0]), tf.where(second, x[3], x[1]))

    drawn = _in_halves(pairs, keys, counters, 2 * len(blocks))
    return tf.reshape(tf.bitcast(drawn, tf.uint32), [-1, WORDS * len(blocks)])


def _in_halves(
    compute: Callable, keys: Tensor, counters: Tensor, columns: int
) -> Tensor:
    """Call a function for each half of the runs, in a loop: (runs, columns), uint64.

    XLA stores what a loop returns. Of anything else it computes the random numbers of a
    layer twice: where they are used, and again for the gradient.
    """
    runs = keys.shape[0]
    if runs % 2:
        return compute(keys, counters)
    keys, counters = (tf.reshape(t, [2, runs // 2, -1]) for t in (keys, counters))
    halves = tf.TensorArray(tf.uint64, 2, element_shape=[runs // 2, columns])
    _, halves = tf.while_loop(
        lambda half, _: half < 2,
        lambda half, done: (
            half + 1,
            done.write(half, compute(keys[half], counters[half])),
        ),
        (0, halves),
    )
    return tf.reshape(halves.stack(), [runs, columns])


def _encrypt(block: tuple, key: tuple) -> tuple:
    """Return ten rounds of Philox over four words with a key of two.

    In a loop, which XLA does not merge into those that use its result.
    """
    _, block, _ = tf.while_loop(
        lambda number, *_: number < 2,
        lambda number, x, k: (number + 1, *_rounds(x, k, ROUNDS // 2)),
        (0, block, key),
    )
    return block


def _rounds(x: tuple, k: tuple, count: int) -> tuple[tuple, tuple]:
    for _ in range(count):
        x, k = _one_round(x, k)
    return x, k


def _one_round(x: tuple, k: tuple) -> tuple[tuple, tuple]:
    high0, low0 = _multiply(x[0], MULTIPLIERS[0])
    high1, low1 = _multiply(x[2], MULTIPLIERS[1])
    x = (_xor(high1, x[1], k[0]), low1, _xor(high0, x[3], k[1]), low0)
    return x, tuple(a + _u32(b) for a, b in zip(k, KEY_STEPS, strict=True))


def _multiply(word: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Return the upper and lower word of a product."""
    product = tf.cast(word, tf.uint64) * tf.constant(by, tf.uint64)
    return _high(product), _low(product)


def _floats(drawn: Tensor) -> Tensor:
    """Put 23 random bits behind the exponent of 1.0, and subtract 1."""
    bits = (drawn & _u32(0x7FFFFF)) | _u32(127 << 23)
    return tf.bitcast(bits, tf.float32) - 1.0


def _doubles(drawn: Tensor) -> Tensor:
    """Put 52 random bits of each two words behind the exponent of 1.0."""
    pairs = tf.reshape(drawn, [tf.shape(drawn)[0], drawn.shape[1] // 2, 2])
    bits = _join(pairs[:, :, 1], pairs[:, :, 0] & _u32(0xFFFFF))
    exponent = tf.constant(1023 << 52, tf.uint64)
    return tf.bitcast(bits | exponent, tf.float64) - 1.0


def _box_muller(uniforms: Tensor) -> Tensor:
    """Turn each two uniform numbers into two normal ones.

    In double precision, rounded where the C library's functions for floats round: those
    of Eigen and XLA for floats are off by more than the last bit.
    """
    dtype = uniforms.dtype
    pairs = tf.reshape(uniforms, [tf.shape(uniforms)[0], uniforms.shape[1] // 2, 2])
    first = tf.maximum(pairs[:, :, 0], tf.constant(1e-7, dtype))
    radius = tf.sqrt(-2.0 * tf.cast(tf.math.log(_wide(first)), dtype))
    angle = _wide(tf.cast(2 * np.pi * _wide(pairs[:, :, 1]), dtype))
    waves = tf.stack([tf.sin(angle), tf.cos(angle)], axis=-1)
    return tf.reshape(tf.cast(waves, dtype) * radius[..., None], tf.shape(uniforms))


def _wide(value: Tensor) -> Tensor:
    return tf.cast(value, tf.float64)


def _u32(value: int) -> Tensor:
    return tf.constant(value, tf.uint32)


def _low(wide: Tensor) -> Tensor:
    return tf.cast(wide, tf.uint32)


def _high(wide: Tensor) -> Tensor:
    return tf.cast(tf.bitwise.right_shift(wide, tf.constant(32, tf.uint64)), tf.uint32)


def _join(low: Tensor, high: Tensor) -> Tensor:
    upper = tf.bitwise.left_shift(tf.cast(high, tf.uint64), tf.constant(32, tf.uint64))
    return tf.cast(low, tf.uint64) | upper


def _xor(*values: Tensor) -> Tensor:
    first, *rest = values
    for value in rest:
        first = tf.bitwise.bitwise_xor(first, value)
    return first
