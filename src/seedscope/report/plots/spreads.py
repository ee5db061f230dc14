"""Figures of an arm a row: spreads, shares of the variance, the score of every run.

Axes of spreads begin at 0: a cut axis would exaggerate differences. Shares are dots
with intervals, never parts of a whole.
"""

import math

import numpy as np
from matplotlib.figure import Figure

from seedscope.analysis.results import Comparison
from seedscope.report.plots.frame import dot, figure_of_rows, legend, name_arms
from seedscope.report.plots.look import BETWEEN, INK, RUNS, SOFT, bracket, cut, tip
from seedscope.report.rounding import Unit, rounded, with_interval
from seedscope.report.tables import is_tested, share_of, unit_in
from seedscope.stats.spread import Spread

TOLD = 400  # runs whose dots tell their score
VECTORS = 20_000  # points of lines in a figure; more are drawn as an image
ALONE = "finite test set alone"


def plot_spreads(comparison: Comparison, score: str) -> Figure | None:
    """Draw sd and interval of every arm, the widest on top, from 0.

    A tick marks the sd that the finite test set alone would cause.
    """
    unit = unit_in(comparison, score)
    arms = [a for a in comparison.arms if score in a.spreads]
    arms = [a for a in arms if a.spreads[score].replicates > 1]
    if not arms:
        return None
    arms.sort(key=lambda arm: arm.spreads[score].sd)
    figure, ax = figure_of_rows(f"Spread of {score} over runs", len(arms))
    for y, arm in enumerate(arms):
        s = arm.spreads[score]
        ends = [unit.scale * v for v in (s.sd, s.sd_low, s.sd_high)]
        dot(ax, y, ends, tip(f"{arm.name}: sd {_sd(s, unit)}, {s.replicates} runs"))
        split = arm.test_set.split if arm.test_set else None
        if split and s.sd > 0 and is_tested(arm, score):
            alone = unit.scale * split.test_set**0.5
            said = f"{arm.name}: the finite test set alone, {rounded(alone, None)}"
            (tick,) = ax.plot(alone, y, "|", color=BETWEEN, ms=13, mew=2)
            tick.set_gid(tip(f"{said} {unit.of_spread}"))
    if any(line.get_marker() == "|" for line in ax.lines):
        ax.plot([], [], "|", color=BETWEEN, ms=10, mew=2, label=ALONE)
        legend(figure, ax)
    name_arms(
        ax, comparison, arms, [f"n = {a.spreads[score].replicates}" for a in arms]
    )
    ax.set_xlim(0, None if ax.dataLim.x1 > 0 else 1)
    ax.set_xlabel(f"standard deviation over runs{bracket(unit.of_spread)}")
    return figure


def plot_shares(comparison: Comparison, score: str) -> Figure | None:
    """Draw each arm's variance relative to all, with its interval."""
    arms = [a for a in comparison.arms if score in a.shares and a.vary]
    arms = [a for a in arms if math.isfinite(a.shares[score].ratio)]
    if not arms:
        return None
    arms.sort(key=lambda arm: arm.shares[score].ratio)
    figure, ax = figure_of_rows(f"Variance of {score} that each makes alone", len(arms))
    most = max(a.shares[score].ratio for a in arms)
    limit = 100 * max(1.6, 2 * most)
    for y, arm in enumerate(arms):
        s = arm.shares[score]
        ends = [100 * v for v in (s.ratio, s.low, min(s.high, 1e6))]
        dot(ax, y, ends, tip(f"{arm.name}: {share_of(s)} of the variance of all"))
    ax.axvline(100, color=SOFT, linewidth=0.8, linestyle=":")
    ax.set_xlim(0, limit)
    for y, arm in enumerate(arms):
        if 100 * arm.shares[score].high > limit:
            arrow = {"arrowstyle": "->", "color": SOFT}
            ax.annotate("", (limit, y), (0.97 * limit, y), arrowprops=arrow)
    name_arms(ax, comparison, arms)
    ax.set_xlabel("variance, all together = 100 % (no parts of a whole)")
    return figure


def plot_scores(comparison: Comparison, score: str) -> Figure | None:
    """Draw the score of every run, a strip per arm, with mean and interval."""
    unit = unit_in(comparison, score)
    arms = [a for a in comparison.arms if score in a.spreads]
    if not arms:
        return None
    tables = comparison.runs.arms()
    figure, ax = figure_of_rows(f"{score} of every run", len(arms), 0.42)
    one_by_one = sum(len(tables[arm.name]) for arm in arms) <= TOLD
    for y, arm in enumerate(reversed(arms)):
        values = unit.scale * tables[arm.name][score].drop_nulls().to_numpy()
        values = values[np.isfinite(values)]
        # Ranks, not noise, keep dots apart: the figure of a study never changes.
        height = y + 0.42 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)
        look = {"color": RUNS, "alpha": 0.6, "ms": 4.5, "mew": 0}
        if one_by_one:
            for x, at in zip(values, height, strict=True):
                (run,) = ax.plot(x, at, "o", **look)
                shown = f"{rounded(x, None)} {unit.of_score}".rstrip()
                run.set_gid(tip(f"{arm.name}: {shown}"))
        else:
            ax.plot(values, height, "o", rasterized=len(values) > VECTORS, **look)
        s = arm.spreads[score]
        ends = [unit.scale * v for v in (s.mean, s.mean_low, s.mean_high)]
        told = tip(f"{arm.name}: mean {with_interval(*ends, unit=unit.of_score)}")
        ax.plot(ends[1:], [y, y], color=INK, linewidth=1.6, gid=told)
        ax.plot(ends[0], y, "D", color=INK, ms=4.5, gid=told)
    name_arms(ax, comparison, arms[::-1])
    ax.set_xlabel(f"{cut(score)}{bracket(unit.of_score)}")
    return figure


def _sd(s: Spread, unit: Unit) -> str:
    ends = (unit.scale * v for v in (s.sd, s.sd_low, s.sd_high))
    return with_interval(*ends, unit=unit.of_spread, approximate=s.approximate)
