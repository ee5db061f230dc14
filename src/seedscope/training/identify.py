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
from seedscope.training.batched.cost import Cost


def identify(samples: Sequence[Run], engine: Engine) -> Found:
    """Return what is found out about the arms of a job.

    Args:
        samples: one run of each arm; a sample of no arm stands for its data alone.
        engine: as configured; auto is decided.

    Raises:
        ValueError: an arm cannot be trained, or not by the engine that was asked for.
    """
    data = {data_key(run.settings): load(run).digests["data"] for run in samples}
    arms = [run for run in samples if run.arm]
    engine, notes = decide(arms, engine)
    found = Found(data, engine, tf.__version__, keras.__version__, notes)
    if engine.name != "batched":
        return found
    width = max(refusal.width(run, engine) for run in arms)
    return replace(found, notes=(), told=notes, together=width)


def decide(runs: Sequence[Run], engine: Engine) -> tuple[Engine, tuple[str, ...]]:
    """Return the engine that trains all of these runs, and why it is not the other.

    Args:
        runs: one of each arm, or more.
        engine: as configured, with the number of runs that are planned of each arm.

    Raises:
        ValueError: engine=batched was asked for and cannot train one of them.
    """
    if engine.name == "sequential":
        return engine, ()
    asked = (engine.group_size, engine.planned)
    if engine.name == "batched":
        if why := refusal.first(runs, *asked):
            raise ValueError(f"engine=batched cannot train this: {why}")
        return engine, ()
    costs = None if engine.group_size else refusal.costs(runs, engine.planned)
    if costs and sum(c.alone for c in costs) <= sum(c.grouped for c in costs):
        return replace(engine, name="sequential"), (_said(costs, grouped=False),)
    if why := refusal.first(runs, *asked):
        alone = replace(engine, name="sequential", planned=None)
        return alone, (f"trained one by one: {why}",)
    notes = (_said(costs, grouped=True),) if costs else ()
    return replace(engine, name="batched"), notes


def _said(costs: Sequence[Cost], grouped: bool) -> str:
    """Return which engine was chosen and the estimate of both, in words."""
    runs = sum(cost.runs for cost in costs)
    alone, together = (
        f"{sum(getattr(cost, way) for cost in costs) / runs:.2g}"
        for way in ("alone", "grouped")
    )
    widths = " and ".join(map(str, sorted({cost.width for cost in costs})))
    most = max(cost.runs for cost in costs)
    if grouped:
        return (
            f"trained in groups of {widths}: about {together} CPU seconds a run, one "
            f"by one {alone} (estimated for {most} runs of an arm)"
        )
    return (
        f"trained one by one: about {alone} CPU seconds a run, in groups of {widths} "
        f"{together} (estimated for {most} runs of an arm; engine=batched trains in "
        "groups all the same)"
    )
