"""Write down what one run computes in a step, as functions of tensors alone.

Keras calls the model in a stateless scope, the gradient is taken, and a Keras optimizer
updates. `tf.vectorized_map` makes of it what a group computes.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from seedscope.task.objective import Objective, batch_values
from seedscope.training.batched.numbers import given_to_model, given_to_optimizer

Tensor = Any


class State(NamedTuple):
    """What training changes; every tensor has the runs in front."""

    trainable: list[Tensor]
    other: list[Tensor]  # moving statistics, states of seed generators
    slots: list[Tensor]  # the optimizer's variables


@dataclass(frozen=True)
class OneRun:
    """What one run computes."""

    model: keras.Model
    objective: Objective
    optimizer: keras.optimizers.Optimizer
    padded: bool

    def step(self, given: tuple, present: Tensor) -> tuple[State, Tensor]:
        """Take one training step; `present` is 0 for examples that fill up a batch."""
        state, numbers, rate, x, y = given
        with tf.GradientTape() as tape:
            tape.watch(state.trainable)
            outputs, other, losses = self._call(
                state.trainable, state.other, numbers, x, True
            )
            loss = self._loss(y, outputs, present)
            if losses:
                loss = keras.ops.sum([loss, *losses])
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, state.trainable)
        with given_to_optimizer(self.optimizer, numbers, rate):
            trainable, slots = self.optimizer.stateless_apply(
                state.slots, gradients, state.trainable
            )
        values = self._values(loss, y, outputs, present)
        return State(trainable, other, slots), values

    def _loss(self, y: Tensor, outputs: Tensor, present: Tensor) -> Tensor:
        if not self.padded:
            return self.objective.loss(y, outputs)
        mean: Any = self.objective.loss(y, outputs, sample_weight=present)
        whole = tf.cast(tf.size(present), present.dtype) / tf.reduce_sum(present)
        return mean * tf.cast(whole, mean.dtype)

    def _values(
        self, loss: Tensor, y: Tensor, outputs: Tensor, present: Tensor
    ) -> Tensor:
        if not self.padded:
            return batch_values(self.objective, loss, y, outputs)
        count = tf.reduce_sum(present)
        values = [
            tf.reduce_sum(_each(metric(y, outputs), present) * present) / count
            for metric in self.objective.metrics.values()
        ]
        return tf.stack([tf.cast(value, tf.float32) for value in (loss, *values)])

    def answer(self, given: tuple) -> tuple[Tensor, Tensor]:
        """Return outputs at rest, and the sums of loss and metrics where present.

        The last sum is that of the weights' regularization, once.
        """
        trainable, other, numbers, x, y, present = given
        outputs, _, losses = self._call(trainable, other, numbers, x, False)
        goal = self.objective
        mean: Any = goal.loss(y, outputs, sample_weight=present)
        total = tf.cast(mean, present.dtype) * tf.cast(tf.size(present), present.dtype)
        sums = [
            tf.reduce_sum(_each(metric(y, outputs), present) * present)
            for metric in goal.metrics.values()
        ]
        extra: Any = keras.ops.sum(losses) if losses else 0.0
        return outputs, tf.stack([total, *sums, tf.cast(extra, present.dtype)])

    def _call(
        self,
        trainable: list[Tensor],
        other: list[Tensor],
        numbers: dict[str, Tensor],
        x: Tensor,
        training: bool,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        model = self.model
        pairs = [
            *zip(model.trainable_variables, trainable, strict=True),
            *zip(model.non_trainable_variables, other, strict=True),
        ]
        with (
            given_to_model(model, numbers),
            keras.StatelessScope(pairs, collect_losses=True) as scope,
        ):
            outputs = model(x, training=training)
            losses = list(model.losses)
        known = {id(variable) for variable, _ in pairs}
        if set(scope.state_mapping) - known:
            raise ValueError(
                "a layer changes a variable that is not the model's own (a "
                "keras.random call without a seed generator does)"
            )
        after = [scope.get_current_value(v) for v in model.non_trainable_variables]
        return outputs, after, losses


def _each(values: Tensor, present: Tensor) -> Tensor:
    """Return one value for each example: some of Keras' metrics keep a last axis."""
    values = tf.cast(tf.reshape(values, [present.shape[0], -1]), present.dtype)
    return tf.reduce_mean(values, axis=1)
