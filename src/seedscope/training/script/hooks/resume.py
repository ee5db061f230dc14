"""Go on inside the `fit` that was cut off; all that the script does before runs anew.

The script comes to that `fit` by the same draws, which is checked: weights, data and
the states of all generators must be what they were. Then the epochs that are done are
left out, and everything that they moved is put back.
"""

import inspect
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from keras.src.callbacks.callback_list import CallbackList

from seedscope.training.checkpoint import Checkpoint, columns, part, rows
from seedscope.training.resume import Resume
from seedscope.training.script.hooks.generators import States
from seedscope.training.script.hooks.recording import Recorder
from seedscope.training.script.patching import patch
from seedscope.training.script.record import Fit


def install(
    kept: Checkpoint,
    recorder: Recorder,
    states: States,
    numbers: Sequence[tf.Variable],
) -> None:
    """Let every `fit` go on where it was cut off.

    Args:
        kept: the run's checkpoint.
        recorder: of the script's trainings.
        states: the generators of every source.
        numbers: of the epochs of each `fit` that shuffles arrays, as they come.
    """
    going: list[_Fit] = []
    count = 0

    @patch(TensorFlowTrainer, "fit")
    def _(old: Any, self: Any, *args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        given = inspect.signature(old).bind(self, *args, **options).arguments
        shuffled = len(numbers)
        fit = _Fit(kept, recorder, self, given, count)
        fit.start = lambda: _digest(given, recorder, states)
        fit.number = lambda: numbers[shuffled] if len(numbers) > shuffled else None
        before = self._initial_epoch
        going.append(fit)
        try:
            return old(self, *args, **options)
        finally:
            going.remove(fit)
            self._initial_epoch = before

    @patch(CallbackList, "on_train_begin")
    def _(old: Any, self: Any, logs: Any = None) -> None:
        old(self, logs)
        if going and going[-1].model is self._model:
            going[-1].begin(self)

    @patch(CallbackList, "on_epoch_end")
    def _(old: Any, self: Any, epoch: int, logs: Any = None) -> None:
        old(self, epoch, logs)
        if going and going[-1].model is self._model:
            going[-1].epoch(epoch + 1)


class _Fit:
    """One call of `fit`: the record of it that is kept and taken."""

    start: Any
    number: Any

    def __init__(
        self,
        kept: Checkpoint,
        recorder: Recorder,
        model: Any,
        given: Mapping[str, Any],
        place: int,
    ) -> None:
        self.model = model
        self._recorder = recorder
        self._given = given
        self._place = place
        why = _unrestorable(model, given)
        self._why = why
        self._resume = Resume(kept, model, self, why)

    def begin(self, callbacks: CallbackList) -> None:
        """Leave out the epochs that are done: the training has just begun."""
        epochs = int(self._given.get("epochs", 1))
        if most := keras.config.max_epochs():
            epochs = min(epochs, most)
        resume, optimizer = self._resume, getattr(self.model, "optimizer", None)
        resume.callbacks = callbacks.callbacks
        start = self.start() if resume.kept.on and not self._why else ""
        done = resume.begin(epochs, optimizer, start, training=self._place)
        if done:
            resume.begin_callbacks()
            self.model._initial_epoch = done

    def epoch(self, number: int) -> None:
        """Keep the end of an epoch, where it is time to."""
        self._resume.graphs = self._recorder.graphs.get(id(self.model), [])
        self._resume.epoch(number)

    def held(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all that is noted of this model's training."""
        fit = self._recorder.fit_of(self.model)
        arrays = {f"batch.{name}": v for name, v in columns(fit.reported).items()}
        arrays |= {f"epoch.{name}": v for name, v in columns(fit.epochs).items()}
        if fit.losses:
            arrays["losses"] = np.array(fit.losses)
        if (number := self.number()) is not None:
            arrays["number"] = number.numpy()
        counts = [len(fit.reported), len(fit.epochs)]
        plain = {"sha256": fit.weights_sha256, "counts": counts, "steps": fit.steps}
        return arrays, plain

    def go_on(self, arrays: Mapping[str, np.ndarray], plain: Mapping[str, Any]) -> None:
        """Take what was noted before the run was cut off."""
        fit: Fit = self._recorder.fit_of(self.model)
        batches, epochs = plain["counts"]
        fit.reported = rows(part(arrays, "batch."), batches)
        fit.epochs = rows(part(arrays, "epoch."), epochs)
        fit.losses = list(arrays["losses"]) if "losses" in arrays else []
        fit.steps, fit.weights_sha256 = list(plain["steps"]), list(plain["sha256"])
        if "number" in arrays:
            self.number().assign(arrays["number"])


def _unrestorable(model: Any, given: Mapping[str, Any]) -> str | None:
    """Return what of a `fit` is known to have a state that cannot be put back."""
    if given.get("steps_per_epoch") or keras.config.max_steps_per_epoch():
        return "its epochs of a number of steps go on in the middle of the data"
    if getattr(model, "steps_per_execution", 1) != 1:
        return "several steps are one for Keras (steps_per_execution)"
    if model.distribute_strategy.num_replicas_in_sync > 1:
        return "it trains on several devices"
    if given.get("shuffle", True) not in (True, False):
        return f"fit(shuffle={given['shuffle']!r}) draws an order for each batch"
    names = ("x", "y", "sample_weight", "validation_data")
    if not all(_is_array(part) for name in names for part in _parts(given.get(name))):
        return "its data is no array: it begins at its first epoch"
    optimizer = getattr(model, "optimizer", None)
    if not model.built or not isinstance(optimizer, keras.Optimizer):
        return "its model is built in its first step: begin it with keras.Input"
    return None


def _parts(tree: Any) -> list[Any]:
    return [part for part in keras.tree.flatten(tree) if part is not None]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | tf.Tensor | int | float)


def _digest(given: Mapping[str, Any], recorder: Recorder, states: States) -> str:
    """Return a digest of what a `fit` is given, and of all that was drawn before."""
    sha = sha256()
    for name in ("x", "y", "sample_weight", "validation_data"):
        for value in _parts(given.get(name)):
            if _is_array(value):
                array = np.asarray(value)
                sha.update(f"{name} {array.dtype} {array.shape}".encode())
                sha.update(np.ascontiguousarray(array).tobytes())
    names = ("batch_size", "validation_split", "class_weight", "initial_epoch")
    sha.update(repr([given.get(name) for name in names]).encode())
    for source, drawn in sorted(recorder.ledger.drawn.items()):
        sha.update(f"{source} {drawn.count} {drawn.digest}".encode())
    for source, (numpy, python) in sorted(states.items()):
        _, keys, place, *rest = numpy.get_state()
        sha.update(f"{source} {place} {rest} {python.getstate()}".encode())
        sha.update(keys.tobytes())
    return sha.hexdigest()
