"""More arms than a table can show: every arm's numbers by column, and a summary.

Ten thousand groups get no page of ten thousand rows: the means and sds are computed by
column, and two tests say whether the arms differ at all, in mean and in spread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from seedscope.analysis.compare import choose
from seedscope.runs.score import Score
from seedscope.runs.table import Runs
from seedscope.stats.interval import check_level
from seedscope.stats.oneway import OneWay, one_way
from seedscope.stats.share import Test
from seedscope.stats.spread import (
    BONETT_FROM,
    BONETT_LEAST,
    are_not_normal,
    ends_within,
    means_are_rough,
    sd_interval,
    spreads_are_rough,
)

MOST = 50  # arms that are shown one by one
MOST_MARKED = 50_000  # arms whose shape is looked at


@dataclass(frozen=True)
class ManyArms:
    """What runs of many arms say."""

    runs: Runs
    score: str  # the one that leads
    scores: tuple[str, ...]
    level: float
    table: pl.DataFrame  # a row an arm and score
    means: OneWay | None  # of the leading score; None where no arm has two runs
    spreads: Test | None
    chance: float  # sds of a mean that the highest of so many lies above by chance
    target: float | None = None  # that the means of the leading score are held against


def too_many(runs: Runs) -> bool:
    """Tell whether the arms are summed up; a study's arms always have their page."""
    return runs.study_id is None and runs.table["arm"].n_unique() > MOST


def summarize(
    runs: Runs, scores: Sequence[str], level: float, target: float | None = None
) -> ManyArms:
    """Return the numbers of every arm, and whether the arms differ.

    Args:
        runs: as read from MLflow or a file.
        scores: columns to compare; empty: all of them.
        level: coverage of the intervals.
        target: a number to hold the means of the leading score against.

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
        scores=chosen,
        level=level,
        table=pl.concat(
            _of_score(
                runs.table,
                runs.about(score),
                level,
                target if score == lead else None,
            )
            for score in chosen
        ),
        target=target,
        means=means,
        spreads=spreads,
        chance=_highest_of(arms),
    )


def _of_score(
    table: pl.DataFrame, about: Score, level: float, target: float | None
) -> pl.DataFrame:
    """Return a row an arm; marked are arms that share seeds or look far from normal."""
    score = about.name
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
        value.filter(fine).alias("values"),
        _repeats_a_seed(table).alias("shares_seeds"),
    )
    n, sd = found["n"].to_numpy().astype(float), found["sd"].to_numpy()
    dof = np.where(n > 1, n - 1, np.nan)
    half = stats.t.ppf((1 + level) / 2, dof) * sd / np.sqrt(np.maximum(n, 1))
    ends = _sd_ends(found, sd, dof, level)
    mean = found["mean"].to_numpy()
    low, high = _inside(mean, mean - half, mean + half, about.bounds)
    columns = {"mean_low": low, "mean_high": high, "sd_low": ends[0]}
    columns |= {"sd_high": ends[1], "mean_error": sd / np.sqrt(np.maximum(n, 1))}
    if target is not None:
        columns |= _against(mean - target, columns["mean_error"], dof)
    found = found.with_columns(**columns).fill_nan(None)
    if len(found) <= MOST_MARKED:
        found = found.with_columns(
            mean_approximate=pl.col("shares_seeds") | _rough(found, means_are_rough),
            sd_approximate=pl.col("shares_seeds") | _rough(found, spreads_are_rough),
        )
    return found.drop("values")


def _repeats_a_seed(table: pl.DataFrame) -> pl.Expr:
    """Tell for each arm whether two of its runs share a seed that varies in it."""
    seeds = [pl.col(c) for c in table.columns if c.startswith("seed.")]
    shared = [(s.n_unique() > 1) & (s.n_unique() < pl.len()) for s in seeds]
    return pl.any_horizontal(shared) if shared else pl.lit(False)


def _rough(found: pl.DataFrame, tell: Callable[[np.ndarray], np.ndarray]) -> pl.Series:
    """Look at the arms' shapes, all with equally many runs at once."""
    sizes, rough = found["n"].to_numpy(), np.zeros(len(found), bool)
    for size in np.unique(sizes[sizes > 0]):
        rows = np.flatnonzero(sizes == size)
        table = np.array(found["values"].gather(rows).to_list(), dtype=float)
        rough[rows] = tell(table)
    return pl.Series(rough)


def _inside(
    mean: np.ndarray, low: np.ndarray, high: np.ndarray, bounds: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return t intervals; on the scale of the bounds where a score has some."""
    if not np.isfinite(bounds).any():
        return low, high
    ends = [
        ends_within(m, h, bounds)[0] if h > 0 else (m - h, m + h)
        for m, h in zip(mean, high - mean, strict=True)
    ]
    return tuple(np.array(ends).T)


def _against(apart: np.ndarray, error: np.ndarray, dof: np.ndarray) -> dict[str, Any]:
    """Return the t test of each mean against a target; nan where nothing varies."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, apart / error, np.nan)
    p = 2 * stats.t.sf(np.abs(t), dof)
    return {"target_difference": apart, "target_t": t, "target_df": dof, "target_p": p}


def _sd_ends(
    found: pl.DataFrame, sd: np.ndarray, dof: np.ndarray, level: float
) -> list[np.ndarray]:
    """Return the intervals of the sds: chi-square, or Bonett's as in `spread`."""
    tails = (1 + level) / 2, (1 - level) / 2
    low, high = (sd * np.sqrt(dof / stats.chi2.ppf(p, dof)) for p in tails)
    if len(found) <= MOST_MARKED:
        odd = _rough(found, are_not_normal).to_numpy() | (dof + 1 >= BONETT_FROM)
        for row in np.flatnonzero(odd & (dof + 1 >= BONETT_LEAST) & (sd > 0)):
            values = np.array(found["values"][int(row)].to_list())
            low[row], high[row] = sd_interval(values, level).ends
    return [low, high]


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
