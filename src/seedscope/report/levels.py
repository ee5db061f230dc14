"""The table of levels at which nothing varies: repeats, and distance from the first."""

from collections.abc import Iterator

import numpy as np

from seedscope.analysis.results import Comparison, Level
from seedscope.report.fitted import Fitted, fitted
from seedscope.report.harmless import markdown as text
from seedscope.report.rounding import NONE, rounded
from seedscope.report.tables import unit_in

TITLE = "Levels at which nothing varies"
CAPTION = (
    "Each level was repeated with equal seeds. Ends: whether the repeats end in the "
    "same weights. Apart: the largest distance between repeats. The rest is against "
    "the first level, the baseline. Off at: the first batch whose loss differs. "
    "Distance: of the final weights; 1 is as far as the baseline's went. Labels: "
    "test examples with another label. Score, time: difference and ratio. Other draws: "
    "those that were not equal in all repeats."
)
HEADS = (
    "level",
    "runs",
    "ends",
    "apart",
    "off at",
    "distance",
    "labels",
    "score",
    "time",
    "other draws",
)

LEAST = ("labels", "apart", "off at")  # columns that a terminal lacks first


def sentences(comparison: Comparison) -> Iterator[str]:
    """Say which levels repeat, and which are not where the first one is."""
    found = [level for level in comparison.levels if level.repeats]
    if not found:
        return
    repeats = [(v.arm, v.repeats) for v in found if v.repeats]
    differ = [(arm, of) for arm, of in repeats if not of.identical]
    text = f"{len(found) - len(differ)} of {len(found)} levels repeat bit for bit"
    if differ:
        ways = [f"{arm} ({of.distinct} of {of.runs})" for arm, of in differ]
        text += f"; with equal seeds different weights come from {', '.join(ways)}"
    same = [level.arm for level in found[1:] if _at_baseline(level)]
    if same:
        text += f"; the same bits as {found[0].arm}: {', '.join(same)}"
    yield f"{text}."
    anew = {v.arm: [name for name, same in v.draws.items() if not same] for v in found}
    others = [f"{arm} ({', '.join(names)})" for arm, names in anew.items() if names]
    if others:
        yield f"Drawn anew in each repeat: {'; '.join(others)}."


def _at_baseline(level: Level) -> bool:
    apart = level.distance is not None and level.distance[-1] == 0
    return apart and level.first_step == -1


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the text of each level's cells."""
    _, names = comparison.runs.short_names([v.arm for v in comparison.levels])
    return [
        _row(comparison, level, name)
        for level, name in zip(comparison.levels, names, strict=True)
    ]


def columns(table: list[tuple[str, ...]]) -> list[int]:
    """Return which columns say something."""
    return [i for i in range(len(HEADS)) if any(row[i] != NONE for row in table)]


def terminal(comparison: Comparison, width: int) -> Fitted:
    """Return the table for a terminal; a sentence below says which draws differ."""
    body = rows(comparison)
    shown = [i for i in columns(body) if HEADS[i] != "other draws"]
    heads = [HEADS[i] for i in shown]
    cells = [[row[i] for i in shown] for row in body]
    least = [heads.index(name) for name in LEAST if name in heads]
    return fitted(TITLE, heads, cells, width, least)


def markdown(comparison: Comparison) -> str:
    """Return the table as Markdown."""
    body = rows(comparison)
    shown = columns(body)
    lines = [_line(HEADS[i] for i in shown), f"|{' --- |' * len(shown)}"]
    lines += [_line(row[i] for i in shown) for row in body]
    return "\n".join([*lines, "", CAPTION])


def _row(comparison: Comparison, level: Level, name: str) -> tuple[str, ...]:
    unit = unit_in(comparison, comparison.score)
    found = level.repeats
    ends = NONE
    if found is not None:
        ends = "equal" if found.identical else f"{found.distinct} ways"
    distance = None if level.distance is None else level.distance[-1]
    draws = [name for name, same in level.draws.items() if not same]
    difference = unit.scale * level.score_difference
    return (
        name,
        "1" if found is None else str(found.runs),
        ends,
        _number(level.own_distance),
        {None: NONE, -1: "none"}.get(level.first_step, str(level.first_step)),
        _number(distance),
        NONE if level.churn is None else f"{rounded(100 * level.churn, None)} %",
        f"{rounded(difference, None)} {unit.of_spread}".strip(),
        NONE if np.isnan(level.seconds_ratio) else f"{level.seconds_ratio:.2g}x",
        ", ".join(draws) or NONE,
    )


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.2g}"


def _line(cells) -> str:
    return "| " + " | ".join(text(cell) for cell in cells) + " |"
