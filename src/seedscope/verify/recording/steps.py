"""Follow the steps of a program: how many there were, how long each took.

A step that traced a function is not timed: what tracing costs has nothing to do with
what a cure costs. Where the program runs no `fit` and no `train_on_batch`, the steps
are those of its loop over a Dataset.
"""

import time
from collections.abc import Callable
from typing import Any

import keras
from keras.src.backend.tensorflow import trainer as keras_trainer
from tensorflow.python.data.ops import iterator_ops
from tensorflow.python.framework import func_graph

from seedscope.verify.recording.patching import put
from seedscope.verify.words import Record


class Enough(BaseException):
    """Raised in a program to end it: what was asked for has been recorded."""


class Steps:
    """The steps of one program."""

    def __init__(self, record: Record, until: int | None) -> None:
        self.record = record
        self.until = until
        self.at_ends: list[Callable[[], None]] = []
        self._traced = 0
        self._began: tuple[float, float, int] | None = None
        self._in_keras = 0

    @property
    def inside(self) -> bool:
        """Tell whether a step has begun and not ended."""
        return self._began is not None

    def begin(self) -> None:
        """Note that a step begins."""
        self._began = (time.perf_counter(), time.process_time(), self._traced)

    def end(self, steps: int = 1) -> None:
        """Note that one call that took `steps` steps is over."""
        if self._began is not None:
            started, used, traced = self._began
            if traced == self._traced:
                spent = (time.perf_counter() - started) / steps
                self.record.step_seconds.append(spent)
                self.record.step_cpu.append((time.process_time() - used) / steps)
            self._began = None
        self.record.steps += steps
        for hook in self.at_ends:
            hook()
        if self.until is not None and self.record.steps >= self.until:
            self.record.cut = True
            raise Enough

    def install(self) -> None:
        """Follow `fit`, `train_on_batch` and loops over a Dataset from now on."""
        self._count_traces()
        self._follow_fit()
        self._follow_train_on_batch()
        self._follow_iterators()

    def _count_traces(self) -> None:
        original = func_graph.FuncGraph.__init__

        def init(graph: Any, *args: Any, **kwargs: Any) -> None:
            self._traced += 1
            original(graph, *args, **kwargs)

        put(func_graph.FuncGraph, "__init__", init)

    def _follow_fit(self) -> None:
        steps, original = self, keras_trainer.TensorFlowTrainer.fit

        class Watch(keras.callbacks.Callback):
            first = 0

            def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
                self.first = batch
                steps.begin()

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                steps.end(batch - self.first + 1)

        def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
            args_given = list(args)
            if len(args_given) > 5:  # x, y, batch_size, epochs, verbose, callbacks
                args_given[5] = with_watch(args_given[5])
            else:
                kwargs["callbacks"] = with_watch(kwargs.get("callbacks"))
            steps._in_keras += 1
            try:
                return original(model, *args_given, **kwargs)
            finally:
                steps._in_keras -= 1

        def with_watch(callbacks: Any) -> Any:
            if isinstance(callbacks, keras.callbacks.CallbackList):
                callbacks.callbacks.append(Watch())
                return callbacks
            given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
            return [*(c for c in given if c is not None), Watch()]

        put(keras_trainer.TensorFlowTrainer, "fit", fit)

    def _follow_train_on_batch(self) -> None:
        original = keras_trainer.TensorFlowTrainer.train_on_batch

        def train_on_batch(model: Any, *args: Any, **kwargs: Any) -> Any:
            self._in_keras += 1
            self.begin()
            try:
                result = original(model, *args, **kwargs)
            finally:
                self._in_keras -= 1
            self.end()
            return result

        put(keras_trainer.TensorFlowTrainer, "train_on_batch", train_on_batch)

    def _follow_iterators(self) -> None:
        """A loop over a Dataset: a step lasts until the next element is asked for."""
        original = iterator_ops.OwnedIterator.__next__

        def following(iterator: Any) -> Any:
            if self._in_keras:
                return original(iterator)
            if getattr(iterator, "_seedscope_in_step", False):
                iterator._seedscope_in_step = False
                if self._began is not None:
                    self.end()
            self.begin()
            element = original(iterator)
            iterator._seedscope_in_step = True
            return element

        put(iterator_ops.OwnedIterator, "__next__", following)
