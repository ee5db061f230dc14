"""Shares of the variance by source, where an arm's seed table shows them.

Designs `blocks`, `stars` and `crossed` hold runs that share some seeds and not others;
so may any table of other programs. With an arm per source there is no such table: see
`ArmResult.shares`.
"""

from contextlib import suppress

import numpy as np
import polars as pl

from seedscope.analysis.arms import finished
from seedscope.analysis.results import ArmAttribution, SourceEffect
from seedscope.analysis.seeding import generator
from seedscope.runs.table import Runs
from seedscope.stats.attribution import Attribution, attribute
from seedscope.stats.components import (
    Components,
    moment_components,
    reml_components,
)

FEWEST_SOURCES = 2  # that must vary before one can be told from another


def attributions(
    runs: Runs, score: str, level: float
) -> tuple[list[ArmAttribution], list[str]]:
    """Return the attribution of each arm that allows one, and remarks.

    Args:
        runs: their table holds `seed.<source>` columns.
        score: the score to attribute.
        level: coverage of the intervals.
    """
    found, remarks = [], []
    if runs.nested:  # they have no effects of their own to be told apart
        return found, remarks
    for name, table in runs.arms().items():
        good = finished(table, score)
        seeds = _seeds(good)
        if not _tells_sources_apart(seeds):
            continue
        values = good[score].to_numpy()
        if len(good) < 3 or np.ptp(values) == 0:
            remarks.append(f"{name}: {score} does not vary; nothing to attribute")
            continue
        found.append(_of_arm(name, score, seeds, values, level))
    return found, remarks


def _seeds(table: pl.DataFrame) -> dict[str, np.ndarray]:
    """Return source -> code of the seed of each run, for sources that vary."""
    codes = {}
    for column in (c for c in table.columns if c.startswith("seed.")):
        _, code = np.unique(table[column].to_numpy(), return_inverse=True)
        if len(code) and code.max() > 0:
            codes[column.removeprefix("seed.")] = code
    return codes


def _tells_sources_apart(seeds: dict[str, np.ndarray]) -> bool:
    """Tell whether two sources vary, and not in step with each other."""
    if len(seeds) < FEWEST_SOURCES:
        return False
    table = np.stack(list(seeds.values()), axis=1)
    if len(np.unique(table[:, 0])) == len(table):
        shared = [len(np.unique(column)) < len(table) for column in table.T]
        if not any(shared):
            return False  # no seed is ever used twice
    pairs = len(np.unique(table, axis=0))
    return any(len(np.unique(column)) < pairs for column in table.T)


def _of_arm(
    name: str,
    score: str,
    seeds: dict[str, np.ndarray],
    values: np.ndarray,
    level: float,
) -> ArmAttribution:
    sources = tuple(seeds)
    table = np.stack(list(seeds.values()), axis=1)
    pairs = attribute(table, values, sources, level)
    components = None
    if pairs.blocks == 1 or pairs.replicates < 400:  # REML's matrix is runs x runs
        hang_together = pairs.blocks == 1
        components = _components(table, values, sources, level, hang_together)
    crossed = components if pairs.blocks == 1 else None
    return ArmAttribution(
        arm=name,
        score=score,
        method=f"variance components ({crossed.method})" if crossed else "pairs",
        effects=_from_components(crossed) if crossed else _from_pairs(pairs),
        pairs=pairs,
        components=components,
        approximate=crossed.approximate if crossed else pairs.approximate,
        warning=None if crossed else pairs.warning,
    )


def _from_pairs(pairs: Attribution) -> tuple[SourceEffect, ...]:
    return tuple(
        SourceEffect(
            share.source,
            (share.first.value, share.first.low, share.first.high),
            (share.total.value, share.total.low, share.total.high),
        )
        for share in pairs.sources
    )


def _from_components(components: Components) -> tuple[SourceEffect, ...]:
    return tuple(
        SourceEffect(
            share.source,
            (share.first, share.first_interval.low, share.first_interval.high),
            (share.total, share.total_interval.low, share.total_interval.high),
        )
        for share in components.shares
    )


def _components(
    table: np.ndarray,
    values: np.ndarray,
    sources: tuple[str, ...],
    level: float,
    hang_together: bool,
) -> Components | None:
    """Return variance components by moments, or by REML where they cannot tell.

    Where the runs hang together, as in a crossed table that lost a few, moments give
    the shares an interval; blocks have that of the pairs.
    """
    with suppress(ValueError):  # an effect that cannot be seen: REML takes any
        if hang_together:
            return moment_components(table, values, sources, generator(), level)
    try:
        return reml_components(table, values, sources, level=level)
    except ValueError:
        return None
