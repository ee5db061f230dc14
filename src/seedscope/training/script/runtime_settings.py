"""Give a script's process the runtime that was asked for, and nothing where none was.

What TensorFlow fixes at its first operation is left open otherwise: the script may want
to set it by itself.
"""

from typing import Any

import keras
import tensorflow as tf
from keras.src.trainers.trainer import Trainer

from seedscope.study.words import Runtime
from seedscope.training.script.patching import patch


def apply(runtime: Runtime) -> None:
    """Configure TensorFlow and Keras before the script begins."""
    tf.get_logger().setLevel("ERROR")
    if runtime.intra_op_threads:
        tf.config.threading.set_intra_op_parallelism_threads(runtime.intra_op_threads)
    if runtime.inter_op_threads:
        tf.config.threading.set_inter_op_parallelism_threads(runtime.inter_op_threads)
    if runtime.op_determinism:
        tf.config.experimental.enable_op_determinism()
    if runtime.precision == "float64":
        keras.config.set_floatx("float64")
    if runtime.precision != "float32":
        keras.config.set_dtype_policy(runtime.precision)
    if runtime.compilation != "graph":
        _compile(runtime.compilation)


def _compile(how: str) -> None:
    """Have every model of the script compiled so, whatever it says."""
    if how == "eager":
        tf.config.run_functions_eagerly(True)

    @patch(Trainer, "compile")
    def _(old: Any, self: Any, *args: Any, **options: Any) -> Any:
        made = old(self, *args, **options)
        self.run_eagerly = how == "eager"
        self.jit_compile = how == "jit"
        return made
