"""The figure of runs on several tasks: how many of them reach each height."""

from matplotlib.figure import Figure

from seedscope.analysis.results import Comparison
from seedscope.report.plots.frame import figure_of_rows, legend
from seedscope.report.plots.look import INK, OTHERS, WIDTH, bracket, cut, tip
from seedscope.report.rounding import percent, rounded
from seedscope.report.tables import unit_in

MOST = 2 + len(OTHERS)  # arms, a colour each


def plot_profiles(comparison: Comparison) -> Figure | None:
    """Draw the share of runs that reach each height, every task counting alike."""
    asked = comparison.asked
    if not asked.profiles:
        return None
    unit, about = unit_in(comparison, asked.score), comparison.runs.about(asked.score)
    figure, ax = figure_of_rows("Performance profiles over all tasks", 0)
    figure.set_size_inches(WIDTH, 3.6)
    ax.grid(True)
    for name, found in list(asked.profiles.items())[:MOST]:
        heights = unit.scale * found.thresholds
        (line,) = ax.plot(heights, 100 * found.share, lw=1.6, label=cut(name))
        ends, color = (100 * found.low, 100 * found.high), line.get_color()
        ax.fill_between(heights, *ends, color=color, alpha=0.15, lw=0)
        shares = zip(heights, found.share, found.low, found.high, strict=True)
        for x, *share in shares:
            told = tip(f"{name}, {rounded(x, None)}: {percent(*share)} of the runs")
            ax.plot(x, 100 * share[0], "o", ms=6, alpha=0, gid=told, color=INK)
    ax.set_ylim(0, 100)
    ax.set_xlabel(f"{asked.score}{bracket(unit.of_score)}")
    ax.set_ylabel(f"runs {'at or below' if about.falls else 'above'} it [%]")
    more = len(asked.profiles) - MOST
    legend(figure, ax, [f"{more} more arms in the table"] if more > 0 else [])
    return figure
