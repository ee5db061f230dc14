"""Figures over the training: curves of every run, and how noisy the loss is."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedscope.analysis.results import ArmCurves, Comparison, Curve, Noise
from seedscope.report.plots.frame import label_panels, legend, panels, strips
from seedscope.report.plots.look import BETWEEN, INK, RUNS, SOFT, bracket, cut
from seedscope.report.rounding import Unit, rounded, with_interval
from seedscope.report.tables import unit_in

VECTORS = 20_000  # points of lines in a figure; more are drawn as an image
SHOWN = 200  # runs whose curves are drawn; the mean and the band use all


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
    figure, axes = panels(len(curves), f"{metric} over the epochs, every run")
    budget = VECTORS // max(1, len(curves))
    for ax, (name, curve) in zip(axes, curves.items(), strict=False):
        _curve(ax, name, curve, unit, curve.values[:SHOWN].size > budget)
        n = f"n = {len(curve.values)}"
        if len(curve.values) > SHOWN:
            n += f", {SHOWN} drawn"
        ax.set_title(f"{cut(name)}  ({n})")
    label_panels(axes, len(curves), "epoch", f"{metric}{bracket(unit.of_score)}")
    low, high, outside = where_runs_differ(list(curves.values()), unit)
    for ax in axes[: len(curves)]:
        ax.set_ylim(low, high)
    said = []
    if any(curve.shortest < len(curve.steps) for curve in curves.values()):
        said.append("dotted: the first run ends, and with it mean and band")
    if outside:
        said.append(outside)
    most = max(range(len(curves)), key=lambda i: len(axes[i].lines))
    legend(figure, axes[most], said)
    return figure


def plot_noise(curves: Mapping[str, ArmCurves]) -> Figure | None:
    """Draw noise from batch to batch and spread between runs, a panel per arm."""
    found = {name: c.noise for name, c in curves.items() if c.noise}
    if not found:
        return None
    title = "Noise of the loss: from batch to batch, and between runs"
    figure, axes = panels(len(found), title)
    for ax, (name, noise) in zip(axes, found.items(), strict=False):
        ax.plot(noise.steps, noise.within, color=RUNS, label="batch to batch, one run")
        between = noise.between
        ends, look = (between.sd_low, between.sd_high), {"alpha": 0.2, "lw": 0}
        ax.fill_between(noise.steps, *ends, color=BETWEEN, label="its band", **look)
        label = f"between runs (means of {noise.batches} batches)"
        ax.plot(noise.steps, between.sd, color=BETWEEN, label=label)
        strips(ax, noise.steps, _noise_told(name, noise))
        ax.set_title(cut(name))
    label_panels(axes, len(found), "batch", "sd of batch/loss")
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
    legend(figure, axes[0], said)
    return figure


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
    strips(ax, curve.steps, _curve_told(name, curve, unit))


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


def where_runs_differ(
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
