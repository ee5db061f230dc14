"""How far apart the final weights of two runs of an arm are, where they were kept."""

import numpy as np
import polars as pl

from seedscope.runs.table import Runs
from seedscope.stats.pairs import PairMean, weight_distance


def distances(runs: Runs, table: pl.DataFrame, level: float) -> dict[str, PairMean]:
    """Return the mean distance of two runs: l2 and cosine.

    Args:
        runs: where the weights are.
        table: the runs of one arm; diverged ones are left out.
        level: coverage of the intervals.
    """
    folder = runs.traces / "weights" if runs.traces else None
    if folder is None or not folder.is_dir():
        return {}
    good = table.filter(~pl.col("diverged"))["run_id"].to_list()
    rows = pl.scan_parquet(folder / "*.parquet").filter(pl.col("run_id").is_in(good))
    last = rows.group_by("run_id").agg(
        pl.col("values").sort_by("snapshot").last(),
    )
    found = last.collect()
    if len(found) < 2 or len(found) < len(good):
        return {}
    weights = np.stack([np.asarray(row) for row in found["values"]])
    kinds = ("l2", "cosine") if np.abs(weights).sum(axis=1).all() else ("l2",)
    return {kind: weight_distance(weights, kind, level).mean for kind in kinds}
