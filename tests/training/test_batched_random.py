import keras
import numpy as np
import pytest
import tensorflow as tf

from seedscope.training.vectorize import random as converters_random  # noqa: F401  registers converters

SEEDS = np.array([[5, 0], [5, 1], [123456789, 77], [2**31 - 1, 2**31 - 2], [-3, -9]])

EXACT = {  # the same bits under XLA
    "uniform": lambda s: tf.random.stateless_uniform([3, 7], s),
    "uniform float64": lambda s: tf.random.stateless_uniform([5], s, dtype=tf.float64),
    "integers": lambda s: tf.random.stateless_uniform([9], s, -5, 12, tf.int32),
    "all integers": lambda s: tf.random.stateless_uniform([9], s, None, None, tf.int32),
    "dropout": lambda s: tf.nn.experimental.stateless_dropout(tf.ones([6, 5]), 0.3, s),
}
ROUNDED = {  # the same random words, then logarithm, sine and cosine
    "normal": (lambda s: tf.random.stateless_normal([3, 7], s), 1e-6),
    "normal float64": (
        lambda s: tf.random.stateless_normal([5], s, dtype=tf.float64),
        1e-14,
    ),
    "truncated normal": (
        lambda s: tf.random.stateless_truncated_normal([301], s),
        1e-6,
    ),
}


def one_by_one(draw):
    return np.stack([draw(tf.constant(seed, tf.int32)).numpy() for seed in SEEDS])


def together(draw):
    @tf.function(jit_compile=True)
    def all_runs(seeds):
        return tf.vectorized_map(draw, seeds, fallback_to_while_loop=False)

    return all_runs(tf.constant(SEEDS, tf.int32)).numpy()


@pytest.mark.parametrize("name", EXACT)
def test_many_seeds_at_once_draw_the_bits_of_tensorflows_cpu_kernels(name):
    np.testing.assert_array_equal(
        together(EXACT[name]), one_by_one(EXACT[name]), strict=True
    )


@pytest.mark.parametrize("name", ROUNDED)
def test_many_seeds_at_once_draw_the_normal_numbers_of_tensorflow(name):
    draw, tolerance = ROUNDED[name]
    np.testing.assert_allclose(together(draw), one_by_one(draw), atol=tolerance, rtol=0)


def test_a_layer_draws_the_noise_of_its_own_seed_state():
    layer = keras.layers.Dropout(0.4)
    x = tf.ones([4, 6])
    layer(x)
    states = np.array([[7, 0], [7, 3], [2**31 - 1, 1]])

    def with_state(state):
        with keras.StatelessScope([(layer.seed_generator.state, state)]):
            return layer(x, training=True)

    expected = []
    for state in states:
        layer.seed_generator.state.assign(state)
        expected.append(layer(x, training=True).numpy())
    got = tf.vectorized_map(with_state, tf.constant(states), False)
    np.testing.assert_array_equal(got, expected)
