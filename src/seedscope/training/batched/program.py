"""Compile the training of a group of runs that differ only in seeds and numbers.

One run's training step is mapped over the runs of a group with `tf.vectorized_map`, put
into a loop over the steps and compiled with XLA. A *program* is the result, for one
width: a group always has as many runs as the program is wide, so a run is the same bits
whichever runs it travels with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.task.model import Built
from seedscope.task.objective import Objective
from seedscope.task.optimizer import told
from seedscope.training.batched.numbers import numbers_of, scheduled_rates
from seedscope.training.batched.one_run import OneRun, State
from seedscope.training.batched.stateless import stateless_optimizers
from seedscope.training.vectorize import (  # noqa: F401  they register themselves
    array,
    conv,
    image,
    random,
)

Tensor = Any
MOVING = (  # preprocessing layers that treat each image by itself
    keras.layers.RandomBrightness,
    keras.layers.RandomContrast,
    keras.layers.RandomFlip,
    keras.layers.RandomRotation,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
)


@dataclass(frozen=True)
class Program:
    """The compiled functions of one kind of run."""

    built: Built
    objective: Objective
    width: int  # runs in a group
    padded: bool  # the last batch of an epoch is filled up, and the filling left out
    advance: Any  # (state, numbers, rates, active, x, ...) -> (state, values)
    answer: Any  # (state, numbers, x, y, present) -> (outputs, sums)
    _numbers: tuple[str, ...]
    _optimizer: keras.optimizers.Optimizer
    _draw: Any  # seeds -> {id of variable: initial values of all runs}

    def start(self, runs: Sequence[Run]) -> tuple[dict[str, np.ndarray], State]:
        """Return the numbers of the runs and the state that they start from."""
        if len(runs) != self.width:
            raise ValueError(f"{len(runs)} runs for a program of width {self.width}")
        each = [numbers_of(run) for run in runs]
        numbers = {
            name: np.array([one[name] for one in each], keras.config.floatx())
            for name in each[0]
        }
        values = self._draw(runs)
        model = self.built.model
        trainable, other = (
            [values.get(id(v), self._repeated(v)) for v in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        return numbers, State(trainable, other, self._slots(numbers, trainable))

    def optimizer(self, run: Run) -> str:
        """Return the name of the optimizer that trains a run, and its rate."""
        return told(self._optimizer, run.settings.optimizer)

    def rates(self, numbers: dict[str, np.ndarray], steps: int) -> np.ndarray:
        """Return the scheduled learning rates, shape (steps, runs); else zeros."""
        return scheduled_rates(self._optimizer, numbers, steps, self.width)

    def weights(self, state: State) -> list[np.ndarray]:
        """Return the values of `model.weights`, each of shape (runs, ...)."""
        model = self.built.model
        held = dict(
            zip(map(id, model.trainable_variables), state.trainable, strict=True)
        )
        ids = map(id, model.non_trainable_variables)
        held |= zip(ids, state.other, strict=True)
        return [held[id(variable)].numpy() for variable in model.weights]

    def _slots(
        self, numbers: dict[str, np.ndarray], trainable: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Return the optimizer's variables; one that starts as a weight is that array.

        The same array, so that it takes part in a perturbation of the weights.
        """
        held = {id(v): t for v, t in zip(self._trainable, trainable, strict=True)}
        slots = [
            self._repeated(slot) if weight is None else held[id(weight)]
            for slot, weight in zip(
                self._optimizer.variables, self._started_as, strict=True
            )
        ]
        rate = getattr(self._optimizer, "_learning_rate", None)
        for place, variable in enumerate(self._optimizer.variables):
            if variable is rate and "learning_rate" in numbers:
                slots[place] = numbers["learning_rate"].astype(slots[place].dtype)
        return slots

    @cached_property
    def _started_as(self) -> list[Any]:
        """Return which weight each of the optimizer's variables starts as, or None.

        Raises:
            ValueError: one starts as something else than a constant or a weight.
        """
        weights = [(w, np.asarray(w)) for w in self._trainable]
        found = []
        for slot in self._optimizer.variables:
            start = np.asarray(slot)
            same = [w for w, value in weights if np.array_equal(value, start)]
            found.append(same[0] if same and start.any() else None)
            if found[-1] is None and start.size and (start != start.flat[0]).any():
                raise ValueError(
                    f"optimizer {type(self._optimizer).__name__} starts {slot.name} "
                    "from numbers of its own"
                )
        return found

    @property
    def _trainable(self) -> list[Any]:
        return self.built.model.trainable_variables

    def _repeated(self, variable: Any) -> np.ndarray:
        return np.repeat(np.asarray(variable)[None], self.width, axis=0)


def one_run(
    model: keras.Model, objective: Objective, optimizer: keras.optimizers.Optimizer
) -> OneRun:
    """Return what one run computes, with a model and an optimizer made fit for it.

    Args:
        model: its own weights are not used.
        objective: the loss and the metrics.
        optimizer: new, not built.
    """
    _unroll(model)
    with stateless_optimizers():
        optimizer.build(model.trainable_variables)
    return OneRun(model, objective, optimizer, _row_wise(model))


def compile_program(
    built: Built,
    run: OneRun,
    width: int,
    draw: Callable[[Sequence[Run]], dict[int, np.ndarray]],
    numbers: Sequence[str],
) -> Program:
    """Return the compiled functions for groups of `width` runs.

    Args:
        built: the model of `run`, and where its draws are.
        run: what one run computes.
        width: runs in a group.
        draw: returns the initial values of all runs, by id of the variable.
        numbers: which hyperparameters differ between the runs of a group.
    """

    def advance(
        state: State,
        numbers: dict[str, Tensor],
        rates: Tensor,
        active: Tensor,
        x: Tensor,
        y: Tensor,
        present: Tensor,
        steps: Tensor,
    ) -> tuple[State, Tensor]:
        """Take steps with batches x, y of shape (steps, runs, batch, ...)."""

        def body(step: Tensor, now: State, values: Any) -> tuple:
            with stateless_optimizers():
                after, value = tf.vectorized_map(
                    lambda given: run.step(given, present[step]),
                    (now, numbers, rates[step], x[step], y[step]),
                    False,
                )
            return step + 1, after, values.write(step, value)

        values = tf.TensorArray(tf.float32, x.shape[0], element_shape=[width, None])
        _, after, values = tf.while_loop(
            lambda step, *_: step < steps, body, (tf.constant(0), state, values)
        )
        # A run that was stopped early keeps its weights to the last bit.
        kept = tf.nest.map_structure(
            lambda new, old: tf.where(_against(active, new), new, old), after, state
        )
        return kept, values.stack()

    def answer(
        state: State, numbers: dict[str, Tensor], x: Tensor, y: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        return tf.vectorized_map(
            run.answer, (state.trainable, state.other, numbers, x, y, present), False
        )

    options = {"jit_compile": True, "autograph": False}
    return Program(
        built=built,
        objective=run.objective,
        width=width,
        padded=run.padded,
        advance=tf.function(advance, **options),
        answer=tf.function(answer, **options),
        _numbers=tuple(numbers),
        _optimizer=run.optimizer,
        _draw=draw,
    )


def _row_wise(model: keras.Model) -> bool:
    """Tell whether every example goes through the model by itself.

    Then a batch can be filled up without a change to the others, and the smaller last
    batch of an epoch needs no compiled function of its own. The noise of the first
    examples is the same, however many follow.
    """
    coupled = (keras.layers.BatchNormalization, keras.layers.Lambda)
    for layer in model._flatten_layers():
        module = type(layer).__module__
        known = module.startswith("keras.") and not isinstance(layer, coupled)
        if not known or (".preprocessing." in module and not isinstance(layer, MOVING)):
            return False
    return True


def _unroll(model: keras.Model) -> None:
    """Write out the time steps of recurrent layers: XLA maps no loops over runs."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.RNN):
            layer.unroll = True


def _against(active: Tensor, value: Tensor) -> Tensor:
    """Return the mask of the runs in a shape that broadcasts against a value."""
    return tf.reshape(active, [-1] + [1] * (value.shape.rank - 1))
