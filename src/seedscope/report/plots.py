"""Figures of a comparison; each takes results and returns one matplotlib figure.

Axes of spreads begin at 0: a cut axis would exaggerate differences. Shares are dots
with intervals, never parts of a whole. Black is an estimate, grey its interval, one
colour the runs themselves.
"""

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from seedscope.analysis.results import (
    ArmAttribution,
    ArmCurves,
    Comparison,
    Curve,
    Level,
)
from seedscope.report.rounding import Unit
from seedscope.report.tables import is_tested, unit_in

RUNS, BETWEEN, GREY, INK = "#3b7dd8", "#d9622b", "0.72", "0.12"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.5",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": "0.3",
    "ytick.color": "0.3",
    "text.parse_math": False,  # a $ in a name is a $
    "svg.hashsalt": "seedscope",  # the same comparison makes the same file
}
VECTORS = 20_000  # points of lines in a figure; more are drawn as an image
SHOWN = 200  # runs whose curves are drawn; the mean and the band use all
PANELS = 3  # in a row
WIDTH = 5.2  # inches of a figure with one pair of axes: two of them fit a page


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
    figure, ax = _figure(WIDTH, 1.1 + 0.36 * len(arms))
    for y, arm in enumerate(arms):
        s = arm.spreads[score]
        _dot(ax, y, [unit.scale * v for v in (s.sd, s.sd_low, s.sd_high)])
        split = arm.test_set.split if arm.test_set else None
        if split and s.sd > 0 and is_tested(arm, score):
            ax.plot(
                unit.scale * split.test_set**0.5, y, "|", color=BETWEEN, ms=13, mew=2
            )
    if any(line.get_marker() == "|" for line in ax.lines):
        ax.plot([], [], "|", color=BETWEEN, ms=10, mew=2, label="finite test set alone")
        ax.legend(frameon=False, loc="lower right", fontsize=8)
    labels = [f"{a.name}  (n = {a.spreads[score].replicates})" for a in arms]
    ax.set_yticks(range(len(arms)), labels)
    ax.set_xlim(left=0)
    ax.set_ylim(-0.6, len(arms) - 0.4)
    ax.set_xlabel(f"sd of {score} over runs{_bracket(unit.of_spread)}")
    return figure


def plot_shares(comparison: Comparison, score: str) -> Figure | None:
    """Draw each arm's variance relative to all, with its interval."""
    arms = [a for a in comparison.arms if score in a.shares and a.vary]
    arms = [a for a in arms if math.isfinite(a.shares[score].ratio)]
    if not arms:
        return None
    arms.sort(key=lambda arm: arm.shares[score].ratio)
    figure, ax = _figure(WIDTH, 1.1 + 0.36 * len(arms))
    most = max(a.shares[score].ratio for a in arms)
    limit = 100 * max(1.6, 2 * most)
    for y, arm in enumerate(arms):
        s = arm.shares[score]
        _dot(ax, y, [100 * v for v in (s.ratio, s.low, min(s.high, 1e6))])
    ax.axvline(100, color="0.5", linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(arms)), [arm.name for arm in arms])
    ax.set_xlim(0, limit)
    for y, arm in enumerate(arms):
        if 100 * arm.shares[score].high > limit:
            ax.annotate(
                "", (limit, y), (0.97 * limit, y), arrowprops={"arrowstyle": "->"}
            )
    ax.set_ylim(-0.6, len(arms) - 0.4)
    ax.set_xlabel(f"variance of {score}, arm all = 100 % (no parts of a whole)")
    return figure


def plot_scores(comparison: Comparison, score: str) -> Figure | None:
    """Draw the score of every run, a strip per arm, with mean and interval."""
    unit = unit_in(comparison, score)
    arms = [a for a in comparison.arms if score in a.spreads]
    if not arms:
        return None
    tables = comparison.runs.arms()
    figure, ax = _figure(WIDTH, 1.1 + 0.42 * len(arms))
    for y, arm in enumerate(reversed(arms)):
        values = unit.scale * tables[arm.name][score].drop_nulls().to_numpy()
        values = values[np.isfinite(values)]
        # Ranks, not noise, keep dots apart: the figure of a study never changes.
        shift = (np.arange(len(values)) * 0.618) % 1 - 0.5
        ax.plot(
            values,
            y + 0.42 * shift,
            "o",
            color=RUNS,
            alpha=0.55,
            ms=4,
            mew=0,
            rasterized=len(values) > VECTORS,
        )
        s = arm.spreads[score]
        ends = [unit.scale * v for v in (s.mean_low, s.mean_high)]
        ax.plot(ends, [y, y], color=INK, linewidth=1.4)
        ax.plot(unit.scale * s.mean, y, "D", color=INK, ms=4)
    ax.set_yticks(range(len(arms)), [arm.name for arm in reversed(arms)])
    ax.set_ylim(-0.6, len(arms) - 0.4)
    ax.set_xlabel(f"{score}{_bracket(unit.of_score)}; diamond: mean and its interval")
    return figure


def plot_curves(comparison: Comparison) -> Figure | None:
    """Draw every run's curve with mean and band, a panel per arm, one scale."""
    curves = {name: c.curve for name, c in comparison.curves.items()}
    curves = {name: c for name, c in curves.items() if c.shortest}
    if not curves:
        return None
    metric = next(iter(curves.values())).metric
    unit = unit_in(comparison, metric)
    figure, axes = _panels(len(curves))
    budget = VECTORS // max(1, len(curves))
    for ax, (name, curve) in zip(axes, curves.items(), strict=False):
        _curve(ax, curve, unit, curve.values[:SHOWN].size > budget)
        ax.set_title(f"{name}  (n = {len(curve.values)})")
    _label(axes, len(curves), "epoch", f"{metric}{_bracket(unit.of_score)}")
    _same_limits(axes[: len(curves)])
    return figure


def plot_noise(curves: Mapping[str, ArmCurves]) -> Figure | None:
    """Draw noise from batch to batch and spread between runs, a panel per arm."""
    found = {name: c.noise for name, c in curves.items() if c.noise}
    if not found:
        return None
    figure, axes = _panels(len(found))
    for ax, (name, noise) in zip(axes, found.items(), strict=False):
        ax.plot(noise.steps, noise.within, color=RUNS, label="batch to batch, one run")
        between = noise.between
        ax.fill_between(
            noise.steps, between.sd_low, between.sd_high, color=BETWEEN, alpha=0.2, lw=0
        )
        label = f"between runs (means of {noise.batches} batches)"
        ax.plot(noise.steps, between.sd, color=BETWEEN, label=label)
        ax.set_title(name)
        ax.set_ylim(bottom=0)
    _label(axes, len(found), "batch", "sd of batch/loss")
    top = max(
        np.nanmax([n.within.max(), 1.3 * n.between.sd.max()]) for n in found.values()
    )
    for ax in axes[: len(found)]:
        ax.set_ylim(0, 1.1 * top if top > 0 else 1)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside upper left", ncols=2)
    return figure


def plot_attribution(found: ArmAttribution) -> Figure:
    """Draw first and total share of every source, with intervals."""
    effects = sorted(found.effects, key=lambda effect: effect.total[0])
    figure, ax = _figure(WIDTH, 1.3 + 0.5 * len(effects))
    for y, effect in enumerate(effects):
        _dot(ax, y + 0.14, [100 * v for v in effect.total], INK)
        _dot(ax, y - 0.14, [100 * v for v in effect.first], RUNS)
    ax.plot([], [], "o", color=INK, ms=5, label="seen when only this seed varies")
    ax.plot([], [], "o", color=RUNS, ms=5, label="lost when this seed is fixed")
    ax.legend(frameon=False, loc="best", fontsize=8)
    ax.set_yticks(range(len(effects)), [effect.source for effect in effects])
    ax.set_xlim(min(0, *ax.get_xlim()), 105)
    ax.set_ylim(-0.6, len(effects) - 0.4)
    ax.axvline(0, color="0.5", linewidth=0.8)
    ax.set_xlabel(f"{found.arm}: share of the variance of {found.score} [%]")
    return figure


def plot_levels(levels: Sequence[Level]) -> Figure | None:
    """Draw how far the weights of each level are from the baseline's, over training."""
    known = [level for level in levels[1:] if level.distance is not None]
    if not known:
        return None
    figure, ax = _figure(6.4, 3.6)
    for level in known:
        style = "-" if level.repeats and level.repeats.identical else "--"
        ax.plot(np.asarray(level.distance), style, lw=1.4, label=level.arm)
    own = levels[0].own_distance
    if own:
        ax.axhline(own, color="0.5", lw=0.8, ls=":", label=f"{levels[0].arm}, repeats")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("epoch")
    ax.set_ylabel(
        f"weight distance from {levels[0].arm}\n(1: as far as it went itself)"
    )
    ax.legend(frameon=False, fontsize=8)
    return figure


def render(figure: Figure) -> tuple[bytes, str]:
    """Return a figure as PNG and as SVG, laid out once."""
    png, svg = io.BytesIO(), io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it
        warnings.filterwarnings("ignore", "constrained_layout")  # by very long names
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        figure.savefig(png, format="png", dpi=140)
        figure.savefig(svg, format="svg", metadata={"Date": None}, dpi=140)
    return png.getvalue(), svg.getvalue()


def inline(svg: str) -> str:
    """Return an SVG file as an element of an HTML page.

    HTML needs neither name spaces nor metadata; without them it holds no address.
    """
    element = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", element[element.index("<svg") :])


def draw(comparison: Comparison) -> dict[str, Figure]:
    """Return every figure that the comparison has data for, by file name."""
    score = comparison.score
    with matplotlib.rc_context(STYLE):
        found: dict[str, Figure | None] = {
            "spreads": plot_spreads(comparison, score),
            "scores": plot_scores(comparison, score),
            "shares": plot_shares(comparison, score),
            "curves": plot_curves(comparison),
            "noise": plot_noise(comparison.curves),
            "levels": plot_levels(comparison.levels),
        }
        for result in comparison.attributions:
            arm = "".join(c if c.isalnum() else "_" for c in result.arm)
            found[f"attribution_{arm}"] = plot_attribution(result)
    first = comparison.runs.figure  # the one that answers the study's question
    names = sorted(found, key=lambda name: name != first)
    return {name: figure for name in names if (figure := found[name]) is not None}


def _curve(ax: Axes, curve: Curve, unit: Unit, as_image: bool) -> None:
    values = unit.scale * curve.values[:SHOWN]
    lines = [np.column_stack([curve.steps, run]) for run in values]
    ax.add_collection(
        LineCollection(lines, colors=RUNS, alpha=0.35, lw=0.7, rasterized=as_image)
    )
    if curve.band is not None:
        low, high = (
            unit.scale * v for v in (curve.band.mean_low, curve.band.mean_high)
        )
        ax.fill_between(curve.steps, low, high, color="0.2", alpha=0.2, lw=0)
        ax.plot(curve.steps, unit.scale * curve.band.mean, color=INK, lw=1.6)
    ax.autoscale_view()


def _dot(ax: Axes, y: float, estimate: Sequence[float], color: str = INK) -> None:
    value, low, high = estimate
    ax.plot([low, high], [y, y], color=GREY, linewidth=5, solid_capstyle="butt")
    ax.plot(value, y, "o", color=color, ms=6)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    ax = figure.add_subplot()
    ax.grid(axis="x", color="0.92")
    ax.set_axisbelow(True)
    return figure, ax


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    columns = min(PANELS, count)
    lines = -(-count // columns)
    size = (2.9 * columns + 0.4, 2.1 * lines + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(np.ravel(figure.subplots(lines, columns, squeeze=False)))
    for ax in axes[count:]:
        ax.set_axis_off()
    for ax in axes[:count]:
        ax.grid(color="0.93")
        ax.set_axisbelow(True)
    return figure, axes


def _label(axes: Sequence[Axes], count: int, x: str, y: str) -> None:
    columns = min(PANELS, count)
    for index, ax in enumerate(axes[:count]):
        if index % columns == 0:
            ax.set_ylabel(y)
        if index + columns >= count:
            ax.set_xlabel(x)


def _same_limits(axes: Sequence[Axes]) -> None:
    low = min(ax.get_ylim()[0] for ax in axes)
    high = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(low, high)


def _bracket(unit: str) -> str:
    return f" [{unit}]" if unit else ""
