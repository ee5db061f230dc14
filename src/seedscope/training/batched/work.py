"""Count what one run computes in a training step, in the step as TensorFlow traces it.

Each operation counts by what it is and by the shapes that it has: a matrix product by
its multiply-adds, a convolution by those and by the patches that a group lays out for
it, everything else by the numbers that it reads or writes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from seedscope.training.batched.one_run import OneRun, State
from seedscope.training.batched.stateless import stateless_optimizers

PRODUCTS = ("MatMul", "BatchMatMulV2", "Einsum")
CONVOLUTIONS = {  # type: (place of the kernel, of the image with a kernel's outputs)
    "Conv2D": ("in 1", "out 0"),
    "Conv2DBackpropInput": ("in 1", "in 2"),
    "Conv2DBackpropFilter": ("out 0", "in 2"),
}
HARD = ("Exp", "Log", "Log1p", "Tanh", "Sigmoid", "Softmax", "Erf", "Pow", "Softplus")
FREE = (  # no work of their own in a compiled program
    *("Const", "Placeholder", "Identity", "NoOp", "Reshape", "ExpandDims", "Squeeze"),
    *("StopGradient", "ShapeN", "Shape", "BroadcastGradientArgs", "Bitcast"),
)


@dataclass(frozen=True)
class Work:
    """What one run computes in a training step."""

    operations: int
    multiply_adds: int  # of matrix products and convolutions
    patches: int  # numbers under the kernels of convolutions, each as often as it is
    numbers: int  # that the other operations read or write, whichever are more
    hard: int  # among them of exponentials and the like
    random: int  # drawn


def traced(run: OneRun, numbers: Sequence[str], x: Any, y: Any) -> Work:
    """Return the work of a step.

    Args:
        run: what is computed.
        numbers: the hyperparameters that are tensors.
        x: shape and type of a batch's features.
        y: of its targets.

    Raises:
        ValueError, TypeError, tf.errors.OpError: the step cannot be traced.
    """
    model, kind = run.model, keras.config.floatx()

    def step(state: State, numbers: dict, rate: Any, x: Any, y: Any, there: Any) -> Any:
        with stateless_optimizers():
            return run.step((state, numbers, rate, x, y), there)

    state = State(
        *(
            [tf.TensorSpec(v.shape, v.dtype) for v in variables]
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                run.optimizer.variables,
            )
        )
    )
    one = tf.TensorSpec([], kind)
    graph = tf.function(step, autograph=False).get_concrete_function(
        state, dict.fromkeys(numbers, one), one, x, y, tf.TensorSpec(x.shape[:1], kind)
    )
    return _of_operations(_needed(graph.outputs))


def _needed(outputs: Sequence[Any]) -> list[Any]:
    """Return the operations that outputs come from: the others never run."""
    found: dict[int, Any] = {}
    waiting = [tensor.op for tensor in outputs]
    while waiting:
        operation = waiting.pop()
        if id(operation) not in found:
            found[id(operation)] = operation
            waiting += [tensor.op for tensor in operation.inputs]
    return list(found.values())


def _of_operations(operations: Sequence[Any]) -> Work:
    """Return the work of operations."""
    count, adds, patches, numbers, hard, random = 0, 0, 0, 0, 0, 0
    for operation in operations:
        kind = operation.type
        if kind in FREE:
            continue
        count += 1
        read, written = map(_sizes, (operation.inputs, operation.outputs))
        if kind in PRODUCTS:
            adds += _product(operation, [*read, *written])
        elif kind in CONVOLUTIONS:
            kernel, image = (_at(operation, place) for place in CONVOLUTIONS[kind])
            own = _size(image) * _size(kernel)
            adds += own // max(int(kernel.shape[-1] or 1), 1)
            patches += own // max(int(kernel.shape[-1] or 1), 1) ** 2
        elif "Random" in kind:
            random += sum(written)
        else:
            numbers += max(sum(written), max(read, default=0))
            hard += sum(written) if kind in HARD else 0
    return Work(count, adds, patches, numbers, hard, random)


def _product(operation: Any, sizes: Sequence[int]) -> int:
    """Return the multiply-adds of a product of two tensors.

    Every index but those of a batch is in two of the three tensors; those are in all.
    """
    if len(sizes) != 3:
        return sum(sizes)
    batch = 1
    if operation.type == "BatchMatMulV2":
        batch = math.prod(d or 1 for d in operation.outputs[0].shape[:-2].as_list())
    if operation.type == "Einsum":
        given, out = operation.get_attr("equation").decode().split("->")
        first, second = given.split(",")
        extents = dict(zip(first, operation.inputs[0].shape.as_list(), strict=False))
        batch = math.prod(extents.get(i) or 1 for i in {*first} & {*second} & {*out})
    return round(math.sqrt(math.prod(sizes) / max(batch, 1)))


def _at(operation: Any, place: str) -> Any:
    side, number = place.split()
    tensors = operation.inputs if side == "in" else operation.outputs
    return tensors[int(number)]


def _sizes(tensors: Sequence[Any]) -> list[int]:
    return [_size(tensor) for tensor in tensors]


def _size(tensor: Any) -> int:
    rank = tensor.shape.rank
    return 1 if rank is None else math.prod(d or 1 for d in tensor.shape.as_list())
