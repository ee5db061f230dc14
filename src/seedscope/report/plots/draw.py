"""Draw every figure that a comparison has data for, and make files of them."""

import io
import re
import warnings

import matplotlib
from matplotlib.figure import Figure

from seedscope.analysis.results import Comparison
from seedscope.report.plots.curves import plot_curves, plot_noise
from seedscope.report.plots.look import STYLE, TIP
from seedscope.report.plots.profiles import plot_profiles
from seedscope.report.plots.sources import plot_attribution, plot_levels
from seedscope.report.plots.spreads import plot_scores, plot_shares, plot_spreads


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
            "profiles": plot_profiles(comparison),
        }
    first = comparison.runs.figure
    names = sorted(found, key=lambda name: name != first)
    return {name: figure for name in names if (figure := found[name]) is not None}


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


def _told(svg: str) -> str:
    """Turn the ids of what tells its numbers into titles, which a mouse shows."""
    return re.sub(
        rf'<g id="{TIP}([^"]*)">', r'<g pointer-events="all"><title>\1</title>', svg
    )
