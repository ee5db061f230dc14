"""More arms than a table can show: every arm's numbers by column, and a summary.

Ten thousand groups get no page of ten thousand rows: the means and sds are computed by
column, and two tests say whether the arms differ at all, in mean and in spread.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from seedscope.analysis.compare import choose
from seedscope.runs.table import Runs
from seedscope.stats.interval import check_level
from seedscope.stats.oneway import OneWay, one_way
from seedscope.stats.share import Test

MOST = 50  # arms that are shown one by one


@dataclass(frozen=True)
class ManyArms:
    """What runs of many arms say."""

    runs: Runs
    score: str  # the one that leads
    level: float
    table: pl.DataFrame  # a row an arm and score
    means: OneWay | None  # of the leading score; None where no arm has two runs
    spreads: Test | None
    chance: float  # sds of a mean that the highest of so many lies above by chance


def too_many(runs: Runs) -> bool:
    """Tell whether the arms are summed up; a study's arms always have their page."""
    return runs.study_id is None and runs.table["arm"].n_unique() > MOST


def summarize(runs: Runs, scores: Sequence[str], level: float) -> ManyArms:
    """Return the numbers of every arm, and whether the arms differ.

    Args:
        runs: as read from MLflow or a file.
        scores: columns to compare; empty: all of them.
        level: coverage of the intervals.

    Raises:
        ValueError: nobody logged one of the scores.
    """
    check_level(level)
    chosen = choose(runs, scores)
    lead = chosen[0]
    good = runs.table.filter(~pl.col("diverged"), pl.col(lead).is_finite())
    means = spreads = None
    code = good["arm"].rank("dense").to_numpy()
    values = good[lead].to_numpy()
    if len(values) and np.ptp(values) > 0 and len(values) > good["arm"].n_unique() > 1:
        means = one_way(values, code, level)
        spreads = _spreads(values, code)
    arms = runs.table["arm"].n_unique()
    return ManyArms(
        runs=runs,
        score=lead,
        level=level,
        table=pl.concat(_of_score(runs.table, score, level) for score in chosen),
        means=means,
        spreads=spreads,
        chance=_highest_of(arms),
    )


def _of_score(table: pl.DataFrame, score: str, level: float) -> pl.DataFrame:
    value = pl.col(score)
    fine = ~pl.col("diverged") & value.is_finite()
    held = value.is_not_null() | pl.col("diverged")
    first = value.filter(fine).first()
    found = table.group_by("arm", maintain_order=True).agg(
        pl.lit(score).alias("score"),
        held.sum().alias("runs"),
        (held & ~fine.fill_null(False)).sum().alias("diverged"),
        fine.sum().alias("n"),
        (first + (value.filter(fine) - first).mean()).alias("mean"),
        (value.filter(fine) - first).std().alias("sd"),
        value.filter(fine).median().alias("median"),
        value.filter(fine).min().alias("min"),
        value.filter(fine).max().alias("max"),
    )
    n, sd = found["n"].to_numpy().astype(float), found["sd"].to_numpy()
    dof = np.where(n > 1, n - 1, np.nan)
    half = stats.t.ppf((1 + level) / 2, dof) * sd / np.sqrt(np.maximum(n, 1))
    ends = [sd * np.sqrt(dof / stats.chi2.ppf(p, dof)) for p in _tails(level)]
    return found.with_columns(
        mean_low=pl.col("mean") - half,
        mean_high=pl.col("mean") + half,
        sd_low=ends[0],
        sd_high=ends[1],
    ).fill_nan(None)


def _tails(level: float) -> tuple[float, float]:
    return (1 + level) / 2, (1 - level) / 2


def _spreads(values: np.ndarray, code: np.ndarray) -> Test | None:
    """Return the test of Brown and Forsythe over all arms with two runs or more."""
    frame = pl.DataFrame({"arm": code, "value": values})
    centre = pl.col("value").median().over("arm")
    frame = frame.with_columns((pl.col("value") - centre).abs().alias("off"))
    frame = frame.filter(pl.len().over("arm") > 1)
    off = frame["off"].to_numpy()
    if frame["arm"].n_unique() < 2 or np.ptp(off) == 0:
        return None
    found = one_way(off, frame["arm"].to_numpy())
    return Test(found.f, found.p)


def _highest_of(arms: int) -> float:
    """Return Blom's approximation of the expected highest of normal deviates."""
    return float(stats.norm.ppf((arms - 0.375) / (arms + 0.25)))
