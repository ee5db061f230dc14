"""Digest what goes through each training step, from the batch to the update.

That is the batch, the loss, the gradients, what the update made of the weights, and the
rest of the state. The digests are taken inside the graph, where Keras and
TensorFlow hand these tensors over, so that no user's code is changed. In code that XLA
compiles no value can be handed out: a checksum is left in a variable and fetched when
the step has ended.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow import trainer as keras_trainer
from keras.src.optimizers.base_optimizer import BaseOptimizer
from tensorflow.python.data.ops import iterator_ops
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from seedscope.verify.recording import frames
from seedscope.verify.recording.digests import (
    SCOPE,
    at_hand,
    checksum,
    digest,
    hand_over,
    tensors,
)
from seedscope.verify.recording.patching import put
from seedscope.verify.words import Record, Tap

Labelled = Sequence[tuple[str, Any]]


class Taps:
    """All taps of one program."""

    def __init__(self, record: Record, layers: bool) -> None:
        self.record = record
        self.layers = layers  # also the outputs of layers that XLA compiles
        self.own_variables: set[int] = set()
        self._by_name: dict[str, Tap] = {}
        self._ordinals: dict[tuple[int, str], int] = {}
        self._kept: list[tuple[Tap, ResourceVariable]] = []
        self._updated: set[int] = set()  # variables whose update this step has noted
        self._is_float: dict[str, bool] = {}  # whether a checksum is a float's bits
        self._graphs: list[Any] = []  # kept alive, so that no id is used again

    def install(self) -> None:
        """Tap everything that trains from now on."""
        self._tap_train_step()
        self._tap_gradients()
        self._tap_updates()
        self._tap_iterators()
        if self.layers:
            self._tap_layers()

    def note(self, phase: str, about: str, labelled: Labelled) -> None:
        """Digest tensors each time the program passes here."""
        if _is_scratch():
            return
        found = [
            (label, tensor)
            for label, value in labelled
            if value is not None
            for tensor in tensors([value])
        ]
        with tf.name_scope(SCOPE):
            if tf.executing_eagerly():
                self._note_eagerly(phase, about, found)
            elif frames.compiled():
                self._note_compiled(phase, about, found)
            else:
                self._note_in_graph(phase, about, found)

    def fetch(self) -> None:
        """Read what compiled code left in the step that has just ended."""
        for tap, variable in self._kept:
            values = variable.numpy()
            tap.seen.append(tuple(int(v) for v in values))
            if tap.phase == "loss" and self._is_float[tap.name]:
                self.record.finite.append(bool(np.isfinite(values.view("f4")).all()))

    def _look_whether_finite(self, loss: Any) -> None:
        """Note of each step whether its loss is a finite number."""
        found = [t for t in tensors([loss]) if t.dtype.is_floating]
        if not found or _is_scratch():
            return
        if frames.compiled() and not tf.executing_eagerly():
            return  # the checksum of one float is its bits: `fetch` reads them
        with tf.name_scope(SCOPE):
            finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(t)) for t in found])
            tf.numpy_function(
                lambda value: self.record.finite.append(bool(value)), [finite], []
            )

    # ---- the three ways to digest --------------------------------------------------

    def _note_in_graph(self, phase: str, about: str, found: Labelled) -> None:
        pairs = [(label, d) for label, t in found if (d := digest(t)) is not None]
        if not pairs:
            return
        tap = self._tap(phase, about, [label for label, _ in pairs])

        hand_over([d for _, d in pairs], tap.seen.append)

    def _note_eagerly(self, phase: str, about: str, found: Labelled) -> None:
        pairs = [(label, d) for label, t in found if (d := digest(t)) is not None]
        if pairs:
            tap = self._tap(phase, about, [label for label, _ in pairs])
            tap.seen.append(at_hand([d for _, d in pairs]))

    def _note_compiled(self, phase: str, about: str, found: Labelled) -> None:
        pairs = [(label, c) for label, t in found if (c := checksum(t)) is not None]
        if not pairs:
            return
        tap = self._tap(phase, about, [label for label, _ in pairs])
        with tf.init_scope():
            # Made directly: `tf.Variable` would ask the function that is traced.
            variable = ResourceVariable(tf.zeros([len(pairs)], tf.int32))
        self.own_variables.add(id(variable))
        self._is_float[tap.name] = all(
            t.dtype == tf.float32 and t.shape.rank == 0 for _, t in found
        )
        self._kept = [(t, v) for t, v in self._kept if t is not tap]
        self._kept.append((tap, variable))
        variable.assign(tf.stack([c for _, c in pairs]))

    def _tap(self, phase: str, about: str, labels: Sequence[str]) -> Tap:
        """Return the tap of this place: one, however often a function is traced."""
        where = frames.places()
        graph = tf.compat.v1.get_default_graph()
        base = f"{phase} {about} {where[0] if where else ''}".strip()
        ordinal = 0
        if not tf.executing_eagerly():
            key = (id(graph), base)
            if key not in self._ordinals:
                self._graphs.append(graph)
            ordinal = self._ordinals.get(key, 0)
            self._ordinals[key] = ordinal + 1
        name = f"{base} #{ordinal}" if ordinal else base
        if name not in self._by_name:
            tap = Tap(name, phase, tuple(labels), frames.layer(), where)
            self._by_name[name] = tap
            self.record.taps.append(tap)
        return self._by_name[name]

    # ---- where they are ------------------------------------------------------------

    def _tap_train_step(self) -> None:
        original = keras_trainer.TensorFlowTrainer._make_function

        def make(model: Any, step_function: Callable[..., Any]) -> Any:
            if getattr(step_function, "__name__", "") == "test_step":
                return original(model, step_function)

            def train_step(data: Any) -> Any:
                self.note("batch", "", [("the batch", data)])
                self._updated.clear()
                result = step_function(data)
                # What no optimizer updates: moving statistics, metrics, generators.
                rest = [v for v in _variables(model) if id(v) not in self._updated]
                self.note("state", "", _paths(rest))
                return result

            return original(model, train_step)

        put(keras_trainer.TensorFlowTrainer, "_make_function", make)

    def _tap_gradients(self) -> None:
        original = tf.GradientTape.gradient

        def gradient(
            tape: Any, target: Any, sources: Any, *args: Any, **kwargs: Any
        ) -> Any:
            found = original(tape, target, sources, *args, **kwargs)
            names = [_path(source) for source in tf.nest.flatten(sources)]
            grads = tf.nest.flatten(found, expand_composites=False)
            self.note("loss", "", [("the loss", target)])
            self._look_whether_finite(target)
            self.note("gradients", "", list(zip(names, grads, strict=False)))
            return found

        put(tf.GradientTape, "gradient", gradient)

    def _tap_updates(self) -> None:
        original = BaseOptimizer.apply

        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            given = None if trainable_variables is None else list(trainable_variables)
            result = original(optimizer, grads, given)
            changed = given if given is not None else optimizer._trainable_variables
            both = [*changed, *optimizer.variables]
            self._updated |= {id(variable) for variable in both}
            self.note("update", optimizer.name, _paths(both))
            return result

        put(BaseOptimizer, "apply", apply)

    def _tap_iterators(self) -> None:
        original = iterator_ops.OwnedIterator.__next__

        def following(iterator: Any) -> Any:
            element = original(iterator)
            self.note("batch", "of a loop", [("the batch", element)])
            return element

        put(iterator_ops.OwnedIterator, "__next__", following)

    def _tap_layers(self) -> None:
        original = keras.Layer.__call__

        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(layer, *args, **kwargs)
            if isinstance(layer, keras.Model) or _is_scratch():
                return result
            symbolic = any(
                isinstance(v, keras.KerasTensor) for v in tf.nest.flatten(result)
            )
            hidden = tf.executing_eagerly() or frames.compiled()
            if hidden and not symbolic and kwargs.get("training", True):
                name = frames.name_of(layer)
                self.note("layer", name, [(name, result)])
            return result

        put(keras.Layer, "__call__", call)


def _variables(model: keras.Model) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    found = [*model.variables, *(optimizer.variables if optimizer else ())]
    return list({id(variable): variable for variable in found}.values())


def _paths(variables: Iterable[Any]) -> list[tuple[str, Any]]:
    return [
        (
            _path(v),
            v.value if isinstance(v, keras.Variable) else tf.convert_to_tensor(v),
        )
        for v in variables
    ]


def _path(variable: Any) -> str:
    for name in ("path", "name"):
        found = getattr(variable, name, None)
        if isinstance(found, str):
            return found
    return "a tensor"


def _is_scratch() -> bool:
    """Tell whether only shapes are computed here, not values."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    in_function = isinstance(graph, tf.__internal__.FuncGraph)
    return not in_function or "scratch" in graph.name
