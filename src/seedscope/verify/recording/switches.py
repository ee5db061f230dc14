"""What may make a program repeat, applied from outside: no line of it is edited.

Each switch says in `touched` whether it found anything to switch in the program.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.tensorflow import trainer as keras_trainer
from keras.src.optimizers.base_optimizer import BaseOptimizer

from seedscope.verify.recording.patching import put

Touch = Callable[[], None]


def apply(names: Sequence[str]) -> set[str]:
    """Apply switches to this process; return those that find something, as they do.

    Args:
        names: keys of SWITCHES, or those that a process is born with.
    """
    touched: set[str] = set()
    for name in names:
        if name in AT_BIRTH:
            touched.add(name)
        else:
            SWITCHES[name](lambda name=name: touched.add(name))
    return touched


def _op_determinism(touch: Touch) -> None:
    tf.config.experimental.enable_op_determinism()
    touch()


def _one_thread(touch: Touch) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    touch()


def _serial_pipeline(touch: Touch) -> None:
    _rewrite_parallel(touch, num_parallel_calls=None, deterministic=None)


def _deterministic_pipeline(touch: Touch) -> None:
    _rewrite_parallel(touch, deterministic=True)


def _rewrite_parallel(touch: Touch, **forced: Any) -> None:
    """Force arguments of the parallel operations of a Dataset."""
    for name in ("map", "interleave", "batch", "padded_batch", "ragged_batch"):
        original = getattr(tf.data.Dataset, name, None)
        if original is not None:
            put(tf.data.Dataset, name, _forced(original, forced, touch))
    if "num_parallel_calls" not in forced:
        options = tf.data.Dataset.with_options

        def with_options(dataset: Any, given: Any, *args: Any, **kwargs: Any) -> Any:
            if given.deterministic is False:
                given.deterministic = True
                touch()
            return options(dataset, given, *args, **kwargs)

        put(tf.data.Dataset, "with_options", with_options)


def _forced(
    original: Callable[..., Any], forced: dict[str, Any], touch: Touch
) -> Callable[..., Any]:
    names = original.__code__.co_varnames[: original.__code__.co_argcount]

    def called(dataset: Any, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(names[1:], args, strict=False)) | kwargs
        if given.get("num_parallel_calls") is not None:
            changed = {k: v for k, v in forced.items() if given.get(k) != v}
            if changed:
                touch()
            given |= changed
        return original(dataset, **given)

    return called


def _one_worker(touch: Touch) -> None:
    original = keras.utils.PyDataset.__init__

    def init(
        dataset: Any,
        workers: int = 1,
        use_multiprocessing: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if workers > 1 or use_multiprocessing:
            touch()
        original(dataset, 1, False, *args, **kwargs)

    put(keras.utils.PyDataset, "__init__", init)


def _jit(touch: Touch) -> None:
    original = keras_trainer.TensorFlowTrainer.compile

    def compile_(model: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("jit_compile") is not True and not kwargs.get("run_eagerly"):
            touch()
        return original(model, *args, **kwargs | {"jit_compile": True})

    put(keras_trainer.TensorFlowTrainer, "compile", compile_)


def _dense_gradients(touch: Touch) -> None:
    """Add up the rows of a sparse gradient before the update, which has an order."""
    original = BaseOptimizer.apply

    def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
        dense = []
        for gradient in grads:
            if isinstance(gradient, tf.IndexedSlices):
                touch()
                gradient = tf.convert_to_tensor(gradient)
            dense.append(gradient)
        return original(optimizer, dense, trainable_variables)

    put(BaseOptimizer, "apply", apply)


def _segment_sum(touch: Touch) -> None:
    """Count with weights by `unsorted_segment_sum`, which repeats."""
    original = tf.math.bincount

    def bincount(
        arr: Any,
        weights: Any = None,
        minlength: Any = None,
        maxlength: Any = None,
        dtype: Any = tf.int32,
        name: str | None = None,
        axis: Any = None,
        binary_output: bool = False,
    ) -> Any:
        if weights is None or axis is not None or binary_output:
            return original(
                arr, weights, minlength, maxlength, dtype, name, axis, binary_output
            )
        touch()
        values = tf.reshape(tf.convert_to_tensor(arr), [-1])
        weights = tf.reshape(tf.convert_to_tensor(weights), [-1])
        bins = tf.reduce_max(tf.concat([values, [-1]], 0)) + 1
        if minlength is not None:
            bins = tf.maximum(tf.cast(minlength, bins.dtype), bins)
        if maxlength is not None:
            bins = tf.minimum(tf.cast(maxlength, bins.dtype), bins)
        inside = values < bins
        values, weights = values[inside], weights[inside]
        return tf.math.unsorted_segment_sum(weights, values, bins)

    put(tf.math, "bincount", bincount)


def _seeds(touch: Touch) -> None:
    keras.utils.set_random_seed(0)
    touch()


SWITCHES: dict[str, Callable[[Touch], None]] = {
    "seeds": _seeds,
    "serial_pipeline": _serial_pipeline,
    "deterministic_pipeline": _deterministic_pipeline,
    "one_worker": _one_worker,
    "op_determinism": _op_determinism,
    "one_thread": _one_thread,
    "jit": _jit,
    "dense_gradients": _dense_gradients,
    "segment_sum": _segment_sum,
}
AT_BIRTH = ("hash_seed", "held")  # what a process begins with
