"""Say what only a training process can: a study's engine and its data's digest.

Asked before anything is planned, since both enter a run's identity. Arms compare only
where they were trained alike: where one of them cannot be trained in groups, or is
another one there, all of a job's arms are trained one by one.
"""

from collections.abc import Sequence
from dataclasses import replace

import keras
import tensorflow as tf

from seedscope.study.identity import Found, data_key
from seedscope.study.words import Engine, Run
from seedscope.task.data.load import load
from seedscope.training.batched import refusal


def identify(samples: Sequence[Run], engine: Engine) -> Found:
    """Return what is found out about the arms of a job.

    Args:
        samples: one run of each arm; a sample of no arm stands for its data alone.
        engine: as configured; auto is decided.

    Raises:
        ValueError: an arm cannot be trained, or not by the engine that was asked for.
    """
    data = {data_key(run.settings): load(run).digests["data"] for run in samples}
    engine, notes = decide([run for run in samples if run.arm], engine)
    return Found(data, engine, tf.__version__, keras.__version__, notes)


def decide(runs: Sequence[Run], engine: Engine) -> tuple[Engine, tuple[str, ...]]:
    """Return the engine that trains all of these runs, and why it is not the other.

    Raises:
        ValueError: engine=batched was asked for and cannot train one of them.
    """
    if engine.name == "sequential":
        return engine, ()
    if engine.name == "batched":
        if why := refusal.first(runs, engine.group_size):
            raise ValueError(f"engine=batched cannot train this: {why}")
        return engine, ()
    why = None if engine.group_size else refusal.no_gain(runs)
    why = why or refusal.first(runs, engine.group_size)
    if why:
        return replace(engine, name="sequential"), (f"trained one by one: {why}",)
    return replace(engine, name="batched"), ()
