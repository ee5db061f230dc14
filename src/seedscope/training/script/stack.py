"""Who asks? The stack of a draw says which source it belongs to, and its line.

The nearest frame that says something decides: TensorFlow's own files for shuffling and
for functions of a pipeline, Keras' initializers, a layer that holds the draw.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import keras
import tensorflow as tf
from keras.src.layers.preprocessing.data_layer import DataLayer
from tensorflow.python.autograph.pyct import origin_info

from seedscope.training.script.patching import patch

OURS = os.path.dirname(__file__)
LIBRARIES = tuple(
    {os.path.dirname(os.path.dirname(tf.__file__)), sysconfig.get_path("stdlib")}
)
rewritten: dict[tuple[str, int], tuple[str, int]] = {}
LOOPS = ("fit", "evaluate", "predict")


def frames(depth: int = 2) -> Iterator[FrameType]:
    """Yield the frames of the stack, the nearest first."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        yield frame
        frame = frame.f_back


def line() -> str:
    """Return the script's own line that is running: `train.py:12`."""
    for frame in frames():
        name = frame.f_code.co_filename
        if (name, frame.f_lineno) in rewritten:
            name, number = rewritten[name, frame.f_lineno]
            return f"{os.path.basename(name)}:{number}"
        if not is_foreign(name):
            return f"{os.path.basename(name)}:{frame.f_lineno}"
    return "?"


def install() -> None:
    """Learn which lines AutoGraph rewrites: a traced function runs its own copy."""

    @patch(origin_info, "create_source_map")
    def _(old: Any, nodes: Any, code: str, filepath: str) -> Any:
        found = old(nodes, code, filepath)
        for place, origin in found.items():
            rewritten[place.filename, place.lineno] = (
                origin.loc.filename,
                origin.loc.lineno,
            )
        return found


def on_stack(*ends: str) -> bool:
    """Tell whether a file whose name ends so is running."""
    return any(frame.f_code.co_filename.endswith(ends) for frame in frames())


def of_import() -> bool:
    """Tell whether a library draws while it is imported: that trains nothing."""
    for frame in frames():
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or not is_foreign(name):
            return name.startswith("<frozen importlib")
    return False


def of_mlflow() -> bool:
    """Tell whether MLflow asks Keras for something by itself, not the script."""
    keras_home = os.path.dirname(os.path.dirname(keras.__file__)) + os.sep
    inner = (OURS, *(f"{keras_home}{name}{os.sep}" for name in ("keras", "tensorflow")))
    names = (frame.f_code.co_filename for frame in frames())
    return "/mlflow/" in next(
        (name for name in names if not name.startswith(inner)), ""
    )


@dataclass
class Progress:
    """How far the script is; what a plain draw belongs to depends on it."""

    model: bool = False  # it made one
    trained: bool = False  # an optimizer was built

    def noise(self) -> str:
        """Return the source of a draw that no layer, pipeline or loader makes."""
        return "dropout" if self.trained or tf.inside_function() else "data"

    def order(self) -> str:
        """Return the source of a permutation that the script draws by itself.

        Until there is a model it makes the data; then it is an order of examples. A
        `PyDataset` draws orders always.
        """
        held = any(isinstance(holder(f), keras.utils.PyDataset) for f in frames())
        return "shuffle" if self.model or self.trained or held else "data"


def source(otherwise: str) -> str:
    """Return the source that asks; `otherwise` where nothing on the stack says it."""
    for frame in frames():
        name, this = frame.f_code.co_filename, holder(frame)
        if name.endswith("data/ops/shuffle_op.py") or "array_data_adapter" in name:
            return "shuffle"
        if isinstance(this, DataLayer | keras.utils.PyDataset):
            return "augmentation"
        if name.endswith(("image_ops_impl.py", "data/ops/structured_function.py")):
            return "augmentation"
        if "keras/src/initializers" in name:
            return "init"
        layer = isinstance(this, keras.Layer) and not isinstance(this, keras.Sequential)
        if layer and frame.f_code.co_name not in LOOPS:  # no layer's: a callback's
            return "dropout"
    return otherwise


def holder(frame: FrameType) -> Any:
    """Return the `self` of a frame, if it is a method's."""
    code = frame.f_code
    if code.co_argcount and code.co_varnames[0] == "self":
        return frame.f_locals.get("self")
    return None


def is_foreign(name: str) -> bool:
    """Tell whether a file is no part of what the user wrote."""
    return (
        name.startswith((OURS, *LIBRARIES, "<frozen"))
        or "site-packages" in name
        or name.endswith("runpy.py")
        or "__autograph_generated" in name
    )
