"""Let Keras' optimizers step without variables on TensorFlow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.optimizers.base_optimizer import BaseOptimizer

Tensor = Any


@contextmanager
def stateless_optimizers() -> Iterator[None]:
    """Take away what Keras' optimizers do for tf.distribute on TensorFlow.

    Keras has `stateless_apply` for every optimizer and blocks it on TensorFlow, only
    because the methods below want real variables.
    """
    methods = {
        name: vars(TFOptimizer)[name]
        for name in vars(TFOptimizer)
        if name in vars(BaseOptimizer) and name not in ("__init__", "_clip_by_norm")
    }
    for name in methods:
        setattr(TFOptimizer, name, vars(BaseOptimizer)[name])
    for name in ("assign", "assign_add", "assign_sub"):
        setattr(TFOptimizer, name, _dense(name))
    try:
        yield
    finally:
        for name, method in methods.items():
            setattr(TFOptimizer, name, method)


def _dense(name: str) -> Callable[[Any, Any, Tensor], None]:
    """Return an update that takes the sparse gradients of embeddings too."""

    def update(_: Any, variable: Any, value: Tensor) -> None:
        getattr(variable, name)(tf.cast(tf.convert_to_tensor(value), variable.dtype))

    return update
