"""What the scores of one arm say: spread, share of `all`'s variance, exact repeats."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from seedscope.analysis.results import Repeats
from seedscope.runs.score import Score
from seedscope.runs.table import Runs
from seedscope.stats.backgrounds import alone_share
from seedscope.stats.share import Share
from seedscope.stats.spread import Spread, spread

LARGEST = np.finfo(np.float64).max


def scores_of(table: pl.DataFrame, score: str) -> tuple[np.ndarray, int]:
    """Return the finite scores of the runs that held, and how many diverged.

    A run that diverged in any way is left out of every score: its accuracy may be a
    number, but not the accuracy of a training that worked.
    """
    held = table.filter(pl.col(score).is_not_null() | pl.col("diverged"))
    good = finished(held, score)
    return good[score].to_numpy(), len(held) - len(good)


def finished(table: pl.DataFrame, score: str) -> pl.DataFrame:
    """Return the runs that did not diverge and hold a finite score.

    Sorted by score and seeds: no result depends on the order in which a store returns
    its runs. MLflow's SQL stores keep an infinite metric as the largest float.
    """
    real = pl.col(score).is_finite() & (pl.col(score).abs() < LARGEST)
    good = table.filter(~pl.col("diverged") & real)
    return good.sort(score, *sorted(c for c in good.columns if c.startswith("seed.")))


def seed_table(table: pl.DataFrame) -> np.ndarray:
    """Return the seeds of runs, shape (runs, sources); no column if unknown."""
    names = sorted(c for c in table.columns if c.startswith("seed."))
    if any(table[name].null_count() for name in names):
        return np.empty((len(table), 0), int)
    return table.select(names).to_numpy() if names else np.empty((len(table), 0), int)


def spreads(
    table: pl.DataFrame, scores: Sequence[Score], level: float
) -> dict[str, Spread]:
    """Return the spread of each score that some run of the arm holds."""
    found = {}
    for score in scores:
        values, diverged = scores_of(table, score.name)
        if len(values):
            seeds = seed_table(finished(table, score.name))
            found[score.name] = spread(values, level, diverged, seeds, score.bounds)
    return found


def everything(runs: Runs, arm: str) -> str | None:
    """Return the arm that leaves every source free at the same settings as another."""
    own = runs.keys[arm]
    for name, key in runs.keys.items():
        if key.free and name != arm and not own.free and key.beside(own):
            return name
    return None


def shares(
    table: pl.DataFrame,
    everything: pl.DataFrame | None,
    scores: Sequence[str],
    level: float,
) -> dict[str, Share]:
    """Return the variance of the arm relative to that of `everything`, by score."""
    found: dict[str, Share] = {}
    if everything is None:
        return found
    for score in scores:
        whole, _ = scores_of(everything, score)
        alone = finished(table, score)
        sizes = alone.group_by("block").len()["len"].to_list()
        largest = max(sizes, default=0)
        if len(whole) > 1 and largest > 1:
            values, background = alone[score].to_numpy(), alone["block"].to_numpy()
            found[score] = alone_share(values, whole, background, level).share
    return found


def repeats(table: pl.DataFrame) -> Repeats | None:
    """Count different final weights; two engines may differ in the last digit."""
    if "weights_sha256" not in table.columns or len(table) < 2:
        return None
    if table["weights_sha256"].null_count():
        return None  # a program that told no weights
    per_engine = table.group_by("engine").agg(pl.col("weights_sha256").n_unique())
    return Repeats(len(table), max(per_engine["weights_sha256"].to_list()))
