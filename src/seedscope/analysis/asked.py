"""What people ask beside the table: a target, groups of runs, tasks, test examples.

Each is computed where the runs allow it and the question names it (`target=`,
`sources=[batch]`, `sources=[batch/cask]`, `tasks=`, predictions).
"""

from dataclasses import replace

import numpy as np
import polars as pl

from seedscope.analysis.arms import finished, seed_table
from seedscope.analysis.predictions import test_set
from seedscope.analysis.results import Asked
from seedscope.analysis.seeding import generator
from seedscope.runs.table import Runs
from seedscope.stats.multi_bootstrap import TwoWays, multi_bootstrap
from seedscope.stats.nested import Nested, nested_components
from seedscope.stats.oneway import OneWay, one_way
from seedscope.stats.robust import trimmed_means
from seedscope.stats.shared import share_seeds, shared_mean
from seedscope.stats.target import AgainstTarget, against_target
from seedscope.stats.tasks import (
    OverTasks,
    Profile,
    over_tasks,
    profile,
    thresholds_for,
)
from seedscope.trace.tables import read_predictions

MOST_CELLS = 2_000_000  # of a runs x examples table that is resampled
MOST_ARMS = 10  # whose examples are


def answers(runs: Runs, score: str, level: float, target: float | None) -> Asked:
    """Answer what was asked about the leading score.

    Args:
        runs: with the columns that the question named.
        score: the leading one.
        level: coverage of the intervals.
        target: a number to hold the means against.
    """
    good = {name: finished(table, score) for name, table in runs.arms().items()}
    good = {name: table for name, table in good.items() if len(table) > 1}
    values = {name: table[score].to_numpy() for name, table in good.items()}
    seeds = {name: seed_table(table) for name, table in good.items()}
    bounds = runs.about(score).bounds
    tasks, profiles, notes = _tasks(runs, good, score, level)
    examples, differences = _examples(runs, good, level)
    return Asked(
        score=score,
        targets={}
        if target is None
        else {
            name: _against(table, values[name], target, level, bounds)
            for name, table in good.items()
        },
        one_way=_one_way(runs, good, score, level, bounds),
        nested=_nested(runs, good, score, level),
        robust={
            name: trimmed_means(found, level, bounds, share_seeds(seeds[name]))
            for name, found in values.items()
        },
        tasks=tasks,
        profiles=profiles,
        examples=examples,
        differences=differences,
        notes=tuple(notes),
    )


def _against(
    table: pl.DataFrame,
    values: np.ndarray,
    target: float,
    level: float,
    bounds: tuple[float, float],
) -> AgainstTarget:
    """Hold a mean against a target; runs that share seeds count as their design."""
    seeds = seed_table(table)
    if not share_seeds(seeds):
        return against_target(values, target, level, bounds=bounds)
    found = shared_mean(seeds, values)
    rough = found.approximate
    return against_target(values, target, level, found.error, found.dof, rough, bounds)


def _one_way(
    runs: Runs,
    good: dict[str, pl.DataFrame],
    score: str,
    level: float,
    bounds: tuple[float, float],
) -> dict[str, tuple[str, OneWay]]:
    """Analyse arms in which one source varies and several runs share each value."""
    found = {}
    for name, table in good.items():
        seeds = [c for c in table.columns if c.startswith("seed.")]
        seeds = [c for c in seeds if table[c].n_unique() > 1]
        values = table[score].to_numpy()
        if len(seeds) != 1 or runs.nested or np.ptp(values) == 0:
            continue
        if table[seeds[0]].n_unique() < len(table):
            source = seeds[0].removeprefix("seed.")
            labels = table[seeds[0]].to_numpy()
            found[name] = source, one_way(values, labels, level, bounds)
    return found


def _nested(
    runs: Runs, good: dict[str, pl.DataFrame], score: str, level: float
) -> dict[str, Nested]:
    if len(runs.nested) != 1:
        return {}
    chain = [part.strip() for part in runs.nested[0].split("/")]
    found = {}
    for name, table in good.items():
        labels = {part: table[f"seed.{part}"].to_numpy() for part in chain}
        found[name] = nested_components(
            table[score].to_numpy(), labels, generator(), level
        )
    return found


def _tasks(
    runs: Runs, good: dict[str, pl.DataFrame], score: str, level: float
) -> tuple[dict[str, OverTasks], dict[str, Profile], list[str]]:
    if "task" not in runs.table.columns:
        return {}, {}, []
    by_task = {
        name: {key[0]: part[score].to_numpy() for key, part in table.group_by("task")}
        for name, table in good.items()
    }
    by_task = {
        name: {str(task): parts[task] for task in sorted(parts)}
        for name, parts in by_task.items()
    }
    held = {name: set(parts) for name, parts in by_task.items()}
    every = set().union(*held.values()) if held else set()
    notes = [
        f"{name} has no run of {', '.join(sorted(every - tasks)[:5])}: its numbers "
        "over tasks are of other tasks"
        for name, tasks in held.items()
        if tasks < every
    ]
    notes.append(
        "an arm's sd holds the differences between tasks; the numbers over all tasks "
        "do not"
    )
    several = {name: parts for name, parts in by_task.items() if len(parts) > 1}
    if not several:
        return {}, {}, notes
    points = thresholds_for([v for parts in several.values() for v in parts.values()])
    falls = runs.about(score).falls
    found = {n: over_tasks(p, generator(), level) for n, p in several.items()}
    curves = {
        n: profile(p, points, generator(), level, falls) for n, p in several.items()
    }
    uneven = [name for name, result in found.items() if result.iqm is None]
    if uneven:
        notes.append(
            f"no interquartile mean of {', '.join(uneven[:5])}: its tasks have unequal "
            "numbers of runs"
        )
    return found, curves, notes


def _examples(
    runs: Runs, good: dict[str, pl.DataFrame], level: float
) -> tuple[dict[str, TwoWays], dict[tuple[str, str], TwoWays]]:
    """Resample runs and examples where all runs were tested on the same ones."""
    tables, content = {}, {}
    if runs.traces is None or len(good) > MOST_ARMS:
        return {}, {}
    for name, table in good.items():
        rows = read_predictions(runs.traces, table["run_id"].to_list())
        if rows is None or not {"label", "target"} <= set(rows.columns):
            continue
        if rows["label"].null_count() or rows["target"].null_count():
            continue
        few = rows["run_id"].n_unique() < len(table) or len(rows) > MOST_CELLS
        if few or (examples := test_set(rows, table)) is None:
            continue
        right = (rows["label"] == rows["target"]).cast(pl.Float64).to_numpy()
        tables[name], content[name] = right.reshape(len(table), -1), examples
    found = {n: multi_bootstrap(t, generator(), level=level) for n, t in tables.items()}
    names = list(tables)
    differences = {
        (other, names[0]): multi_bootstrap(
            tables[other], generator(), tables[names[0]], level
        )
        for other in names[1:]
        if content[other] == content[names[0]]
    }
    shared = {name for name in names if share_seeds(seed_table(good[name]))}
    return (
        {n: _marked(way, n in shared) for n, way in found.items()},
        {pair: _marked(w, bool(shared & {*pair})) for pair, w in differences.items()},
    )


def _marked(found: TwoWays, shared: bool) -> TwoWays:
    """Mark what counts each run as independent where runs share seeds."""
    return replace(found, approximate=True) if shared else found
