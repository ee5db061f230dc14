"""Choose the engine of a whole job by its settings, without TensorFlow.

Arms compare only where they were trained alike: the engines agree to rounding, not in
their bits or in their seconds. So where one arm needs Keras' own loop all are trained
by it, also those that are trained another day.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from seedscope.study.words import Engine, Run, Settings, Study

LOOPS = ("fit", "train_on_batch", "custom")  # which train to the same bits
GROUPED = {  # the runtime settings that compiled groups can have
    "precision": ("float32", "float64"),
    "compilation": ("graph",),
    "distribution": ("none",),
    "input_pipeline": ("arrays",),
    "seeding": ("sources",),
    "intra_op_threads": (0,),  # compiled code has threads and kernels of its own
    "inter_op_threads": (0,),
    "op_determinism": (False,),
    "onednn": (None,),
}


def choose(engine: Engine, runs: Sequence[Run], note: Callable[[str], None]) -> Engine:
    """Return the engine with which a job is trained, and for how many runs of an arm.

    Args:
        engine: as configured.
        runs: all that are planned, also those that are trained already.
        note: is told why runs are trained one by one.
    """
    planned = max(Counter(run.arm for run in runs).values())
    if engine.name == "batched":
        return replace(engine, planned=planned)
    if engine.name != "auto":
        return engine
    why = _only_keras(list({run.arm: run.settings for run in runs}.values()))
    if why is None:
        return replace(engine, planned=planned)
    note(f"trained one by one: {why}")
    return replace(engine, name="sequential")


def of_sweep(studies: Sequence[Study]) -> str | None:
    """Return why all jobs of a sweep are trained one by one, or None.

    Their arms are compared. Where the settings of some need Keras' own loop and those
    of others do not, each job for itself would choose another engine.
    """
    if any(study.engine.name != "auto" for study in studies):
        return None
    found = [_only_keras([arm.settings for arm in s.arms]) for s in studies]
    reasons = [why for why in found if why]
    return reasons[0] if reasons and None in found else None


def _only_keras(arms: Sequence[Settings]) -> str | None:
    loops = {settings.loop.name for settings in arms}
    if len(loops) > 1:
        return f"the loops {', '.join(sorted(loops))} are compared"
    return next((why for settings in arms if (why := own_loop(settings))), None)


def own_loop(settings: Settings) -> str | None:
    """Return which setting only Keras' own loop has, or None."""
    if settings.loop.name == "solve":
        return "loop=solve takes no training steps"
    for name, choices in GROUPED.items():
        if (value := getattr(settings.runtime, name)) not in choices:
            return f"runtime.{name}={value} is what Keras' own loop does with it"
    if settings.loop.name not in LOOPS:
        return f"loop.name={settings.loop.name} is no loop over batches"
    for name in ("use_ema", "gradient_accumulation_steps"):
        if settings.optimizer.get(name):
            return f"optimizer.{name} is kept by Keras' own loop"
    return None
