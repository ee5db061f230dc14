"""What a reader must know before quoting a number: one sentence each."""

from collections.abc import Iterator, Sequence

import polars as pl

from seedscope.analysis.results import ArmResult
from seedscope.runs.table import Runs
from seedscope.stats.backgrounds import ONE_BACKGROUND

KEPT_EQUAL = (("machine", "machines"), ("versions", "versions"))  # columns, in words

BROUGHT = {  # column: what it says of the user's own model
    "kept_weights": "kept as the model's function sets them, whatever is varied: {}",
    "own_weights": "drawn by the model's own code, from the source init: {}",
    "pinned_weights": (
        "an integer seed= given to one initializer is kept, so these weights start "
        "alike in every run: {}"
    ),
    "pinned_noise": (
        "an integer seed= given to one layer is kept, so its noise is the same in "
        "every run: {}"
    ),
    "brought": "{}",
}

FAULT = {  # what makes exact repeats end apart
    "machine": "the machine itself is a source of randomness here, inside every other "
    "spread",
    "engine": "the engine that trains groups, not the machine, adds to every other "
    "spread; train with engine=sequential",
    "unknown": "in groups; whether the engine or the machine is at fault shows "
    "engine=sequential",
}


def of_arm(name: str, table: pl.DataFrame, runs: Runs) -> Iterator[str]:
    """Yield what holds for one arm only."""
    planned = runs.planned.get(name, len(table))
    if len(table) < planned:
        yield f"{planned - len(table)} of {planned} planned runs are missing"
    if len(table) == 1:
        yield "one run has no spread: train two or more"
    for column, what in KEPT_EQUAL:
        if column in table.columns and table[column].n_unique() > 1:
            yield f"its runs come from different {what}"


def of_study(runs: Runs, arms: Sequence[ArmResult]) -> Iterator[str]:
    """Yield what holds for the whole study."""
    for name, planned in runs.without_runs():
        yield f"{name}: none of its {planned} planned runs is there"
    still = [(arm, arm.repeats) for arm in arms if arm.repeats]
    for arm, repeats in still if len(still) > 1 else []:  # one alone leads the answer
        if not repeats.identical and _own_draws(runs, arm.name):
            yield (
                f"{arm.name}: {repeats.runs} exact repeats ended in "
                f"{repeats.distinct} different sets of weights: "
                f"{FAULT[runs.whose_fault(arm.name)]}"
            )
    if any(arm.shares for arm in arms):
        yield (
            "shares compare each source alone with all together; they are no parts of "
            "a whole and need not add up to 1"
        )
    alone = [arm.name for arm in arms if arm.vary and _one_background(runs, arm)]
    if alone and any(arm.shares for arm in arms):
        yield f"{', '.join(alone)}: {ONE_BACKGROUND}"
    for column, what in KEPT_EQUAL:
        if column in runs.table.columns and runs.table[column].n_unique() > 1:
            yield f"the runs come from different {what}"
    for column, text in BROUGHT.items():
        if column in runs.table.columns:
            said = runs.table[column].unique(maintain_order=True).to_list()
            yield from (text.format(value) for value in said if value)


def _own_draws(runs: Runs, arm: str) -> bool:
    """Tell whether an arm's draws all came from its seeds, not from Keras itself."""
    if "seeding" not in runs.table.columns:
        return True
    return runs.table.filter(pl.col("arm") == arm)["seeding"][0] == "sources"


def _one_background(runs: Runs, arm: ArmResult) -> bool:
    """Tell whether an arm with a share kept one set of fixed seeds."""
    if not arm.shares:
        return False
    return runs.table.filter(pl.col("arm") == arm.name)["block"].n_unique() == 1
