"""What of a training step can be put back: seen in the graph that TensorFlow traced.

A step may hold more than weights: operations that draw from a state of their own
(tf.random), Python that it calls, variables that no layer or optimizer owns. Who sees
only the model does not know of them. The traced step does: each such thing is an
operation with state, or a captured resource, and either is named here or unknown.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

ALONE = ("EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN", "ProgbarLogger")
WAYS = (  # operations with state that are only ways to variables, to data and to others
    "Placeholder",
    "VarHandleOp",
    "ReadVariableOp",
    "VarIsInitializedOp",
    "StatefulPartitionedCall",
    "If",
    "While",
    "Case",
    "Assert",
    "NoOp",
    "IteratorGetNext",
    "CheckNumericsV2",
)
STARTS = ("Assign", "Resource", "Optional")


def missing(graphs: Iterable[Any], known: Iterable[Any]) -> str | None:
    """Return what of traced steps cannot be put back, or None.

    Args:
        graphs: of the functions in which steps were traced.
        known: variables that are put back, or that no step reads from the one before.
    """
    handles = {id(_handle(variable)) for variable in known}
    for graph in graphs:
        for name in sorted(_with_state(graph)):
            return f"its step asks {name}, whose state cannot be put back"
        for outer, _ in graph.captures:
            if outer.dtype == tf.resource and id(outer) not in handles:
                return "its step keeps a state that no layer and no optimizer owns"
    return None


def state_of(callback: Any) -> dict[str, Any] | None:
    """Return what a callback knows; None: it may know what cannot be put back."""
    if type(callback) is keras.callbacks.LearningRateScheduler:
        plain = getattr(callback.schedule, "__closure__", callback) is None
        return {} if plain else None
    if type(callback) is keras.callbacks.History:
        return {"epoch": callback.epoch, "history": callback.history}
    name = type(callback).__name__
    if name not in ALONE or type(callback) is not getattr(keras.callbacks, name):
        return None
    names = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")
    held = {name: value for name, value in vars(callback).items() if name in names}
    return {**held, "best_weights": getattr(callback, "best_weights", None)}


def _with_state(graph: Any) -> Iterator[str]:
    """Return the operations with a state of their own, also of inner functions."""
    whole = graph.as_graph_def()
    nodes = [*whole.node, *(n for f in whole.library.function for n in f.node_def)]
    for name in {node.op for node in nodes}:
        found = op_def_registry.get(name)
        stateful = found is not None and found.is_stateful
        if stateful and name not in WAYS and not name.startswith(STARTS):
            yield name


def _handle(variable: Any) -> Any:
    """Return the resource of a variable of Keras or TensorFlow."""
    inner = getattr(variable, "value", variable)
    return getattr(variable if callable(inner) else inner, "handle", None)
