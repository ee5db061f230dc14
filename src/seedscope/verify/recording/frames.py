"""Where in the user's code something happens, and in which layer.

TensorFlow rewrites functions (autograph); its own stack knows the lines they came from.
"""

import os
import sys
import sysconfig
import weakref
from typing import Any

import keras
import tensorflow as tf
from keras.src.optimizers.base_optimizer import BaseOptimizer
from tensorflow.python.eager import context
from tensorflow.python.eager.polymorphic_function import polymorphic_function
from tensorflow.python.util import tf_stack

from seedscope.verify.recording.patching import put
from seedscope.verify.words import Place

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SEEDSCOPE = os.path.dirname(_OURS)
_LIBRARIES = (
    os.path.dirname(os.path.dirname(os.path.abspath(tf.__file__))),
    sysconfig.get_paths()["stdlib"],
)
_made_at: "weakref.WeakKeyDictionary[Any, tuple[Place, ...]]" = (
    weakref.WeakKeyDictionary()
)


def places() -> tuple[Place, ...]:
    """Return the user's lines on the stack, innermost first.

    Lines of seedscope's own loops and pipelines count where there are no others.
    """
    found, own = [], []
    for frame in reversed(list(tf_stack.extract_stack())):
        kind = of_whom(frame.filename)
        if kind != "library":
            place = Place(frame.filename, frame.lineno, frame.name)
            (found if kind == "user" else own).append(place)
    return tuple(found or own)


def caller() -> Place | None:
    """Return the innermost user's line; quicker than `places`."""
    frame = sys._getframe(1)
    own = None
    while frame is not None:
        kind = of_whom(frame.f_code.co_filename)
        if kind != "library":
            place = Place(
                frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
            )
            if kind == "user":
                return place
            own = own or place
        frame = frame.f_back
    return own


def of_whom(file: str) -> str:
    """Return whose code a file is: user | seedscope | library."""
    if file.startswith("<") or "__autograph_generated" in file:
        return "library"
    file = os.path.abspath(file)
    if file.startswith(_OURS):
        return "library"
    if file.startswith(_SEEDSCOPE):
        return "seedscope"
    library = file.startswith(_LIBRARIES) or "site-packages" in file
    return "library" if library else "user"


def layer() -> str | None:
    """Return the layer, optimizer or loss that is being called."""
    frame = sys._getframe(1)
    while frame is not None:
        me = frame.f_locals.get("self")
        if isinstance(me, keras.Layer | BaseOptimizer | keras.Loss):
            return name_of(me)
        frame = frame.f_back
    return None


def in_optimizer() -> bool:
    """Tell whether an optimizer is updating."""
    frame = sys._getframe(1)
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), BaseOptimizer):
            return True
        frame = frame.f_back
    return False


def locals_of(function: Any) -> dict[str, Any]:
    """Return the variables of a function that is running; none where it is not."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is function.__code__:
            return frame.f_locals
        frame = frame.f_back
    return {}


def scope() -> str:
    """Return the name scope of what runs eagerly now."""
    now = context.context()
    return now.scope_name if now is not None else ""


def name_of(thing: Any) -> str:
    """Return the class and the name of a layer."""
    return f"{type(thing).__name__} {thing.name}"


def compiled() -> str | None:
    """Return the name of the function that XLA will compile, if one is being traced."""
    frame = sys._getframe(1)
    while frame is not None:
        me = frame.f_locals.get("self")
        if isinstance(me, polymorphic_function.Function) and me._jit_compile:
            return str(getattr(me._python_function, "__name__", "a function"))
        frame = frame.f_back
    return None


def remember_where_layers_are_made() -> None:
    """Note the user's line of every layer that is made from now on."""
    original = keras.Layer.__new__

    def new(kind: type, *args: Any, **kwargs: Any) -> Any:
        made = original(kind, *args, **kwargs)
        _made_at[made] = places()
        return made

    put(keras.Layer, "__new__", staticmethod(new))  # Keras reads what __init__ takes


def layers_made() -> dict[str, tuple[Place, ...]]:
    """Return {layer as `name_of` says it: where it was made}."""
    return {name_of(layer): where for layer, where in list(_made_at.items())}


def owners() -> dict[str, str]:
    """Return {path of a variable: the innermost layer that owns it}."""
    found: dict[str, str] = {}
    for layer in list(_made_at):
        own = [
            *getattr(layer, "_trainable_variables", []),
            *getattr(layer, "_non_trainable_variables", []),
        ]
        found |= {variable.path: name_of(layer) for variable in own}
    return found
