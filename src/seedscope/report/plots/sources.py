"""Figures of one question each: where the variance comes from, how far levels lie."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedscope.analysis.results import ArmAttribution, Level
from seedscope.report.plots.frame import dot, figure_of_rows, legend
from seedscope.report.plots.look import INK, RUNS, SOFT, STRIPS, WIDTH, cut, tip
from seedscope.report.rounding import percent, rounded

FAR = 100  # percent beyond 0 and 100 that an axis of shares reaches


def plot_attribution(found: ArmAttribution) -> Figure:
    """Draw first and total share of every source, with intervals."""
    effects = sorted(found.effects, key=lambda effect: effect.total[0])
    title = f"Where the variance of {found.score} comes from: {cut(found.arm)}"
    figure, ax = figure_of_rows(title, len(effects), 0.5)
    rough = found.approximate
    for y, e in enumerate(effects):
        seen, lost = percent(*e.total, rough), percent(*e.first, rough)
        total, first = ([100 * v for v in effect] for effect in (e.total, e.first))
        dot(ax, y + 0.14, total, tip(f"{e.source}: only its seed varies, {seen}"))
        told = tip(f"{e.source}: its seed is fixed, {lost} are lost")
        dot(ax, y - 0.14, first, told, RUNS)
    ax.plot([], [], "o", color=INK, ms=5, label="seen when only this seed varies")
    ax.plot([], [], "o", color=RUNS, ms=5, label="lost when this seed is fixed")
    legend(figure, ax)
    ax.set_yticks(range(len(effects)), [cut(effect.source) for effect in effects])
    low, high = ax.get_xlim()
    ax.set_xlim(max(min(0, low), -FAR), min(max(105, high), 100 + FAR))
    ax.axvline(0, color=SOFT, linewidth=0.8)
    ax.set_xlabel("share of the variance [%]")
    return figure


def plot_levels(levels: Sequence[Level]) -> Figure | None:
    """Draw how far the weights of each level are from the baseline's, over training."""
    known = [level for level in levels[1:] if level.distance is not None]
    if not known:
        return None
    figure, ax = figure_of_rows("Distance of the weights", 0)
    figure.set_size_inches(WIDTH, 3.6)
    ax.grid(axis="y")
    for level in known:
        style = "-" if level.repeats and level.repeats.identical else "--"
        away = np.asarray(level.distance)
        ax.plot(away, style, lw=1.4, label=cut(level.arm))
        for epoch, value in enumerate(away[: 2 * STRIPS]):
            told = tip(f"{level.arm}, after epoch {epoch}: {rounded(value, None)}")
            ax.plot(epoch, value, "o", ms=6, alpha=0, gid=told, color=INK)
    own = levels[0].own_distance
    if own:
        label = f"{cut(levels[0].arm)}, repeats"
        ax.axhline(own, color=SOFT, lw=0.8, ls=":", label=label)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("epochs trained")
    ax.set_ylabel(f"from {cut(levels[0].arm)}\n(1: as far as it went itself)")
    legend(figure, ax)
    return figure
