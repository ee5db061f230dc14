"""The order in which `fit` walks through arrays: a fresh permutation in each epoch.

Keras shuffles by an operation whose kernel is made anew in each epoch: without a seed
it draws another order each time, with one it would repeat the first. So the order is
drawn from the source's seed and the number of the epoch.
"""

from typing import Any

import tensorflow as tf
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from tensorflow.python.ops.stateless_random_ops import (
    stateless_shuffle,
)

from seedscope.training.script import stack
from seedscope.training.script.ledger import Ledger
from seedscope.training.script.patching import patch


def install(ledger: Ledger) -> list[tf.Variable]:
    """Give `fit(shuffle=True)` on arrays the stream of `shuffle`.

    Returns:
        The numbers of the epochs, one for each such `fit` as they come.
    """
    numbers: list[tf.Variable] = []

    @patch(ArrayDataAdapter, "get_tf_dataset")
    def _(old: Any, self: Any) -> Any:
        if not self._shuffle:
            return old(self)
        key = ledger.take("shuffle", "arrays", f"{stack.line()} fit(shuffle=True)")
        epoch = tf.Variable(tf.constant(0, tf.int64), trainable=False)
        numbers.append(epoch)
        plain = tf.random.shuffle

        def shuffle(values: Any, *_: Any, **__: Any) -> Any:
            seed = [tf.constant(key, tf.int64), epoch.assign_add(1)]
            return stateless_shuffle(values, seed=seed)

        tf.random.shuffle = shuffle
        try:
            return old(self)
        finally:
            tf.random.shuffle = plain

    return numbers
