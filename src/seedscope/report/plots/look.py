"""How every figure looks: colours, type, and what the mouse is told.

Ink is an estimate, grey its interval, one colour the runs themselves. Text stays text
in an SVG.
"""

from typing import Any

from cycler import cycler

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
STRIPS = 60  # places of a curve that tell their numbers
PANELS = 3  # in a row
WIDTH = 5.2  # inches of a figure with one pair of axes: two of them fit a page
LETTERS = 15  # of a legend in an inch
LONGEST = 34  # characters of a name beside an axis
TIP = "tip:"  # begins the id of what tells its numbers


def tip(text: str) -> str:
    """Return the id of what tells a text where the mouse is over it."""
    return TIP + harmless(text)


def cut(name: str) -> str:
    """Return a name that fits beside an axis: a long one without its middle."""
    name = harmless(name.replace("\n", " "))
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST // 2]}…{name[-(LONGEST // 2 - 1) :]}"


def bracket(unit: str) -> str:
    """Return a unit as an axis names it; nothing where there is none."""
    return f" [{unit}]" if unit else ""
