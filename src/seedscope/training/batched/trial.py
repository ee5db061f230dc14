"""Trial, not list: train a few steps of a run in a group and as Keras does; compare.

Rules about layers name what a group is known to do otherwise; what no rule names (a
batch whose examples see each other, a loss that is no mean, draws of its own) shows in
the numbers. The first, the middle and the last, smaller batch of an epoch are trained
and one chunk with filling is scored, from the same start: losses, metrics, weights,
moving statistics and states of generators must be equal to rounding.

What rounding does is measured, not guessed: Keras trains the same steps from weights
that are one bit away. An optimizer such as Adam makes much of a gradient that is noise
around zero; a group may be a few times as far from Keras as Keras is from itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.task.data.load import Examples
from seedscope.training.batched.feed import Batches, Chunk
from seedscope.training.batched.group import Group
from seedscope.training.sequential.prepare import Task, compile_model, prepare

FURTHER = 20  # times as far as Keras from itself is still rounding
ROUNDING = {"float32": 2e-5, "float64": 1e-11}  # of the largest number of an array


@dataclass(frozen=True)
class Number:
    """One thing that both compute."""

    name: str
    value: np.ndarray
    examples: int | None = None  # of an accuracy: one of them may be on the edge


def in_group(group: Group) -> list[Number]:
    """Return what the copies of one run compute in a few steps, copies in front.

    Args:
        group: of that run alone, not trained yet; its program is called as in training.

    Raises:
        ValueError, tf.errors.OpError: the step cannot be compiled for many runs.
    """
    return list(_in_group(group, _steps(group)))


def differs(
    run: Run, examples: Examples, group: Group, copies: Sequence[Number]
) -> str | None:
    """Return what a group computes otherwise than Keras, and by how much, or None.

    Args:
        run: the run that was tried.
        examples: its data.
        group: in which it was tried.
        copies: what came out there.
    """
    steps = _steps(group)
    for number in copies:
        if any(one.tobytes() != number.value[0].tobytes() for one in number.value[1:]):
            return f"copies of one run differ from each other in {number.name}"
    ours = [Number(n.name, n.value[0], n.examples) for n in copies]
    keras_run = _Keras(run, examples, group)
    theirs, moved = keras_run.numbers(steps), keras_run.numbers(steps, moved=True)
    for one, other, near in zip(ours, theirs, moved, strict=True):
        if text := _apart(one, other.value, near.value):
            return (
                f"a trial of {len(steps)} steps ends elsewhere than Keras' own loop: "
                f"{text}"
            )
    return None


def _steps(group: Group) -> list[int]:
    count = len(group.bounds)
    return sorted({0, count // 2, count - 1})


def _apart(ours: Number, theirs: np.ndarray, near: np.ndarray) -> str | None:
    """Return how far two values are apart, where that is no rounding."""
    value = ours.value
    if value.shape != theirs.shape:
        return f"{ours.name} has shape {value.shape}, not {theirs.shape}"
    if not value.size:
        return None
    if value.dtype.kind not in "fV":  # V: bfloat16
        return None if np.array_equal(value, theirs) else f"{ours.name} is another"
    value, theirs, near = (np.asarray(v, np.float64) for v in (value, theirs, near))
    if not np.array_equal(np.isfinite(value), np.isfinite(theirs)):
        return f"{ours.name} is not finite in one of them"
    value, theirs, near = (
        np.where(np.isfinite(theirs), v, 0) for v in (value, theirs, near)
    )
    far = np.abs(value - theirs).max()
    unit = ROUNDING.get(keras.config.floatx(), ROUNDING["float32"])
    allowed = FURTHER * np.nan_to_num(np.abs(near - theirs)).max()
    allowed += unit * max(1.0, np.abs(theirs).max())
    if ours.examples is not None:
        allowed += 1.01 / ours.examples
    if far <= allowed:
        return None
    if value.size == 1:
        return f"{ours.name} is {value.item():.6g}, not {theirs.item():.6g}"
    return f"{ours.name} is {far:.1e} off"


# ---- in a group --------------------------------------------------------------------


def _in_group(group: Group, steps: Sequence[int]) -> Iterator[Number]:
    """Yield what the copies of a run compute in these steps, the copies in front."""
    program = group.program
    names = ("loss", *program.objective.metrics)
    sizes = [stop - start for start, stop in group.bounds]
    done, values = 0, []
    for number, batches in _batches(group):
        chosen = [s - number for s in steps if 0 <= s - number < batches.steps]
        if not chosen:
            continue
        rest = [place for place in range(len(batches.x)) if place not in chosen]
        places = np.array([*chosen, *rest])  # calls of one shape: the others wait
        group.state, raw = program.advance(
            group.state,
            group.numbers,
            group.rates_of(done + np.arange(len(places))),
            np.ones(program.width, bool),
            tf.gather(batches.x, places),
            tf.gather(batches.y, places),
            tf.gather(batches.present, places),
            np.int32(len(chosen)),
        )
        values.append(raw.numpy()[: len(chosen)])
        done += len(chosen)
    taken = np.concatenate(values)  # (steps, copies, names)
    for place, step in enumerate(steps):
        for column, name in enumerate(names):
            yield Number(
                f"{name} of batch {step + 1}",
                taken[place, :, column],
                sizes[step] if "accuracy" in name else None,
            )
    model = program.built.model
    for variables, held in (
        (model.trainable_variables, group.state.trainable),
        (model.non_trainable_variables, group.state.other),
    ):
        for variable, value in zip(variables, held, strict=True):
            yield Number(variable.path, np.asarray(value))
    chunk = last_chunk(group)
    outputs, sums = program.answer(
        group.state, group.numbers, chunk.x, chunk.y, chunk.present
    )
    present = chunk.present.numpy()[0] > 0
    yield Number("a model's answer in a chunk", outputs.numpy()[:, present])
    means = np.asarray(sums, np.float64)
    means[:, :-1] /= present.sum()
    means[:, 0] += means[:, -1]
    for column, name in enumerate(names):
        few = int(present.sum()) if "accuracy" in name else None
        yield Number(f"{name} of a chunk", means[:, column], few)


def _batches(group: Group) -> Iterator[tuple[int, Batches]]:
    """Yield the first epoch's batches, and which step each part of it starts at."""
    number = 0
    for batches in group.batches(0):
        yield number, batches
        number += batches.steps


def last_chunk(group: Group) -> Chunk:
    """Return the last chunk of the test examples, with filling that would be seen.

    Other test sets of the same kind are filled up by other rows, so the filling here is
    unlike any example, and there always is some.
    """
    *_, last = group.chunks("test")
    x, present = last.x.numpy(), last.present.numpy()
    present[:, -1] = 0
    if x.dtype.kind == "f":
        absent = present == 0
        x[absent] = -3 * x[absent] - 1
    return Chunk(tf.constant(x), last.y, tf.constant(present))


# ---- by Keras ----------------------------------------------------------------------


class _Keras:
    """A run as the sequential engine trains it, to be started again."""

    def __init__(self, run: Run, examples: Examples, group: Group) -> None:
        self._task: Task = prepare(run, examples)
        model = self._task.built.model
        self._variables = [*model.trainable_variables, *model.non_trainable_variables]
        self._trainable = len(model.trainable_variables)
        self._raw = compile_model(self._task)
        self._task.optimizer.build(model.trainable_variables)
        self._chunk = last_chunk(group)
        self._start = [np.asarray(v) for v in self._all()]

    def numbers(self, steps: Sequence[int], moved: bool = False) -> list[Number]:
        """Return what the steps compute; from weights one bit away, if moved."""
        task, model = self._task, self._task.built.model
        for place, (variable, value) in enumerate(
            zip(self._all(), self._start, strict=True)
        ):
            weight = moved and place < self._trainable
            variable.assign(_one_bit_away(value) if weight else value)
        names = ("loss", *task.objective.metrics)
        found = []
        for step in steps:
            chosen = task.orders[0][slice(*task.bounds[step])]
            model.train_on_batch(task.x[chosen], task.y[chosen])
            found += [
                Number(f"{name} of batch {step + 1}", np.asarray(value))
                for name, value in zip(names, self._raw.numpy(), strict=True)
            ]
        found += [Number(v.path, np.asarray(v)) for v in self._variables]
        return found + self._scored()

    def _scored(self) -> list[Number]:
        chunk = self._chunk
        present = chunk.present.numpy()[0] > 0
        x, y = (tf.constant(v.numpy()[0][present]) for v in (chunk.x, chunk.y))
        outputs, scores = self._task.forward(x, y)
        scores = np.array(scores)
        scores[0] += scores[-1]  # the sum of regularization losses
        values = [np.asarray(outputs), *scores[:-1]]
        return [Number("", value) for value in values]

    def _all(self) -> list[Any]:
        return [*self._variables, *self._task.optimizer.variables]


def _one_bit_away(value: np.ndarray) -> np.ndarray:
    """Return numbers one rounding away, up and down in turn."""
    if value.dtype.kind != "f":
        return value
    ends = np.where(np.arange(value.size) % 2, np.inf, -np.inf).astype(value.dtype)
    return np.nextafter(value, ends.reshape(value.shape))
