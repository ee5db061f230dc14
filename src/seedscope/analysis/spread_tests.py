"""Are the spreads of the arms different? Every pair, p-values adjusted by Holm."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from seedscope.analysis.arms import finished, seed_table
from seedscope.analysis.seeding import generator
from seedscope.stats.share import (
    ArmPair,
    equal_variances_of_arms,
    equal_variances_of_pairs,
)

ALL_PAIRS_UP_TO = 6  # arms; with more, each is compared with the widest only
SHUFFLED_UP_TO = 20  # pairs; the ratio has a p of its own


def compare_spreads(
    arms: dict[str, pl.DataFrame],
    score: str,
    level: float,
    wanted: Sequence[tuple[str, str]] = (),
) -> tuple[ArmPair, ...]:
    """Compare the spreads of the arms that vary something.

    Args:
        arms: the runs of each arm.
        score: the score whose spread is compared.
        level: coverage of the intervals of the ratios.
        wanted: the pairs to compare; empty: all, or each with the widest.
    """
    values, seeds = {}, {}
    for name, table in arms.items():
        good = finished(table, score)
        scores = good[score].to_numpy()
        if len(scores) > 1 and np.ptp(scores) > 0:
            values[name], seeds[name] = scores, seed_table(good)
    if len(values) < 2:
        return ()
    if wanted:
        pairs = [pair for pair in wanted if set(pair) <= set(values)]
        permutations = max(1999, 40 * len(pairs)) if len(pairs) <= SHUFFLED_UP_TO else 0
        return equal_variances_of_pairs(
            pairs, values, generator(), level, permutations, seeds
        )
    if len(values) > ALL_PAIRS_UP_TO:
        widest = max(sorted(values), key=lambda name: values[name].std())
        return equal_variances_of_arms(values, generator(), widest, level, 0, seeds)
    count = len(values) * (len(values) - 1) // 2
    permutations = max(1999, 40 * count)  # fewer could not reach .05 after Holm
    if count > SHUFFLED_UP_TO:
        permutations = 0
    return equal_variances_of_arms(
        values, generator(), None, level, permutations, seeds
    )
