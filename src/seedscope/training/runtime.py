"""Start a training process with its runtime settings, and read back what it really has.

Threads, virtual devices and environment variables are fixed at start-up; asking later
changes nothing or fails. So every runtime has a process of its own.
"""

import os
import platform
from contextlib import AbstractContextManager, nullcontext

import keras
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

from seedscope.study.words import Runtime

REDUCTIONS = {
    "default": lambda: None,
    "hierarchical_copy": tf.distribute.HierarchicalCopyAllReduce,
    "reduction_to_one": tf.distribute.ReductionToOneDevice,
}


def start(runtime: Runtime) -> None:
    """Configure TensorFlow; call once, before anything else uses it."""
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(runtime.intra_op_threads)
    tf.config.threading.set_inter_op_parallelism_threads(runtime.inter_op_threads)
    if runtime.op_determinism:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_floatx("float64" if runtime.precision == "float64" else "float32")
    clear_session(runtime)
    if runtime.distribution == "mirrored":
        _make_devices(runtime.devices)


def clear_session(runtime: Runtime) -> None:
    """Forget the run before, but not the precision, which Keras forgets with it."""
    keras.utils.clear_session()
    keras.config.set_dtype_policy(runtime.precision)


def strategy(runtime: Runtime) -> AbstractContextManager:
    """Return the scope in which the model is built and trained."""
    if runtime.distribution == "none":
        return nullcontext()
    reduction = REDUCTIONS[runtime.reduction]()
    return tf.distribute.MirroredStrategy(
        _device_names(runtime.devices), cross_device_ops=reduction
    ).scope()


def facts() -> dict[str, str]:
    """Return what TensorFlow says of this process."""
    threading = tf.config.threading
    return {
        "intra_op_threads": str(threading.get_intra_op_parallelism_threads()),
        "inter_op_threads": str(threading.get_inter_op_parallelism_threads()),
        "op_determinism": str(is_op_determinism_enabled()),
        "precision": keras.config.dtype_policy().name,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "devices": " ".join(d.name for d in tf.config.list_logical_devices()),
        "gpus": "; ".join(gpu_names()) or "none",
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": platform.python_version(),
        "tensorflow_git": tf.version.GIT_VERSION,
        "tensorflow_compiler": tf.version.COMPILER_VERSION,
        "tensorflow_build": " ".join(
            f"{key}={value}" for key, value in tf.sysconfig.get_build_info().items()
        ),
        "process": str(os.getpid()),
    }


def facts_of_model(model: keras.Model) -> dict[str, str]:
    """Return what a trained model says of how it was distributed and compiled."""
    strategy = model.distribute_strategy
    said = {"replicas": str(strategy.num_replicas_in_sync)}
    reduction = getattr(strategy.extended, "_cross_device_ops", None)
    if reduction is not None:
        said["reduction"] = type(reduction).__name__
    if model.compiled:
        way = "jit" if model.jit_compile else "graph"
        said["compilation"] = "eager" if model.run_eagerly else way
    return said


def gpu_names() -> list[str]:
    """Return the names of the GPUs that this process sees."""
    details = tf.config.experimental.get_device_details
    gpus = tf.config.list_physical_devices("GPU")
    return [str(details(gpu).get("device_name", gpu.name)) for gpu in gpus]


def _make_devices(devices: int) -> None:
    """Split the CPU into virtual devices where there are not enough GPUs."""
    if len(tf.config.list_physical_devices("GPU")) < devices:
        (cpu,) = tf.config.list_physical_devices("CPU")
        virtual = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(cpu, virtual)


def _device_names(devices: int) -> list[str]:
    kind = "GPU" if len(tf.config.list_physical_devices("GPU")) >= devices else "CPU"
    return [f"{kind}:{number}" for number in range(devices)]
