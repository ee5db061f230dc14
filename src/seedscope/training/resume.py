"""Go on where a run was cut off, where all that its steps need can be put back.

What is in the model, its optimizer and Keras' callbacks is kept; the planned orders are
a run's own, so its place in them is the number of the epoch. Whether a step asks for
anything else shows in its graph, once it is traced.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.training import runtime
from seedscope.training.checkpoint import (
    Checkpoint,
    State,
    digest_of,
    packed,
    put_back,
)
from seedscope.training.restorable import missing, state_of

if TYPE_CHECKING:
    from seedscope.task.model import Built

BEST = "best_weights"  # what EarlyStopping holds besides numbers
MOST = 64  # graphs that are held: steps that are plain Python come without end
REPEATED = ("arrays", "interleave_deterministic")  # pipelines that begin at any epoch


class Record(Protocol):
    """What notes a run while it trains."""

    def held(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all that is noted."""
        ...

    def go_on(self, arrays: Mapping[str, np.ndarray], plain: Mapping[str, Any]) -> None:
        """Take what was noted before."""
        ...


class Resume:
    """The way of one run into its checkpoint, and out of it."""

    def __init__(
        self, kept: Checkpoint, model: keras.Model, record: Record, why: str | None
    ) -> None:
        """Stand between a run and its checkpoint.

        Args:
            kept: its checkpoint.
            model: before it trains.
            record: of the run, at its start.
            why: what is known to have a state that cannot be put back, if anything.
        """
        self.kept = kept
        self.callbacks: Sequence[keras.callbacks.Callback] = ()
        self._model = model
        self._record = record
        self._why = why
        self.graphs: list[Any] = []  # of its steps; None: plain Python
        self._state: State | None = None
        self._optimizer: Any = None
        self._passing: Sequence[Any] = ()

    def watch(self) -> None:
        """Note the graphs in which Keras traces the model's steps."""
        model: Any = self._model
        if not self.kept.on:
            return
        plain: Callable[..., Any] = model.train_step

        def train_step(*args: Any, **kwargs: Any) -> Any:
            self.trace()
            return plain(*args, **kwargs)

        model.train_step = train_step

    def trace(self) -> None:
        """Note the graph in which a step is traced now, if it is in one."""
        eager = tf.executing_eagerly()
        self.graphs.append(None if eager else tf.compat.v1.get_default_graph())
        del self.graphs[:-MOST]

    def begin(
        self,
        epochs: int,
        optimizer: Any,
        *start: str,
        passing: Sequence[Any] = (),
        training: int = 1,
    ) -> int:
        """Put back what was kept; return how many epochs are done.

        Args:
            epochs: that the run trains.
            optimizer: that trains it.
            start: what it starts from besides the variables of its model.
            passing: variables that no step reads from the one before.
            training: its number among those of the run, from 1.
        """
        self._optimizer, self._passing = optimizer, passing
        if not self.kept.on:
            return 0
        model = self._model
        whole = ""
        if not self._why:  # else nothing can be put back, or even read
            start = (*start, *runtime.gpu_names())  # others compute other bits
            whole = digest_of([*model.variables, *optimizer.variables], *start)
        state = self.kept.begin(whole, epochs, training)
        if state is None:
            return 0
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        if not put_back(self._variables(), state.arrays, state.plain["variables"]):
            self.kept.tell("starts again: its model or optimizer is another one")
            return 0
        self._record.go_on(state.arrays, state.plain)
        self._state = state
        self.kept.going_on(state)
        return state.epoch

    def begin_callbacks(self) -> None:
        """Put back what the callbacks knew: their training has just begun."""
        if self._state is None:
            return
        arrays, known = self._state.arrays, self._state.plain["callbacks"]
        for number, (callback, held) in enumerate(
            zip(self.callbacks, known, strict=True)
        ):
            vars(callback).update(held)
            if f"c{number}.0" in arrays:
                count = sum(name.startswith(f"c{number}.") for name in arrays)
                best = [arrays[f"c{number}.{place}"] for place in range(count)]
                vars(callback)[BEST] = best

    def epoch(self, number: int) -> None:
        """Keep the end of an epoch (from 1), where it is time to.

        A run that is about to stop leaves nothing to go on with.
        """
        stopping = getattr(self._model, "stop_training", False)  # `fit` alone sets it
        if not self.kept.due(number) or stopping:
            return
        states = [state_of(callback) for callback in self.callbacks]
        if why := self._unknown(states):
            self.kept.refuse(why)
            return
        arrays, labels = packed(self._variables())
        noted, plain = self._record.held()
        callbacks = []
        for place, state in enumerate(states):
            state = dict(state or {})
            for part, weight in enumerate(state.pop(BEST, None) or ()):
                arrays[f"c{place}.{part}"] = weight
            callbacks.append(state)
        plain = {**plain, "variables": labels, "callbacks": callbacks}
        self.kept.keep(number, arrays | noted, plain)

    def seconds(self, now: float) -> float:
        """Return the seconds of a training that took so many in this process."""
        return now - self.kept.spent + self.kept.before

    def facts(self) -> dict[str, str]:
        """Return where the run went on, if it did."""
        epoch = self.kept.epoch
        return {"went_on_after_epoch": str(epoch)} if epoch else {}

    def _variables(self) -> list[Any]:
        """Return what is put back; Keras starts its metrics anew in each epoch."""
        passing = {id(variable) for variable in self._model.metrics_variables}
        both = [*self._model.variables, *self._optimizer.variables]
        return list({id(v): v for v in both if id(v) not in passing}.values())

    def _unknown(self, states: Sequence[Any]) -> str | None:
        """Return what the run holds that cannot be put back, or None."""
        if self._why:
            return self._why
        for callback, state in zip(self.callbacks, states, strict=True):
            if state is None:
                return f"what its callback {type(callback).__name__} knows is unknown"
        if own := _own_resets(self._model):
            return f"{own} is not reset by Keras alone"
        if not self.graphs:
            return "none of its steps was seen"
        if None in self.graphs:
            return "its steps are plain Python, which may know anything"
        passing = [*self._model.metrics_variables, *self._passing]
        return missing(self.graphs, [*self._variables(), *passing])


def unrestorable(run: Run, built: "Built") -> str | None:
    """Return what of a run is known to have a state that cannot be put back."""
    way = run.settings.runtime
    if built.unnamed:
        return "its model draws what no layer names (as by tf.random or np.random)"
    if way.input_pipeline not in REPEATED:
        return f"runtime.input_pipeline={way.input_pipeline} draws while it runs"
    if way.distribution != "none":
        return f"runtime.distribution={way.distribution} has a state on each device"
    return None


def _own_resets(model: Any) -> str | None:
    """Return whose reset at the start of an epoch is its author's own, if any is."""
    metrics = [one for m in model.metrics for one in (m, *getattr(m, "metrics", ()))]
    resets = {"the model": type(model).reset_metrics}
    resets |= {m.name: type(m).reset_state for m in metrics}
    foreign = (n for n, f in resets.items() if not f.__module__.startswith("keras."))
    return next(foreign, None)
