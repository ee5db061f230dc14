import numpy as np
import pytest

from seedscope.task.orders import batch_bounds, epoch_orders


@pytest.mark.parametrize("shuffle", ["epoch", "once", "none", "buffer"])
def test_every_epoch_holds_every_example_once(shuffle):
    orders = epoch_orders(3, 50, 4, shuffle, buffer=7)
    assert orders.shape == (4, 50)
    assert (np.sort(orders, axis=1) == np.arange(50)).all()


def test_each_mode_repeats_what_its_name_says():
    epoch = epoch_orders(3, 50, 3, "epoch")
    once = epoch_orders(3, 50, 3, "once")
    assert not (epoch[0] == epoch[1]).all()
    assert (once == once[0]).all()
    assert (once[0] == epoch[0]).all()
    assert (epoch_orders(3, 50, 3, "none") == np.arange(50)).all()


def test_a_longer_training_begins_with_the_shorter_one():
    np.testing.assert_array_equal(
        epoch_orders(3, 50, 5, "epoch")[:2], epoch_orders(3, 50, 2, "epoch")
    )


def test_a_buffer_of_k_moves_no_example_forward_by_k_or_more():
    # tf.data's shuffle(k): position i holds one of the first i + k examples.
    orders = epoch_orders(5, 200, 20, "buffer", buffer=10)
    assert (orders - np.arange(200)).max() <= 9
    assert (epoch_orders(5, 200, 1, "buffer", buffer=1) == np.arange(200)).all()


def test_a_buffer_as_large_as_the_data_shuffles_evenly():
    orders = epoch_orders(1, 6, 6000, "buffer", buffer=6)
    counts = [np.bincount(orders[:, position], minlength=6) for position in range(6)]
    assert np.abs(np.array(counts) - 1000).max() < 150


def test_the_partial_batch_is_kept_unless_it_is_dropped():
    assert batch_bounds(10, 4, drop_remainder=False) == [(0, 4), (4, 8), (8, 10)]
    assert batch_bounds(10, 4, drop_remainder=True) == [(0, 4), (4, 8)]
    assert batch_bounds(8, 4, drop_remainder=False) == [(0, 4), (4, 8)]
    assert batch_bounds(10, None, drop_remainder=True) == [(0, 10)]


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="loop.batch_size=11 is larger than the 10"):
        batch_bounds(10, 11, drop_remainder=False)
