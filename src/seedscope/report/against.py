"""A against B: in words, as a table, as Markdown."""

import math
from collections.abc import Sequence

import polars as pl
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seedscope.analysis.results import TwoGroups
from seedscope.report.rounding import (
    NONE,
    Unit,
    percent,
    probability,
    rounded,
    unit_of,
    with_interval,
)
from seedscope.stats.compare import EffectSize, MeanDifference
from seedscope.stats.interval import Interval

VERDICTS = {
    "significant and meaningful": "{0} is better than {1}, beyond chance and by enough "
    "to matter",
    "significant, not meaningful": "{0} is better than {1} beyond chance, but hardly "
    "more often than not",
    "not significant": "chance alone may explain what is seen between {0} and {1}",
}


def sentences(found: TwoGroups) -> list[str]:
    """Return what is found about two groups in one score, in two to four sentences."""
    result, unit = found.result, _unit(found)
    best = result.paired.difference if result.paired else result.welch
    how = "of runs with the same seeds" if result.paired else "of the means"
    said = [
        f"{found.score}: {found.a} - {found.b} is {_difference(found, best)}, the "
        f"difference {how} ({result.replicates[0]} and {result.replicates[1]} runs)."
    ]
    chance = result.superiority
    ends = (chance.value, chance.interval.low, chance.interval.high)
    names = (found.b, found.a) if chance.favours == "b" else (found.a, found.b)
    verdict = VERDICTS[chance.conclusion].format(*names)
    said.append(
        f"A run of {found.a} beats one of {found.b} with probability {percent(*ends)}: "
        f"{verdict}."
    )
    few = min(result.replicates) < found.runs_needed
    if few and chance.conclusion == "not significant":
        said.append(
            f"To show a probability of {chance.gamma:.0%} takes {found.runs_needed} "
            f"runs each; with these, no permutation test can give p below "
            f"{probability(result.smallest_permutation_p).removeprefix('< ')}."
        )
    if result.equivalence is not None:
        margin = unit.scale * result.equivalence.margin
        shown = with_interval(margin, *_NO, unit.of_spread)
        are = "are" if result.equivalence.equivalent else "are not shown to be"
        said.append(
            f"The means {are} within {shown} of each other (p = "
            f"{probability(result.equivalence.p)})."
        )
    return said


def rows(found: TwoGroups) -> list[tuple[str, str]]:
    """Return (what, value) of everything that is said about two groups."""
    result, sign = found.result, -1 if found.lower_is_better else 1
    unit = _unit(found)
    means = [
        f"{rounded(sign * unit.scale * mean, None)} {unit.of_score}"
        for mean in result.means
    ]
    chance = result.superiority
    table = [
        (
            f"mean of {found.a} (n = {result.replicates[0]})",
            means[0],
        ),
        (
            f"mean of {found.b} (n = {result.replicates[1]})",
            means[1],
        ),
        ("difference, Welch", _difference(found, result.welch)),
        ("p, Welch", probability(result.welch.p)),
    ]
    if result.paired:
        paired = result.paired
        table += [
            ("difference, paired by seed", _difference(found, paired.difference)),
            ("p, paired", probability(paired.difference.p)),
            ("correlation over seeds", rounded(paired.correlation, 2)),
            ("variance saved by pairing, factor", rounded(paired.gain, 2)),
        ]
    table.append(("p, permutation", probability(result.permutation_p)))
    if result.bootstrap is not None:
        ends = _ends(found, result.bootstrap)
        shown = with_interval(sum(ends) / 2, *ends).partition(" ")[2]
        mark = "≈" if result.bootstrap.approximate else ""
        table.append(
            ("difference, bootstrap interval", f"{mark}{shown} {unit.of_spread}")
        )
    table += [
        ("P(A better than B), ties half", percent(chance.value, *_of(chance.interval))),
        ("recommendation", chance.conclusion),
        ("difference in sds (Hedges' g)", _effect(found, result.effect)),
    ]
    if result.equivalence is not None:
        table.append(("p, equivalence", probability(result.equivalence.p)))
    if any(found.diverged):
        table.append(("diverged, left out", " and ".join(map(str, found.diverged))))
    return [(what, value.strip()) for what, value in table]


def show(groups: Sequence[TwoGroups], console: Console) -> None:
    """Print what is found about two groups, a table per score."""
    for found in groups:
        table = Table(box=SIMPLE, title=found.score, title_justify="left")
        table.add_column(f"A = {escape(found.a)}, B = {escape(found.b)}")
        table.add_column("", justify="right")
        for what, value in rows(found):
            table.add_row(escape(what), escape(value))
        console.print(table)
        for sentence in sentences(found):
            console.print(escape(sentence), highlight=False)
        console.print()


def markdown(groups: Sequence[TwoGroups]) -> str:
    """Return the same as Markdown."""
    parts = [f"# {groups[0].a} against {groups[0].b}"]
    for found in groups:
        parts += [f"## {found.score}", " ".join(sentences(found))]
        lines = ["| | |", "|:---|---:|"]
        lines += [f"| {what} | {value} |" for what, value in rows(found)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def frame(groups: Sequence[TwoGroups]) -> pl.DataFrame:
    """Return every number unrounded, one row per score, A - B as logged."""
    table = []
    for found in groups:
        result, sign = found.result, -1 if found.lower_is_better else 1
        table.append(
            {
                "a": found.a,
                "b": found.b,
                "score": found.score,
                "runs_a": result.replicates[0],
                "runs_b": result.replicates[1],
                "mean_a": sign * result.means[0],
                "mean_b": sign * result.means[1],
                "difference": sign * result.welch.value,
                "difference_low": min(sign * v for v in _of(result.welch.interval)),
                "difference_high": max(sign * v for v in _of(result.welch.interval)),
                "welch_p": result.welch.p,
                "paired_p": result.paired.difference.p if result.paired else None,
                "permutation_p": result.permutation_p,
                "a_beats_b": result.superiority.value,
                "a_beats_b_low": result.superiority.interval.low,
                "a_beats_b_high": result.superiority.interval.high,
                "recommendation": result.superiority.conclusion,
            }
        )
    return pl.DataFrame(table)


_NO = (math.nan, math.nan)


def _unit(found: TwoGroups) -> Unit:
    return unit_of(found.score, max(abs(mean) for mean in found.result.means))


def _of(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def _ends(found: TwoGroups, interval: Interval) -> tuple[float, float]:
    """Return the ends as logged, scaled: where lower is better they were negated."""
    scale = _unit(found).scale
    if found.lower_is_better:
        return -scale * interval.high, -scale * interval.low
    return scale * interval.low, scale * interval.high


def _difference(found: TwoGroups, difference: MeanDifference) -> str:
    unit, sign = _unit(found), -1 if found.lower_is_better else 1
    mark = "≈" if difference.interval.approximate else ""
    ends = _ends(found, difference.interval)
    value = sign * unit.scale * difference.value
    return mark + with_interval(value, *ends, unit.of_spread)


def _effect(found: TwoGroups, effect: EffectSize) -> str:
    if math.isnan(effect.value):
        return NONE
    sign = -1 if found.lower_is_better else 1
    ends = sorted(sign * v for v in _of(effect.interval))
    return with_interval(sign * effect.value, *ends)
