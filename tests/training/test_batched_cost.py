import keras
import pytest
from keras import layers

from seedscope.training.batched.cost import gains_nothing, group_width, multiply_adds


def test_every_kernel_counts_once_for_each_place_it_is_laid_on():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.Flatten(),
            layers.Dense(10, use_bias=False),
        ]
    )
    assert multiply_adds(model, batch_size=2) == 2 * (9 * 4 * 64 + 256 * 10)


@pytest.mark.parametrize(("units", "width"), [(8, 256), (1000, 16), (100_000, 8)])
def test_larger_models_train_in_narrower_groups(units, width):
    model = keras.Sequential([keras.Input((9,)), layers.Dense(units)])
    assert group_width(model, batch_size=32) == width


def test_a_step_that_is_work_enough_by_itself_is_not_worth_a_group():
    def reason(units: int) -> str | None:
        model = keras.Sequential([keras.Input((1000,)), layers.Dense(units)])
        return gains_nothing(model, batch_size=32)

    assert reason(600) is None
    assert "32 million multiply-adds" in reason(1000)
