"""Draws inside a step of its author's own: found by trial, two seeds and two outcomes.

What a model's `call` draws is known when it is built (task/noise.py). A `train_step` or
an optimizer may draw as well: one step of a copy is taken under a seed of `dropout`
and under another. It is asked where nothing else has an effect: a step that is taken
may be seen by what its author keeps outside of the model.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.seeds import stream_seed
from seedscope.study.words import Run
from seedscope.task import noise
from seedscope.task.data.load import Examples
from seedscope.task.data.streams import Streams
from seedscope.task.model import build
from seedscope.task.noise import Unnamed
from seedscope.task.step import own_steps
from seedscope.training.sequential.compiled import compile_as_asked

_known: dict[str, Unnamed] = {}


def may_draw(model: keras.Model) -> bool:
    """Tell whether a compiled model's step is not Keras' alone."""
    return of_ones_own(model.optimizer) or bool(own_steps(model))


def of_ones_own(optimizer: Any) -> bool:
    """Tell whether an optimizer is not one of Keras'."""
    return type(optimizer).__module__.split(".")[0] not in ("keras", "builtins")


def draws(run: Run, examples: Examples | Streams, batch: tuple) -> bool:
    """Tell whether a step draws; what it draws from is set to the run's seed.

    Args:
        run: about to be trained.
        examples: its data.
        batch: x, y and maybe weights of a batch, as training is fed.
    """
    settings = run.settings
    key = f"{settings.model} {settings.optimizer} {settings.loop}"
    if key not in _known:
        _known[key] = _found_out(run, examples, batch)
    for ordinal, state in enumerate(_known[key].states):
        state.assign(noise.stray(run.seeds["dropout"], ordinal, "step"))
    return _known[key].draws


def _found_out(run: Run, examples: Examples | Streams, batch: tuple) -> Unnamed:
    """Take steps of a copy; what cannot be told counts as a draw: it is not refused."""
    settings, seed = run.settings, run.seeds["dropout"]
    copy = build(settings.model, examples.sample, examples.labels, run.seeds)
    compile_as_asked(run, copy, examples.sample, examples.sample_targets, 1)
    model: Any = copy.model
    data = keras.utils.pack_x_y_sample_weight(*batch)
    data = keras.tree.map_structure(tf.convert_to_tensor, data)
    with noise.noted() as used:
        runs = _runs(model, data)
    own = {id(generator) for generator in noise.named(model)}
    states = tuple(g.state for g in used if id(g) not in own)
    if not runs:
        return Unnamed(True, states)
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    variables = [*model.variables, *optimizer]
    held = [np.asarray(variable) for variable in variables]

    def after(seed: int) -> list[np.ndarray]:
        for variable, value in zip(variables, held, strict=True):
            variable.assign(value)
        for ordinal, state in enumerate(states):
            state.assign(noise.stray(seed, ordinal, "step"))
        noise.start(seed, model)
        model.train_step(data)
        return [np.asarray(variable) for variable in variables]

    first, other = map(after, (seed, stream_seed(seed, "elsewhere")))
    return Unnamed(not all(map(noise.close, first, other)), states)


def _runs(model: Any, data: Any) -> bool:
    """Take the first step; one that does not run is told of when it is trained."""
    try:
        model.train_step(data)
    except Exception:
        return False
    return True
