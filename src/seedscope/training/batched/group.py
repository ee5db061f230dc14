"""Train one group of runs with a compiled program, epoch by epoch."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from seedscope.study.seeds import UNPERTURBED
from seedscope.study.words import Run
from seedscope.task.data.load import Examples
from seedscope.task.orders import batch_bounds, epoch_orders
from seedscope.training.batched.feed import Batches, Chunk, Feed, fed
from seedscope.training.batched.one_run import State
from seedscope.training.batched.program import Program
from seedscope.training.sequential.perturbation import perturb


class Group:
    """The runs of a group and the state of their training.

    The program wants as many runs as it is wide: copies of the first run fill up, and
    what becomes of them is not looked at.
    """

    def __init__(
        self, runs: Sequence[Run], examples: Sequence[Examples], program: Program
    ) -> None:
        """Draw everything that training starts from."""
        self.runs = runs
        self.examples = examples
        self.program = program
        self.loop = runs[0].settings.loop
        count = len(examples[0].parts.train)
        self.bounds = batch_bounds(
            count, self.loop.batch_size, self.loop.drop_remainder
        )
        self.orders = [_orders(run, count) for run in runs]
        copies = program.width - len(runs)
        self._feed = Feed(
            [*examples, *[examples[0]] * copies],
            program.objective,
            [*self.orders, *self.orders[:1] * copies],
        )
        numbers, state = program.start([*runs, *[runs[0]] * copies])
        self.perturbed = [self._perturb(n, state) for n in range(len(runs))]
        self.state = tf.nest.map_structure(tf.constant, state)
        self.numbers = {name: tf.constant(value) for name, value in numbers.items()}
        steps = len(self.bounds) * self.loop.epochs
        self._rates = program.rates(numbers, steps)

    def train_epoch(self, epoch: int, active: np.ndarray) -> np.ndarray:
        """Train one epoch; return raw values, shape (steps, runs, 1 + metrics).

        Args:
            epoch: which of the planned orders to take.
            active: which runs still train, shape (runs,); the others keep their state.
        """
        mask = np.ones(self.program.width, bool)
        mask[: len(active)] = active
        values = []
        step = epoch * len(self.bounds)
        for batches in self.batches(epoch):
            self.state, raw = self.program.advance(
                self.state,
                self.numbers,
                self.rates_of(step + np.arange(len(batches.x))),
                mask,
                batches.x,
                batches.y,
                batches.present,
                np.int32(batches.steps),
            )
            step += batches.steps
            values.append(raw.numpy()[: batches.steps, : len(active)])
        return np.concatenate(values)

    def batches(self, epoch: int) -> Iterator[Batches]:
        """Yield an epoch's batches, as many at a time as one call takes."""
        for bounds in self._spans():
            yield from self._feed.batches(epoch, bounds)

    def chunks(self, part: str) -> Iterator[Chunk]:
        """Yield the examples of a part, validation or test, to be scored."""
        return self._feed.chunks(part)

    def rates_of(self, steps: np.ndarray) -> np.ndarray:
        """Return the learning rates of steps, shape (steps, runs)."""
        return self._rates[steps % len(self._rates)]

    def score(self, part: str) -> tuple[list[np.ndarray], np.ndarray]:
        """Return each run's outputs, and loss and metrics, shape (runs, 1 + metrics).

        Args:
            part: validation | test.
        """
        outputs: list[np.ndarray] = []
        sums, extra = np.zeros(()), np.zeros(())
        for chunk in self.chunks(part):
            answers, totals = self.program.answer(
                self.state, self.numbers, chunk.x, chunk.y, chunk.present
            )
            totals = totals.numpy().astype(np.float64)
            outputs.append(answers.numpy())
            sums, extra = sums + totals[:, :-1], totals[:, -1]
        sizes = [len(getattr(one.parts, part)) for one in self.examples]
        count = len(sizes)
        values = sums[:count] / np.array(sizes)[:, None]
        values[:, 0] += extra[:count]
        whole = np.concatenate(outputs, axis=1)
        return [whole[run, :size] for run, size in enumerate(sizes)], values

    def _spans(self) -> list[list[tuple[int, int]]]:
        """Return the steps, those with a smaller batch apart where it must be."""
        if self.program.padded:
            return [self.bounds]
        sizes = [stop - start for start, stop in self.bounds]
        full = sizes.count(sizes[0])
        return [span for span in (self.bounds[:full], self.bounds[full:]) if span]

    def _perturb(self, number: int, state: State) -> str | None:
        """Flip one bit of a run's weights, found as the sequential engine finds it."""
        run, examples = self.runs[number], self.examples[number]
        if run.seeds["perturbation"] == UNPERTURBED:
            return None
        model, goal = self.program.built.model, self.program.objective
        at_rest = [(v, np.asarray(v)) for v in model.variables]
        for name, values in (("trainable", state.trainable), ("other", state.other)):
            prefix = "" if name == "trainable" else "non_"
            variables = getattr(model, f"{prefix}trainable_variables")
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value[number])
        first = self.orders[number][0][slice(*self.bounds[0])]
        flipped = perturb(
            model,
            goal,
            fed(examples.x[examples.parts.train[first]]),
            goal.targets(examples.y_train)[first],
            run.seeds["perturbation"],
        )
        for variable, value in zip(
            model.trainable_variables, state.trainable, strict=True
        ):
            value[number] = np.asarray(variable)
        for variable, value in at_rest:  # the next group repeats what is not drawn
            variable.assign(value)
        return flipped


def _orders(run: Run, count: int) -> np.ndarray:
    loop = run.settings.loop
    return epoch_orders(
        run.seeds["shuffle"], count, loop.epochs, loop.shuffle, loop.shuffle_buffer
    )
