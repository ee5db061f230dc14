"""How far apart the final weights of two runs of an arm are, where they were kept."""

from dataclasses import replace

import numpy as np
import polars as pl

from seedscope.analysis.arms import seed_table
from seedscope.runs.table import Runs
from seedscope.stats.pairs import PairMean, weight_distance
from seedscope.stats.shared import share_seeds
from seedscope.trace.tables import read_final_weights


def distances(runs: Runs, table: pl.DataFrame, level: float) -> dict[str, PairMean]:
    """Return the mean distance of two runs: l2 and cosine.

    Args:
        runs: where the weights are.
        table: the runs of one arm; diverged ones are left out.
        level: coverage of the intervals.
    """
    good = table.filter(~pl.col("diverged"))["run_id"].to_list()
    weights = read_final_weights(runs.traces, good)
    if weights is None or len(weights) < 2:
        return {}
    kinds = ("l2", "cosine") if np.abs(weights).sum(axis=1).all() else ("l2",)
    found = {kind: weight_distance(weights, kind, level).mean for kind in kinds}
    if share_seeds(seed_table(table.filter(~pl.col("diverged")))):
        return {k: replace(mean, approximate=True) for k, mean in found.items()}
    return found
