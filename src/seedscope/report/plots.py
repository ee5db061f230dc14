"""Figures of a comparison; each takes results and returns one matplotlib figure.

Axes of spreads begin at 0: a cut axis would exaggerate differences. Shares are dots
with intervals, never parts of a whole. Ink is an estimate, grey its interval, one
colour the runs themselves. Text stays text in an SVG, and what the mouse is over tells
its numbers.
"""

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedscope.analysis.results import (
    ArmAttribution,
    ArmCurves,
    ArmResult,
    Comparison,
    Curve,
    Level,
    Noise,
)
from seedscope.report.rounding import Unit, percent, rounded, with_interval
from seedscope.report.tables import is_tested, share_of, unit_in
from seedscope.stats.spread import Spread
from seedscope.study.characters import harmless

PAPER, INK, SOFT, LINE = "#ffffff", "#1d232b", "#57616d", "#e4e8ed"
BAR, RUNS, BETWEEN = "#b3bcc7", "#2f6bbf", "#c2410c"
OTHERS = ("#0f7b6c", "#8a3ffc", "#9f6b00", "#b5179e", "#3f4b57")
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.facecolor": PAPER,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.prop_cycle": cycler(color=[RUNS, BETWEEN, *OTHERS]),
    "figure.facecolor": PAPER,
    "figure.titlesize": 10.5,
    "figure.titleweight": "bold",
    "grid.color": LINE,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.parse_math": False,  # a $ in a name is a $
    "svg.fonttype": "none",  # text can be read, searched and copied
    "svg.hashsalt": "seedscope",  # the same comparison makes the same file
}
VECTORS = 20_000  # points of lines in a figure; more are drawn as an image
SHOWN = 200  # runs whose curves are drawn; the mean and the band use all
TOLD = 400  # runs whose dots tell their score
STRIPS = 60  # places of a curve that tell their numbers
PANELS = 3  # in a row
WIDTH = 5.2  # inches of a figure with one pair of axes: two of them fit a page
LONGEST = 34  # characters of a name beside an axis
TIP = "tip:"  # begins the id of what tells its numbers


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
    figure, ax = _figure(f"Spread of {score} over runs", len(arms))
    for y, arm in enumerate(arms):
        s = arm.spreads[score]
        ends = [unit.scale * v for v in (s.sd, s.sd_low, s.sd_high)]
        _dot(ax, y, ends, _tip(f"{arm.name}: sd {_sd(s, unit)}, {s.replicates} runs"))
        split = arm.test_set.split if arm.test_set else None
        if split and s.sd > 0 and is_tested(arm, score):
            alone = unit.scale * split.test_set**0.5
            said = f"{arm.name}: the finite test set alone, {rounded(alone, None)}"
            (tick,) = ax.plot(alone, y, "|", color=BETWEEN, ms=13, mew=2)
            tick.set_gid(_tip(f"{said} {unit.of_spread}"))
    if any(line.get_marker() == "|" for line in ax.lines):
        ax.plot([], [], "|", color=BETWEEN, ms=10, mew=2, label="finite test set alone")
        _legend(figure, ax)
    _name(ax, comparison, arms, [f"n = {a.spreads[score].replicates}" for a in arms])
    ax.set_xlim(0, None if ax.dataLim.x1 > 0 else 1)
    ax.set_xlabel(f"standard deviation over runs{_bracket(unit.of_spread)}")
    return figure


def plot_shares(comparison: Comparison, score: str) -> Figure | None:
    """Draw each arm's variance relative to all, with its interval."""
    arms = [a for a in comparison.arms if score in a.shares and a.vary]
    arms = [a for a in arms if math.isfinite(a.shares[score].ratio)]
    if not arms:
        return None
    arms.sort(key=lambda arm: arm.shares[score].ratio)
    figure, ax = _figure(f"Variance of {score} that each makes alone", len(arms))
    most = max(a.shares[score].ratio for a in arms)
    limit = 100 * max(1.6, 2 * most)
    for y, arm in enumerate(arms):
        s = arm.shares[score]
        ends = [100 * v for v in (s.ratio, s.low, min(s.high, 1e6))]
        _dot(ax, y, ends, _tip(f"{arm.name}: {share_of(s)} of the variance of all"))
    ax.axvline(100, color=SOFT, linewidth=0.8, linestyle=":")
    ax.set_xlim(0, limit)
    for y, arm in enumerate(arms):
        if 100 * arm.shares[score].high > limit:
            arrow = {"arrowstyle": "->", "color": SOFT}
            ax.annotate("", (limit, y), (0.97 * limit, y), arrowprops=arrow)
    _name(ax, comparison, arms)
    ax.set_xlabel("variance, all together = 100 % (no parts of a whole)")
    return figure


def plot_scores(comparison: Comparison, score: str) -> Figure | None:
    """Draw the score of every run, a strip per arm, with mean and interval."""
    unit = unit_in(comparison, score)
    arms = [a for a in comparison.arms if score in a.spreads]
    if not arms:
        return None
    tables = comparison.runs.arms()
    figure, ax = _figure(f"{score} of every run", len(arms), 0.42)
    one_by_one = sum(len(tables[arm.name]) for arm in arms) <= TOLD
    for y, arm in enumerate(reversed(arms)):
        values = unit.scale * tables[arm.name][score].drop_nulls().to_numpy()
        values = values[np.isfinite(values)]
        # Ranks, not noise, keep dots apart: the figure of a study never changes.
        height = y + 0.42 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)
        look = {"color": RUNS, "alpha": 0.6, "ms": 4.5, "mew": 0}
        if one_by_one:
            for x, at in zip(values, height, strict=True):
                (dot,) = ax.plot(x, at, "o", **look)
                shown = f"{rounded(x, None)} {unit.of_score}".rstrip()
                dot.set_gid(_tip(f"{arm.name}: {shown}"))
        else:
            ax.plot(values, height, "o", rasterized=len(values) > VECTORS, **look)
        s = arm.spreads[score]
        ends = [unit.scale * v for v in (s.mean, s.mean_low, s.mean_high)]
        tip = _tip(f"{arm.name}: mean {with_interval(*ends, unit=unit.of_score)}")
        ax.plot(ends[1:], [y, y], color=INK, linewidth=1.6, gid=tip)
        ax.plot(ends[0], y, "D", color=INK, ms=4.5, gid=tip)
    _name(ax, comparison, arms[::-1])
    ax.set_xlabel(f"{score}{_bracket(unit.of_score)}; diamond: mean and its interval")
    return figure


def plot_curves(comparison: Comparison) -> Figure | None:
    """Draw every run's curve to its end, with mean and band, a panel per arm.

    All panels have one scale: that of the later epochs, where runs differ, if the first
    ones would flatten it. What lies outside is said.
    """
    curves = {name: c.curve for name, c in comparison.curves.items()}
    curves = {name: c for name, c in curves.items() if c.values.size}
    if not curves:
        return None
    metric = next(iter(curves.values())).metric
    unit = unit_in(comparison, metric)
    figure, axes = _panels(len(curves), f"{metric} over the epochs, every run")
    budget = VECTORS // max(1, len(curves))
    for ax, (name, curve) in zip(axes, curves.items(), strict=False):
        _curve(ax, name, curve, unit, curve.values[:SHOWN].size > budget)
        n = f"n = {len(curve.values)}"
        if len(curve.values) > SHOWN:
            n += f", {SHOWN} drawn"
        ax.set_title(f"{_cut(name)}  ({n})")
    _label(axes, len(curves), "epoch", f"{metric}{_bracket(unit.of_score)}")
    low, high, outside = _where_runs_differ(list(curves.values()), unit)
    for ax in axes[: len(curves)]:
        ax.set_ylim(low, high)
    said = []
    if any(curve.shortest < len(curve.steps) for curve in curves.values()):
        said.append("dotted: the first run ends, and with it mean and band")
    if outside:
        said.append(outside)
    most = max(range(len(curves)), key=lambda i: len(axes[i].lines))
    _legend(figure, axes[most], said)
    return figure


def plot_noise(curves: Mapping[str, ArmCurves]) -> Figure | None:
    """Draw noise from batch to batch and spread between runs, a panel per arm."""
    found = {name: c.noise for name, c in curves.items() if c.noise}
    if not found:
        return None
    title = "Noise of the loss: from batch to batch, and between runs"
    figure, axes = _panels(len(found), title)
    for ax, (name, noise) in zip(axes, found.items(), strict=False):
        ax.plot(noise.steps, noise.within, color=RUNS, label="batch to batch, one run")
        between = noise.between
        ends, look = (between.sd_low, between.sd_high), {"alpha": 0.2, "lw": 0}
        ax.fill_between(noise.steps, *ends, color=BETWEEN, label="its band", **look)
        label = f"between runs (means of {noise.batches} batches)"
        ax.plot(noise.steps, between.sd, color=BETWEEN, label=label)
        _strips(ax, noise.steps, _noise_told(name, noise))
        ax.set_title(_cut(name))
    _label(axes, len(found), "batch", "sd of batch/loss")
    top = max(
        np.nanmax([n.within.max(), 1.3 * n.between.sd.max()]) for n in found.values()
    )
    top = 1.1 * top if top > 0 else 1
    for ax in axes[: len(found)]:
        ax.set_ylim(0, top)
    said = []
    if any(n.between.sd_high.max() > top for n in found.values()):
        said.append("outside the axis: the upper end of wide bands")
    if any(noise.cut for noise in found.values()):
        said.append("up to the batch at which the first run ends")
    _legend(figure, axes[0], said)
    return figure


def plot_attribution(found: ArmAttribution) -> Figure:
    """Draw first and total share of every source, with intervals."""
    effects = sorted(found.effects, key=lambda effect: effect.total[0])
    title = f"Where the variance of {found.score} comes from: {_cut(found.arm)}"
    figure, ax = _figure(title, len(effects), 0.5)
    rough = found.approximate
    for y, e in enumerate(effects):
        seen, lost = percent(*e.total, rough), percent(*e.first, rough)
        total, first = ([100 * v for v in effect] for effect in (e.total, e.first))
        _dot(ax, y + 0.14, total, _tip(f"{e.source}: only its seed varies, {seen}"))
        tip = _tip(f"{e.source}: its seed is fixed, {lost} are lost")
        _dot(ax, y - 0.14, first, tip, RUNS)
    ax.plot([], [], "o", color=INK, ms=5, label="seen when only this seed varies")
    ax.plot([], [], "o", color=RUNS, ms=5, label="lost when this seed is fixed")
    _legend(figure, ax)
    ax.set_yticks(range(len(effects)), [_cut(effect.source) for effect in effects])
    ax.set_xlim(min(0, *ax.get_xlim()), 105)
    ax.axvline(0, color=SOFT, linewidth=0.8)
    ax.set_xlabel("share of the variance [%]")
    return figure


def plot_levels(levels: Sequence[Level]) -> Figure | None:
    """Draw how far the weights of each level are from the baseline's, over training."""
    known = [level for level in levels[1:] if level.distance is not None]
    if not known:
        return None
    figure, ax = _figure("Distance of the weights", 0)
    figure.set_size_inches(WIDTH, 3.6)
    ax.grid(axis="y")
    for level in known:
        style = "-" if level.repeats and level.repeats.identical else "--"
        away = np.asarray(level.distance)
        ax.plot(away, style, lw=1.4, label=_cut(level.arm))
        for epoch, value in enumerate(away[: 2 * STRIPS]):
            tip = _tip(f"{level.arm}, after epoch {epoch}: {rounded(value, None)}")
            ax.plot(epoch, value, "o", ms=6, alpha=0, gid=tip, color=INK)
    own = levels[0].own_distance
    if own:
        label = f"{_cut(levels[0].arm)}, repeats"
        ax.axhline(own, color=SOFT, lw=0.8, ls=":", label=label)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("epochs trained")
    ax.set_ylabel(f"from {_cut(levels[0].arm)}\n(1: as far as it went itself)")
    _legend(figure, ax)
    return figure


def render(figure: Figure) -> tuple[bytes, str]:
    """Return a figure as PNG and as SVG, laid out once."""
    png, svg = io.BytesIO(), io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it
        warnings.filterwarnings("ignore", "constrained_layout")  # by very long names
        if (engine := figure.get_layout_engine()) is not None:
            engine.execute(figure)
            figure.set_layout_engine(None)  # else each file is drawn once more
        figure.savefig(png, format="png", dpi=140)
        figure.savefig(svg, format="svg", metadata={"Date": None}, dpi=140)
    return png.getvalue(), _told(svg.getvalue())


def draw(comparison: Comparison) -> dict[str, Figure]:
    """Return every figure that the comparison has data for, by file name.

    The first one answers the study's question: the one that it names, else how the
    variance divides, else how levels lie apart, else the spreads.
    """
    score = comparison.score
    with matplotlib.rc_context(STYLE):
        found: dict[str, Figure | None] = {}
        for result in comparison.attributions:
            arm = "".join(c if c.isalnum() else "_" for c in result.arm)
            found[f"attribution_{arm}"] = plot_attribution(result)
        found |= {
            "levels": plot_levels(comparison.levels),
            "spreads": plot_spreads(comparison, score),
            "scores": plot_scores(comparison, score),
            "shares": plot_shares(comparison, score),
            "curves": plot_curves(comparison),
            "noise": plot_noise(comparison.curves),
        }
    first = comparison.runs.figure
    names = sorted(found, key=lambda name: name != first)
    return {name: figure for name in names if (figure := found[name]) is not None}


def _curve(ax: Axes, name: str, curve: Curve, unit: Unit, as_image: bool) -> None:
    values, there = unit.scale * curve.values, np.isfinite(curve.values)
    lines = [
        np.column_stack([curve.steps[held], run[held]])
        for run, held in zip(values[:SHOWN], there, strict=False)
    ]
    look = {"colors": RUNS, "alpha": 0.4, "lw": 0.8, "rasterized": as_image}
    ax.add_collection(LineCollection(lines, label="a run", **look))
    ax.autoscale_view()
    if curve.band is not None:
        steps = curve.steps[: curve.shortest]
        ends = (curve.band.mean_low, curve.band.mean_high)
        low, high = (unit.scale * v for v in ends)
        ax.plot(steps, unit.scale * curve.band.mean, color=INK, lw=1.8, label="mean")
        band = {"color": SOFT, "alpha": 0.25, "lw": 0, "label": "its band"}
        ax.fill_between(steps, low, high, **band)
    if 0 < curve.shortest < len(curve.steps):
        ax.axvline(float(curve.steps[curve.shortest - 1]), color=SOFT, lw=0.9, ls=":")
    margin = max(0.5, 0.03 * float(np.ptp(curve.steps)))
    ax.set_xlim(curve.steps[0] - margin, curve.steps[-1] + margin)
    ax.set_xticks(_epochs(int(curve.steps[0]), int(curve.steps[-1])))
    _strips(ax, curve.steps, _curve_told(name, curve, unit))


def _epochs(first: int, last: int) -> list[int]:
    """Return the epochs that an axis names: round ones, and the first."""
    found = MaxNLocator(5, integer=True).tick_values(first, last)
    gap = found[1] - found[0]
    return [first, *(int(t) for t in found if first + 0.6 * gap < t <= last)]


def _curve_told(name: str, curve: Curve, unit: Unit) -> list[str]:
    band, runs = curve.band, len(curve.values)
    left = np.isfinite(curve.values).sum(axis=0)
    said = []
    for i, step in enumerate(curve.steps):
        text = f"{name}, epoch {step}: "
        if band is not None and i < curve.shortest:
            ends = (band.mean[i], band.mean_low[i], band.mean_high[i])
            mean = with_interval(*(unit.scale * v for v in ends), unit=unit.of_score)
            text += f"mean {mean}, sd {rounded(unit.scale * band.sd[i], None)}"
            text += f" {unit.of_spread}".rstrip()
        elif runs == 1:
            text += f"{rounded(unit.scale * curve.values[0, i], None)} {unit.of_score}"
        else:
            text += f"{left[i]} of {runs} runs have a value"
        said.append(text)
    return said


def _noise_told(name: str, noise: Noise) -> list[str]:
    b = noise.between
    return [
        f"{name}, batch {step:.0f}: batch to batch {rounded(within, None)}, between "
        f"runs {with_interval(b.sd[i], b.sd_low[i], b.sd_high[i])}"
        for i, (step, within) in enumerate(zip(noise.steps, noise.within, strict=True))
    ]


def _where_runs_differ(
    curves: Sequence[Curve], unit: Unit
) -> tuple[float, float, str | None]:
    """Return the limits of the axis, and what to say if something lies outside.

    They hold every run from a quarter of its epochs on, and all of it unless the first
    epochs would take more than half of the height.
    """
    later = []
    for curve in curves:
        ends = [int(np.flatnonzero(np.isfinite(run))[-1]) for run in curve.values]
        for run, end in zip(curve.values, ends, strict=True):
            later.append(run[end // 4 : end + 1])
    ends = [np.nanmin(np.concatenate(later)), np.nanmax(np.concatenate(later))]
    whole = [
        min(np.nanmin(c.values) for c in curves),
        max(np.nanmax(c.values) for c in curves),
    ]
    ends, whole = unit.scale * np.array(ends), unit.scale * np.array(whole)
    flat = np.ptp(whole) > 2 * np.ptp(ends) > 0
    low, high = ends if flat else whole
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    if not flat:
        return low - margin, high + margin, None
    beyond = [end for end, at in zip(whole, (low, high), strict=True) if end != at]
    come = " and ".join(f"from {end:.2g} {unit.of_score}".rstrip() for end in beyond)
    return low - margin, high + margin, f"outside the axis: early epochs, {come}"


def _strips(ax: Axes, steps: np.ndarray, told: Sequence[str]) -> None:
    """Let the panel tell its numbers at the step that the mouse is over."""
    middle = (steps[1:] + steps[:-1]) / 2
    edges = [steps[0] - 0.5, *middle, steps[-1] + 0.5]
    every = -(-len(steps) // STRIPS)
    for i in range(0, len(steps), every):
        left, right = edges[i], edges[min(i + every, len(steps))]
        ax.axvspan(left, right, alpha=0, lw=0, gid=_tip(told[i]), color=PAPER)


def _dot(
    ax: Axes, y: float, estimate: Sequence[float], tip: str, color: str = INK
) -> None:
    value, low, high = estimate
    ends = {"linewidth": 5, "solid_capstyle": "butt", "gid": tip}
    ax.plot([low, high], [y, y], color=BAR, **ends)
    ax.plot(value, y, "o", color=color, ms=6, gid=tip, clip_on=False)


def _figure(title: str, rows: int, height: float = 0.36) -> tuple[Figure, Axes]:
    size = (WIDTH, 1.45 + height * rows)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    ax = figure.add_subplot()
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.set_ylim(-0.6, max(rows, 1) - 0.4)
    return figure, ax


def _panels(count: int, title: str) -> tuple[Figure, list[Axes]]:
    columns = min(PANELS, count)
    lines = -(-count // columns)
    size = (max(WIDTH, 3.3 * columns + 0.4), 0.9 + 2.1 * lines)
    if count == 1:
        size = (WIDTH, 3.4)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    axes = list(np.ravel(figure.subplots(lines, columns, squeeze=False)))
    for ax in axes[count:]:
        ax.set_axis_off()
    for ax in axes[:count]:
        ax.grid(True)
        ax.set_axisbelow(True)
    return figure, axes


def _name(
    ax: Axes,
    comparison: Comparison,
    arms: Sequence[ArmResult],
    more: Sequence[str] | None = None,
) -> None:
    """Write the arms beside the axis, without the setting that all of them share."""
    head, names = comparison.runs.short_names([arm.name for arm in arms])
    names = [_cut(name) for name in names]
    if more:
        names = [f"{name}  ({n})" for name, n in zip(names, more, strict=True)]
    ax.set_yticks(range(len(arms)), names)
    if head != "arm":
        ax.set_ylabel(_cut(head))


def _label(axes: Sequence[Axes], count: int, x: str, y: str) -> None:
    columns = min(PANELS, count)
    for index, ax in enumerate(axes[:count]):
        if index % columns == 0:
            ax.set_ylabel(y)
        if index + columns >= count:
            ax.set_xlabel(x)


def _legend(figure: Figure, ax: Axes, said: Sequence[str] = ()) -> None:
    """Put the legend below the axes, where it covers nothing, and what to say."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=max(1, min(len(labels), int(80 / max(map(len, labels), default=1)))),
        columnspacing=1.5,
        title="; ".join(said) or None,
        title_fontsize=8.5,
        alignment="left",
    )


def _told(svg: str) -> str:
    """Turn the ids of what tells its numbers into titles, which a mouse shows."""
    return re.sub(rf'<g id="{TIP}([^"]*)">', r"<g><title>\1</title>", svg)


def _tip(text: str) -> str:
    return TIP + harmless(text)


def _cut(name: str) -> str:
    """Return a name that fits beside an axis: a long one without its middle."""
    name = harmless(name.replace("\n", " "))
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST // 2]}…{name[-(LONGEST // 2 - 1) :]}"


def _sd(s: Spread, unit: Unit) -> str:
    ends = (unit.scale * v for v in (s.sd, s.sd_low, s.sd_high))
    return with_interval(*ends, unit=unit.of_spread, approximate=s.approximate)


def _bracket(unit: str) -> str:
    return f" [{unit}]" if unit else ""
