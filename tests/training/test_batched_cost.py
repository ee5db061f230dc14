"""Engine and width follow from what a step computes and from the runs planned."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from seedscope.task.objective import objective
from seedscope.training.batched.cost import best_width, cost
from seedscope.training.batched.program import one_run
from seedscope.training.batched.work import Work, traced

SMALL = Work(156, 47_104, 0, 18_793, 72, 0)  # the small MLP of benchmarks/models.py
LARGE = Work(247, 168_357_888, 6_193_152, 6_373_433, 336, 0)  # its convolutions, 32x32


@pytest.fixture
def work():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.Flatten(),
            layers.Dense(10, use_bias=False),
        ]
    )
    goal = objective("mse", ["auto"], False, 0, np.zeros((2, 10), np.float32))
    run = one_run(model, goal, keras.optimizers.SGD(0.1))
    return traced(run, (), tf.TensorSpec([2, 8, 8, 1]), tf.TensorSpec([2, 10]))


def test_products_and_convolutions_count_forward_and_back(work):
    convolved, dense = 9 * 4 * 64, 256 * 10
    assert work.multiply_adds == 2 * (2 * convolved + 3 * dense)  # no gradient of x
    assert work.patches == 2 * 2 * 9 * 64  # of one channel, laid out twice


@pytest.mark.parametrize(
    ("runs", "width"), [(2, 8), (8, 8), (10, 16), (32, 32), (60, 64), (10_000, 256)]
)
def test_a_group_is_as_wide_as_the_runs_that_are_planned(runs, width):
    assert best_width(SMALL, steps=320, runs=runs) == width


def test_groups_of_large_models_are_narrow():
    assert best_width(LARGE, steps=60, runs=32) == 8


def test_long_runs_of_work_that_keeps_keras_busy_go_one_by_one():
    long, short = (cost(LARGE, steps, runs=32) for steps in (10_000, 20))
    assert long.alone < long.grouped
    assert short.alone > short.grouped, "building the model is most of a short run"
    assert cost(SMALL, 320, 32).alone > 10 * cost(SMALL, 320, 32).grouped
