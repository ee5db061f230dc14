"""A comparison for a paper: one ready sentence, and a row of a LaTeX table."""

import math

from seedscope.analysis.results import TwoGroups
from seedscope.report import verdict
from seedscope.report.rounding import NONE, percent, probability, rounded
from seedscope.stats.verdict import BETTER, EQUIVALENT, HIGHER

HEADS = ("score", "A", "mean A", "n", "B", "mean B", "n", "A - B", "p", "P(A better)")
_ESCAPED = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "`": "\\textasciigrave{}",  # it could end a block of code in Markdown
    "\n": " ",
    "\r": " ",
    "≈": "$\\approx$",
    "±": "$\\pm$",
    "∞": "$\\infty$",
    "<": "$<$",
    ">": "$>$",
}


def sentence(found: TwoGroups) -> str:
    """Return what a paper says of a comparison, with means, test and single runs."""
    told, result = found.verdict, found.result
    difference, chance = told.difference, told.superiority
    (first, second), unit = _means(found), verdict.unit(found)
    level = 100 * difference.interval.level
    test = "no run differed from another within its group"
    if not math.isnan(difference.p):
        name = "paired t" if result.paired is not None else "Welch's t"
        test = (
            f"{name}({rounded(difference.dof, None)}) = "
            f"{rounded(difference.statistic, 2)}, p {_equals(difference.p)}"
        )
    ends = (chance.interval.low, chance.interval.high)
    shown = percent(chance.value, *ends, chance.interval.approximate)
    seeds = " with the same seeds" if result.paired is not None else ""
    word = {
        BETTER: "the difference is beyond chance",
        HIGHER: "the difference is beyond chance",
        EQUIVALENT: f"the two are equivalent within {_margin(found)}",
    }.get(told.word, "the difference is not shown to be more than chance")
    if told.apart:
        word = "means and single runs point apart, so neither is preferred"
    return (
        f"Over {result.replicates[0]} and {result.replicates[1]} runs{seeds}, "
        f"{found.a} reached a mean {found.score} of {first} and {found.b} of {second} "
        f"(standard deviations {_spread(found, 0, unit.of_spread)} and "
        f"{_spread(found, 1, unit.of_spread)}); {found.a} - {found.b} is "
        f"{verdict.difference(found)} ({level:g} % interval; {test}): {word}. A single "
        f"run of {found.a} {'beats' if found.direction else 'is above'} one of "
        f"{found.b} with probability {shown}."
    )


def latex(found: TwoGroups) -> str:
    """Return a row of a LaTeX table; its columns are HEADS."""
    told, runs, means = found.verdict, found.result.replicates, _means(found)
    chance = told.superiority
    ends = (chance.interval.low, chance.interval.high)
    cells = (
        found.score,
        *(found.a, means[0], str(runs[0])),
        *(found.b, means[1], str(runs[1])),
        verdict.difference(found),
        NONE if math.isnan(told.difference.p) else probability(told.difference.p),
        percent(chance.value, *ends, chance.interval.approximate),
    )
    return " & ".join(escape(cell) for cell in cells) + " \\\\"


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def _means(found: TwoGroups) -> list[str]:
    unit = verdict.unit(found)
    values = (rounded(unit.scale * mean, None) for mean in found.result.means)
    return [f"{value} {unit.of_score}".strip() for value in values]


def _spread(found: TwoGroups, place: int, unit: str) -> str:
    scale = verdict.unit(found).scale
    return f"{rounded(scale * found.result.sds[place], None)} {unit}".strip()


def _margin(found: TwoGroups) -> str:
    return f"±{verdict.margin(found)}"


def _equals(p: float) -> str:
    shown = probability(p)
    return shown if shown.startswith("<") else f"= {shown}"
