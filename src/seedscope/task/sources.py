"""Check that the sources a run varies are really there.

A source without effect has no spread to measure.
"""

from collections.abc import Callable, Mapping

from seedscope.study.words import Run
from seedscope.task.data.load import uses_data_seed
from seedscope.task.model import Built

NO_ORDER = (
    "its Dataset comes in one order, whatever the seed; add .shuffle(n) without a seed "
    "in the function that makes it, or return arrays"
)
Trials = Mapping[str, Callable[[], bool]]


def check_sources(run: Run, built: Built, trials: Trials | None = None) -> None:
    """Refuse a run that varies one source only, where that source changes nothing.

    Args:
        run: about to be trained.
        built: its model.
        trials: of sources whose effect only a trial shows, whether they have one; a
            trial costs, so it is made where nothing else has an effect.

    Raises:
        ValueError: it says why the source has no effect and what to change.
    """
    reasons, trials = without_effect(run, built), trials or {}
    if not run.vary or any(s not in {*reasons, *trials} for s in run.vary):
        return
    if not any(trials[source]() for source in run.vary if source in trials):
        why = reasons.get(run.vary[0], NO_ORDER)
        raise ValueError(f"factor.vary={list(run.vary)}: {why}")


def without_effect(run: Run, built: Built) -> dict[str, str]:
    """Return {source: why it changes nothing in this run}."""
    noisy = {noise.source for noise in built.noise}
    reasons = {}
    if not any(weight.origin in ("drawn", "own") for weight in built.weights):
        reasons["init"] = (
            "no initial weight of the model is drawn anew: each has an initializer "
            "with an integer seed, or a value that the model's function sets; leave "
            "`seed=` out"
        )
    if run.settings.loop.shuffle == "none":
        reasons["shuffle"] = (
            "loop.shuffle=none trains in stored order; use loop.shuffle=epoch"
        )
    if "dropout" not in noisy and not built.unnamed:
        reasons["dropout"] = (
            f"the noise of {', '.join(built.pinned_noise)} has an integer seed, which "
            "is kept; leave `seed=` out"
            if built.pinned_noise
            else "the model has no stochastic layer; try model.dropout=0.2 with "
            "model=mlp or model=cnn"
        )
    piped = run.settings.runtime.input_pipeline in ("serial", "parallel")
    if "augmentation" not in noisy and not piped:
        reasons["augmentation"] = (
            "the model has no augmentation layer; use images and one that has, such "
            "as model=cnn with model.augmentation=0.1"
        )
    if "data" in run.vary and not uses_data_seed(run):
        reasons["data"] = (
            "the data set is fixed: its function takes no `seed`; use data=synthetic, "
            "or split.label_noise above 0"
        )
    return reasons
