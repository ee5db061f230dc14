"""Arms that differ in one setting only, each held against the setting's first level.

Levels of several settings make many pairs, most of which mix two causes. Those that
differ in one setting tell what it does: to the spread, to the mean, and to the time.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from seedscope.analysis.arms import finished, seed_table
from seedscope.analysis.matching import matched
from seedscope.analysis.results import Contrast
from seedscope.runs.table import ArmKey, Runs
from seedscope.stats.compare import MeanDifference, paired_difference, welch
from seedscope.stats.share import ArmPair, holm
from seedscope.stats.shared import share_seeds


def contrasts(
    runs: Runs, score: str, level: float, tests: Sequence[ArmPair]
) -> tuple[Contrast, ...]:
    """Return every pair of arms that differ in one setting only.

    Args:
        runs: whose arms have levels; others make no pair.
        score: whose spread and mean are compared.
        level: coverage of the intervals, which are not adjusted.
        tests: of the spreads of these pairs, the other arm first.
    """
    good = {name: finished(table, score) for name, table in runs.arms().items()}
    known = {(test.first, test.second): test for test in tests}
    found = [
        _contrast(setting, base, other, good, score, level, known)
        for setting, base, other in pairs(runs)
        if min(len(good[base]), len(good[other])) > 1
    ]
    means = holm(np.array([c.mean.p for c in found]))
    return tuple(
        replace(c, mean_holm=float(m)) for c, m in zip(found, means, strict=True)
    )


def pairs(runs: Runs) -> Iterator[tuple[str, str, str]]:
    """Yield (setting, arm at its first level, arm at another), all else equal."""
    names = list(runs.arms())
    for number, name in enumerate(names):
        key = runs.keys[name]
        for setting in key.levels:
            rest = _beside(key, setting)
            alike = [
                other
                for other in names[:number]
                if setting in runs.keys[other].levels
                and _beside(runs.keys[other], setting) == rest
            ]
            if alike:
                yield setting, alike[0], name


def _beside(key: ArmKey, setting: str) -> tuple:
    """Return what two arms that differ in one setting have in common."""
    rest = {name: repr(v) for name, v in key.levels.items() if name != setting}
    return key.factor, key.vary, rest


def _contrast(
    setting: str,
    base: str,
    other: str,
    good: dict[str, pl.DataFrame],
    score: str,
    level: float,
    tests: Mapping[tuple[str, str], ArmPair],
) -> Contrast:
    tables, test = (good[other], good[base]), tests.get((other, base))
    return Contrast(
        setting=setting,
        base=base,
        other=other,
        spread=test.result.ratio if test else None,
        spread_holm=test.ratio_holm if test else math.nan,
        mean=mean_difference(*tables, score, level),
        seconds=_median_seconds(tables[0]) / _median_seconds(tables[1]),
    )


def mean_difference(
    a: pl.DataFrame, b: pl.DataFrame, score: str, level: float
) -> MeanDifference:
    """Return the difference A - B that `compare_groups` finds of the same runs."""
    rows = matched(a, b, score)
    if rows is not None:
        seeds = seed_table(rows)
        shared = seeds if share_seeds(seeds) else None
        first, second = rows[score].to_numpy(), rows["b"].to_numpy()
        return paired_difference(first, second, level, shared).difference
    tables = [seed_table(table) for table in (a, b)]
    designs = [seeds if share_seeds(seeds) else None for seeds in tables]
    first, second = a[score].to_numpy(), b[score].to_numpy()
    return welch(first, second, level, (designs[0], designs[1]))


def _median_seconds(table: pl.DataFrame) -> float:
    if "seconds" not in table.columns or table["seconds"].null_count():
        return float("nan")
    return float(np.median(table["seconds"].to_numpy())) or float("nan")
