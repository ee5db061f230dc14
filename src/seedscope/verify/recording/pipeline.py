"""Follow the data on its way to `fit`: arrays, a Dataset's stages, a PyDataset's items.

Behind each operation of a Dataset stands a tap that notes the digest of each element,
in the order in which they come. A tap is a `map` of its own, serial: it changes neither
elements nor their order.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow import trainer as keras_trainer

from seedscope.verify.recording import frames
from seedscope.verify.recording.digests import (
    SCOPE,
    digest,
    hand_over,
    of_arrays,
    tensors,
)
from seedscope.verify.recording.patching import put
from seedscope.verify.words import Record, Stage

METHODS = (
    "batch",
    "cache",
    "concatenate",
    "filter",
    "flat_map",
    "group_by_window",
    "interleave",
    "map",
    "padded_batch",
    "prefetch",
    "ragged_batch",
    "rebatch",
    "repeat",
    "scan",
    "shard",
    "shuffle",
    "skip",
    "take",
    "unbatch",
    "unique",
    "window",
)
MAKERS = (
    "choose_from_datasets",
    "from_generator",
    "from_tensor_slices",
    "from_tensors",
    "list_files",
    "random",
    "range",
    "sample_from_datasets",
    "zip",
)


class Arrays:
    """Digests of the arrays that are handed to Keras: the data as loaded."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._done: set[str] = set()

    def install(self) -> None:
        """Digest what `fit`, `evaluate` and `predict` are given from now on."""
        trainer = keras_trainer.TensorFlowTrainer
        for name in ("fit", "evaluate", "predict"):
            put(trainer, name, self._digesting(name, getattr(trainer, name)))

    def _digesting(self, name: str, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def called(model: Any, *args: Any, **kwargs: Any) -> Any:
            given = dict(zip(("x", "y"), args, strict=False)) | {
                key: kwargs[key]
                for key in ("x", "y", "sample_weight", "validation_data")
                if key in kwargs
            }
            for key, value in given.items():
                self._note(f"{key} of {name}", value)
            return original(model, *args, **kwargs)

        return called

    def _note(self, about: str, value: Any) -> None:
        arrays = [v for v in tf.nest.flatten(value) if _is_array(v)]
        place = frames.caller()
        where = f"{about} at {place}"
        if arrays and where not in self._done:
            self._done.add(where)
            self.record.loaded.append((about, of_arrays(arrays), str(place)))


class Stages:
    """The elements behind every stage of every Dataset, and every PyDataset's items."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._inside = threading.local()
        self._lock = threading.Lock()

    def install(self) -> None:
        """Tap every Dataset and every PyDataset that is made from now on."""
        kind = tf.data.Dataset
        for name in METHODS:
            if hasattr(kind, name):
                put(kind, name, self._staged(name, getattr(kind, name)))
        for name in MAKERS:
            if hasattr(kind, name):
                made = self._staged(name, getattr(kind, name))
                put(kind, name, staticmethod(made))
        self._tap_items()

    def _staged(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def staged(*args: Any, **kwargs: Any) -> Any:
            inside = getattr(self._inside, "now", False)
            if inside or not tf.executing_eagerly():
                return original(*args, **kwargs)
            self._inside.now = True
            try:
                return self._tapped(name, original(*args, **kwargs))
            finally:
                self._inside.now = False

        return staged

    def _tapped(self, name: str, dataset: Any) -> Any:
        flat = tf.nest.flatten(dataset.element_spec)
        if not flat or not all(isinstance(spec, tf.TensorSpec) for spec in flat):
            return dataset  # nested datasets and such: looked at where they end
        stage = Stage(f"Dataset.{name}", frames.places())
        self.record.stages.append(stage)

        def tap(*element: Any) -> Any:
            with tf.name_scope(SCOPE):
                found = [d for t in tensors(element) if (d := digest(t)) is not None]
                if found:
                    hand_over(found, stage.seen.append)
            return element if len(element) != 1 else element[0]

        return dataset.map(tap)

    def _tap_items(self) -> None:
        original = keras.utils.PyDataset.__init__
        watched: set[type] = set()

        def init(dataset: Any, *args: Any, **kwargs: Any) -> None:
            original(dataset, *args, **kwargs)
            kind = type(dataset)
            if kind not in watched:
                watched.add(kind)
                self._watch_items(kind)

        put(keras.utils.PyDataset, "__init__", init)

    def _watch_items(self, kind: Any) -> None:
        get = kind.__getitem__
        code = get.__code__
        place = frames.Place(code.co_filename, code.co_firstlineno, code.co_name)
        stage = Stage(f"{kind.__name__}.__getitem__", (place,), keyed=True)
        self.record.stages.append(stage)

        def getitem(dataset: Any, index: int) -> Any:
            item = get(dataset, index)
            leaves = [np.asarray(v) for v in tf.nest.flatten(item) if v is not None]
            with self._lock:
                stage.seen.append((index, of_arrays(leaves)))
            return item

        put(kind, "__getitem__", getitem)


def _is_array(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    return tf.is_tensor(value) and tf.executing_eagerly()
