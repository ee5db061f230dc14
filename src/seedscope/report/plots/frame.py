"""The frame of a figure: axes, names beside them, legends, places that tell numbers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seedscope.analysis.results import ArmResult, Comparison
from seedscope.report.plots.look import (
    BAR,
    INK,
    LETTERS,
    PANELS,
    STRIPS,
    WIDTH,
    cut,
    tip,
)


def figure_of_rows(title: str, rows: int, height: float = 0.36) -> tuple[Figure, Axes]:
    """Return a figure whose axes have so many rows, `height` inches each."""
    size = (WIDTH, 1.45 + height * rows)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    ax = figure.add_subplot()
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.set_ylim(-0.6, max(rows, 1) - 0.4)
    return figure, ax


def panels(count: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many axes, and these, a row after the other."""
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


def name_arms(
    ax: Axes,
    comparison: Comparison,
    arms: Sequence[ArmResult],
    more: Sequence[str] | None = None,
) -> None:
    """Write the arms beside the axis, without the setting that all of them share."""
    head, names = comparison.runs.short_names([arm.name for arm in arms])
    names = [cut(name) for name in names]
    if more:
        names = [f"{name}  ({n})" for name, n in zip(names, more, strict=True)]
    ax.set_yticks(range(len(arms)), names)
    if head != "arm":
        ax.set_ylabel(cut(head))


def label_panels(axes: Sequence[Axes], count: int, x: str, y: str) -> None:
    """Name the axes of panels at their outer edges alone."""
    columns = min(PANELS, count)
    for index, ax in enumerate(axes[:count]):
        if index % columns == 0:
            ax.set_ylabel(y)
        if index + columns >= count:
            ax.set_xlabel(x)


def legend(figure: Figure, ax: Axes, said: Sequence[str] = ()) -> None:
    """Put the legend below the axes, where it covers nothing, and what to say."""
    handles, labels = ax.get_legend_handles_labels()
    columns = LETTERS * figure.get_figwidth() / (6 + max(map(len, labels), default=1))
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=max(1, min(len(labels), int(columns))),
        columnspacing=1.5,
        title="; ".join(said) or None,
        title_fontsize=8.5,
        alignment="left",
    )


def dot(
    ax: Axes, y: float, estimate: Sequence[float], tip: str, color: str = INK
) -> None:
    """Draw an estimate and its interval in row `y`; `tip` is what it tells."""
    value, low, high = estimate
    ends = {"linewidth": 5, "solid_capstyle": "butt", "gid": tip}
    ax.plot([low, high], [y, y], color=BAR, **ends)
    ax.plot(value, y, "o", color=color, ms=6, gid=tip, clip_on=False)


def strips(ax: Axes, steps: np.ndarray, told: Sequence[str]) -> None:
    """Let the panel tell its numbers at the step that the mouse is over."""
    middle = (steps[1:] + steps[:-1]) / 2
    edges = [steps[0] - 0.5, *middle, steps[-1] + 0.5]
    every = -(-len(steps) // STRIPS)
    for i in range(0, len(steps), every):
        left, right = edges[i], edges[min(i + every, len(steps))]
        ax.axvspan(left, right, alpha=0, lw=0, zorder=9, gid=tip(told[i]))
