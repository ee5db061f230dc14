"""Digest the inputs and the outputs of every operation, traced or run eagerly.

TensorFlow calls back for each operation that a graph gets; digests are added behind it.
An operation that writes a variable has no output: the variable is read right after it.
A returned `Identity` waits for everything that has side effects, ours included: it is
never digested, or the graph would have a cycle. An operation that runs eagerly in a
step is digested at once; it is known again by its line and layer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.eager import backprop, record
from tensorflow.python.framework import op_callbacks

from seedscope.verify.recording import frames
from seedscope.verify.recording.digests import SCOPE, at_hand, digest, hand_over
from seedscope.verify.recording.patching import put
from seedscope.verify.recording.steps import Steps
from seedscope.verify.words import Call, Digests, Operation, Record

PASSED_BY = (
    "Const",
    "DestroyResourceOp",
    "Enter",
    "Exit",
    "LoopCond",
    "Merge",
    "NextIteration",
    "NoOp",
    "Placeholder",
    "Switch",
)
WRITES = (
    "AssignAddVariableOp",
    "AssignSubVariableOp",
    "AssignVariableOp",
    "ResourceApply",
    "ResourceScatter",
    "ResourceSparseApply",
    "ResourceStridedSliceAssign",
)
NOT_EAGER = ("Identity", "Iterator", "Dataset", "Var", "Read", "ResourceGather", "__")
EAGERLY = "run eagerly"
BACKWARD = "gradient_tape/"  # what the tape puts before the name of the operation


class Operations:
    """All operations of one program."""

    def __init__(self, record: Record, steps: Steps) -> None:
        self.record = record
        self._steps = steps
        self._step = 1
        self._tapes = 0  # that are open, or asked for gradients
        self._looking = False
        self._eager: dict[str, int] = {}  # an operation's place -> its number
        self._origins: dict[int, tuple[Any, str | None]] = {}  # of eager tensors
        self._digests: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._resources: list[list[tuple[Any, str | int]]] = []  # of each operation
        self._places: dict[tuple[str, str], tuple[Any, str | None]] = {}

    def install(self) -> None:
        """Look at every graph that is traced from now on."""
        op_callbacks.add_op_callback(self._created)
        for name in ("__enter__", "__exit__", "gradient"):
            self._follow_tape(name, {"__enter__": 1, "__exit__": -1}.get(name, 0))

    def next_step(self) -> None:
        """Note that what runs from now on is of the next step."""
        self._step += 1
        self._origins.clear()

    def finish(self) -> None:
        """Stop looking, and give variables their paths."""
        op_callbacks.clear_op_callbacks()
        names = _handles()
        for operation, resources in zip(
            self.record.operations, self._resources, strict=True
        ):
            found = [
                names.get(name)
                if isinstance(name, int)
                else self._variable(graph, name, names)
                for graph, name in resources
            ]
            operation.variables = tuple(dict.fromkeys(filter(None, found)))

    def _created(
        self,
        op_type: str,
        inputs: Sequence[Any],
        attrs: Any,
        outputs: Sequence[Any],
        op_name: str | None = None,
        graph: Any = None,
    ) -> None:
        if graph is None:
            kind = op_type.decode() if isinstance(op_type, bytes) else op_type
            if not self._looking:  # our own digests run eagerly too
                self._looking = True
                try:
                    self._ran(kind, inputs, outputs)
                finally:
                    self._looking = False
            return
        if not isinstance(graph, tf.__internal__.FuncGraph):
            return
        name = outputs[0].op.name if outputs else str(op_name)
        if op_type in PASSED_BY or SCOPE in f"{name}/" or "scratch" in graph.name:
            return
        if why := frames.compiled():
            said = f"XLA compiles {why}"
            if said not in self.record.untraced:
                self.record.untraced.append(said)
            return
        with graph.as_default(), tf.name_scope(SCOPE):
            self._look_at(op_type, inputs, outputs, name, graph)

    def _look_at(
        self,
        op_type: str,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        name: str,
        graph: Any,
    ) -> None:
        known = self._digests.setdefault(id(graph), (graph, {}))[1]
        for tensor in inputs:
            if tensor.name not in known:
                known[tensor.name] = digest(tensor)
        if op_type in ("Identity", "IdentityN"):
            for source, target in zip(inputs, outputs, strict=False):
                known[target.name] = known.get(source.name)
            return
        resources = [tensor for tensor in inputs if tensor.dtype == tf.resource]
        after = []
        if op_type.startswith(WRITES) and resources:
            after = [_read_after(graph.get_operation_by_name(name), resources[0])]
        for tensor in outputs:
            known[tensor.name] = digest(tensor)
        taken = [d for t in inputs if (d := known.get(t.name)) is not None]
        made = [d for t in outputs if (d := known[t.name]) is not None] + after
        if not made:
            return
        number = len(self.record.operations)
        where, layer = self._origin(graph.name, name)
        self._places[graph.name, name] = where, layer
        self.record.operations.append(
            Operation(
                graph=graph.name,
                name=name,
                kind=op_type,
                in_pipeline=_in_pipeline(graph),
                variables=(),
                layer=layer,
                places=where,
                inputs=tuple(tensor.name for tensor in inputs),
            )
        )
        self._resources.append([(graph, tensor.name) for tensor in resources])
        hand_over(taken + made, self._writer(number, len(taken)))

    # ---- what runs eagerly ---------------------------------------------------------

    def _follow_tape(self, name: str, change: int) -> None:
        """Know when a tape is at work: steps of a loop have no other sign.

        Args:
            name: of a method of the tape.
            change: of the number of open tapes; 0: only while it runs.
        """
        original = getattr(tf.GradientTape, name)

        def method(tape: Any, *args: Any, **kwargs: Any) -> Any:
            self._tapes += change or 1
            try:
                return original(tape, *args, **kwargs)
            finally:
                self._tapes -= 0 if change else 1

        put(tf.GradientTape, name, method)

    def _ran(self, op_type: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Digest an operation that has just run eagerly in a step."""
        ours = SCOPE in f"{frames.scope()}/"
        if ours or op_type.startswith(NOT_EAGER) or not tf.executing_eagerly():
            return
        if not (self._tapes or self._steps.inside or frames.in_optimizer()):
            return
        taken = [t for t in inputs if hasattr(t, "dtype")]
        if any(t.dtype == tf.variant for t in taken):
            return  # what such an input holds is not seen
        resources = [t for t in taken if t.dtype == tf.resource]
        with record.stop_recording():
            before = [d for t in taken if (d := digest(t)) is not None]
            made = list(outputs)
            if op_type.startswith(WRITES) and resources:
                made += _value_now(resources[0])
            after = [d for t in made if (d := digest(t)) is not None]
        if not after:
            return
        number = self._number(op_type, resources, self._eager_origin(taken, outputs))
        digests = at_hand([*before, *after])
        call = Call(number, self._step, digests[: len(before)], digests[len(before) :])
        self.record.calls.append(call)

    def _number(
        self, op_type: str, resources: Sequence[Any], origin: tuple[Any, str | None]
    ) -> int:
        """Return the number of an eager operation: a new one, or that of its place."""
        where, layer = origin
        variables = " ".join(str(id(handle)) for handle in resources)
        key = f"{op_type} {where[0] if where else ''} {layer} {variables}"
        if key not in self._eager:
            self._eager[key] = len(self.record.operations)
            self._resources.append([(None, id(handle)) for handle in resources])
            self.record.operations.append(
                Operation(
                    graph=f"{EAGERLY} {len(self._eager)}",
                    name=EAGERLY,
                    kind=op_type,
                    in_pipeline=False,
                    variables=(),
                    layer=layer,
                    places=where,
                    inputs=(),
                )
            )
        return self._eager[key]

    def _eager_origin(
        self, inputs: Sequence[Any], outputs: Sequence[Any]
    ) -> tuple[tuple[Any, ...], str | None]:
        """Return where an eager operation comes from; a gradient from its forward."""
        forward = frames.locals_of(backprop._gradient_function)
        for part in ("outputs", "inputs"):
            for tensor in forward.get(part) or ():
                found = self._origins.get(getattr(tensor, "_id", -1))
                if found is not None:
                    return found
        found = frames.places(), frames.layer()
        for tensor in (*inputs, *outputs):
            self._origins[getattr(tensor, "_id", -1)] = found
        return found

    # ---- what is traced ------------------------------------------------------------

    def _writer(self, number: int, inputs: int) -> Callable[[Digests], None]:
        def write(seen: Digests) -> None:
            call = Call(number, self._step, seen[:inputs], seen[inputs:])
            self.record.calls.append(call)

        return write

    def _origin(self, graph: str, name: str) -> tuple[tuple[Any, ...], str | None]:
        """Return where an operation comes from; a gradient from what it is one of."""
        where, layer = frames.places(), frames.layer()
        if name.startswith(BACKWARD):
            parts = name.removeprefix(BACKWARD).split("/")
            for length in range(len(parts), 0, -1):
                found = self._places.get((graph, "/".join(parts[:length])))
                if found is not None:
                    return found
        return where, layer

    def _variable(self, graph: Any, name: str, names: dict[int, str]) -> str | None:
        """Follow a captured handle outwards to the variable that it is of."""
        while isinstance(graph, tf.__internal__.FuncGraph):
            outer = next((o for o, i in graph.captures if i.name == name), None)
            if outer is None:
                return None
            if id(outer) in names:
                return names[id(outer)]
            graph, name = getattr(outer, "graph", None), getattr(outer, "name", "")
        return None


def _in_pipeline(graph: Any) -> bool:
    while isinstance(graph, tf.__internal__.FuncGraph):
        if graph.name.startswith("Dataset_"):
            return True
        graph = graph.outer_graph
    return False


def _value_now(handle: Any) -> list[Any]:
    """Return the value of the variable that a handle is of, where its type is known."""
    data = getattr(handle, "_handle_data", None)
    held = data.shape_and_type if data is not None and data.is_set else ()
    if len(held) != 1:
        return []
    kind = tf.as_dtype(held[0].dtype)
    return [tf.raw_ops.ReadVariableOp(resource=handle, dtype=kind)]


def _read_after(operation: Any, resource: Any) -> Any:
    attrs = operation.node_def.attr
    kind = next(a.type for key, a in attrs.items() if key in ("dtype", "T"))
    with tf.control_dependencies([operation]):
        return digest(tf.raw_ops.ReadVariableOp(resource=resource, dtype=kind))


_made: list[Any] = []  # every variable of the program, in the order of creation


def remember_variables() -> list[Any]:
    """Keep every variable that is made from now on, and return the growing list."""
    from keras.src.backend.common.variables import Variable
    from tensorflow.python.ops.resource_variable_ops import BaseResourceVariable

    for kind in (Variable, BaseResourceVariable):
        _remember(kind)
    return _made


def _remember(kind: Any) -> None:
    original = kind.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if type(self).__name__ != "_UnreadVariable":  # what a write returns
            _made.append(self)

    put(kind, "__init__", init)


def _handles() -> dict[int, str]:
    """Return {id of a variable's handle: its path}; Keras' own paths win."""
    found: dict[int, str] = {}
    for variable in _made:
        if isinstance(variable, keras.Variable):
            continue
        if getattr(variable, "_handle", None) is not None:
            found[id(variable.handle)] = variable.name
    for variable in _made:
        if isinstance(variable, keras.Variable) and variable._value is not None:
            inner = variable._value
            for part in getattr(inner, "values", None) or [inner]:
                if getattr(part, "_handle", None) is not None:
                    found[id(part.handle)] = variable.path
    return found
