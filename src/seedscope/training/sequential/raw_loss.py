"""Keep each batch's own loss where Keras trains by a step that is not ours to write.

`fit` reports running means. What a step takes its gradient of is the loss of its batch:
`GradientTape.gradient` sees it, whoever wrote the step, and it leaves the step as one
more output. Compiled by XLA or with a scaled loss it is not had without touching what
is computed: then there are no raw values.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.task.initial import replaced
from seedscope.task.step import own_steps


class RawLoss:
    """The losses of the steps of one run."""

    def __init__(self) -> None:
        self._seen: list[Any] | None = None  # in the step that is traced or runs
        self._steps: list[tuple[Any, ...]] = []

    def values(self) -> dict[str, np.ndarray]:
        """Return name -> (steps,): loss, or loss_1 and so on of several gradients."""
        if len({len(losses) for losses in self._steps}) != 1:
            return {}
        columns = np.array(self._steps, np.float32).T
        names = (f"loss_{n}" if len(columns) > 1 else "loss" for n in range(1, 9))
        return dict(zip(names, columns, strict=False))

    def held(self) -> dict[str, np.ndarray]:
        """Return the losses so far: of all steps in a row, and how many each has."""
        counts = [len(losses) for losses in self._steps]
        flat = [loss for losses in self._steps for loss in losses]
        return {"raw": np.array(flat, np.float64), "raw_counts": np.array(counts)}

    def go_on(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the losses of a run before it was cut off, as `held` gives them."""
        ends = np.cumsum(arrays["raw_counts"], dtype=int)
        parts = np.split(arrays["raw"], ends[:-1]) if len(ends) else []
        self._steps = [tuple(map(float, part)) for part in parts]

    @contextmanager
    def kept(self, model: keras.Model) -> Iterator[None]:
        """Keep what a compiled model's steps take gradients of meanwhile."""
        if not _can_be_kept(model):
            yield
            return
        gradient: Any = tf.GradientTape.gradient

        def seen(tape: Any, target: Any, sources: Any, *args: Any, **kw: Any) -> Any:
            if self._seen is not None and target is not None and _trains(sources):
                parts = [t for t in tf.nest.flatten(target) if t is not None]
                sums = [tf.reduce_sum(tf.cast(t, tf.float32)) for t in parts]
                self._seen.append(tf.add_n(sums))
            return gradient(tape, target, sources, *args, **kw)

        model.train_function = self._function(model)
        with replaced(
            tf.GradientTape,
            "gradient",
            tf.autograph.experimental.do_not_convert(seen),
        ):
            yield

    def _function(self, model: Any) -> Any:
        def step(data: Any) -> Any:
            self._seen = []
            try:
                logs = model.train_step(data)
                return {"logs": logs, "losses": tuple(self._seen)}
            finally:
                self._seen = None

        inner = model._make_function(step)

        def function(iterator: Any) -> Any:
            made = inner(iterator)
            self._steps.append(tuple(float(loss) for loss in made["losses"]))
            return made["logs"]

        return function


def _can_be_kept(model: keras.Model) -> bool:
    return not (
        model.jit_compile
        or isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        or {"make_train_function", "fit", "train_on_batch"} & set(own_steps(model))
    )


def _trains(sources: Any) -> bool:
    """Tell whether a gradient is by weights, not by inputs as in a penalty."""
    flat = tf.nest.flatten(sources)
    return any(isinstance(s, tf.Variable | keras.Variable) for s in flat)
