"""A against B: the verdict and its numbers, for the terminal, as Markdown, as data."""

import math
from collections.abc import Sequence

import polars as pl
from rich.console import Console
from rich.markup import escape

from seedscope.analysis.results import TwoGroups
from seedscope.report import answer, paper, verdict
from seedscope.report.fitted import fitted
from seedscope.report.harmless import markdown as text
from seedscope.report.rounding import (
    NONE,
    percent,
    probability,
    rounded,
    with_interval,
)
from seedscope.report.terminal import show_answer
from seedscope.stats.compare import EffectSize, MeanDifference
from seedscope.stats.interval import Interval


def rows(found: TwoGroups) -> list[tuple[str, str]]:
    """Return (what, value) of the numbers behind the verdict, of one comparison."""
    result, unit = found.result, verdict.unit(found)
    means = [
        f"{rounded(unit.scale * mean, None)} {unit.of_score}" for mean in result.means
    ]
    chance, difference = found.verdict.superiority, found.verdict.difference
    favours = {"a": found.a, "b": found.b, None: NONE}[found.verdict.favours]
    table = [
        ("verdict", found.verdict.word),
        ("favours", favours),
        (f"mean of {found.a} (n = {result.replicates[0]})", means[0]),
        (f"mean of {found.b} (n = {result.replicates[1]})", means[1]),
        ("A - B", verdict.difference(found)),
        ("p of no difference", probability(difference.p)),
        ("by", verdict.HOW.get(difference.interval.method, difference.interval.method)),
    ]
    if result.paired:
        paired = result.paired
        table += [
            ("correlation over seeds", rounded(paired.correlation, 2)),
            ("variance saved by pairing, factor", rounded(paired.gain, 2)),
        ]
    better = "better" if found.direction else "higher"
    ends = chance.interval
    table += [
        (
            f"P(A {better} than B), ties half",
            percent(chance.value, ends.low, ends.high, ends.approximate),
        ),
        ("difference, in standard deviations of a run", _effect(result.effect)),
    ]
    if result.equivalence is not None:
        table.append(
            (f"p, equivalent within {verdict.margin(found)}", _equivalence(found))
        )
    if any(found.diverged):
        table.append(("diverged, left out", " and ".join(map(str, found.diverged))))
    return [(what, value.strip()) for what, value in table]


def show(groups: Sequence[TwoGroups], console: Console) -> None:
    """Print what is found about two groups, a table per score."""
    for found in groups:
        for sentence in answer.of_groups(found).cautions:
            console.print(escape(sentence), style="yellow", highlight=False)
        heads = (f"A = {found.a}, B = {found.b}", "")
        console.print(fitted(found.score, heads, rows(found), console.width).table)
        ready = f"For a paper: {paper.sentence(found)}"
        console.print(escape(ready), style="dim", highlight=False)
        show_answer(answer.of_groups(found), console)
        console.print()


def markdown(groups: Sequence[TwoGroups]) -> str:
    """Return the same as Markdown."""
    parts = [f"# {text(groups[0].a)} against {text(groups[0].b)}"]
    for found in groups:
        told = answer.of_groups(found)
        said = [*told.cautions, *told.answer, *told.sure, f"Next: {told.next.line}"]
        parts += [f"## {text(found.score)}", text(" ".join(said))]
        parts.append(text(told.context_line))
        lines = ["| | |", "|:---|---:|"]
        lines += [f"| {text(what)} | {text(value)} |" for what, value in rows(found)]
        parts += ["\n".join(lines), f"For a paper: {text(paper.sentence(found))}"]
        row = f"% {' & '.join(paper.HEADS)}\n{paper.latex(found)}"
        parts.append(f"```latex\n{row}\n```")
    return "\n\n".join(parts) + "\n"


def frame(groups: Sequence[TwoGroups]) -> pl.DataFrame:
    """Return every number unrounded, one row per score, A - B as logged."""
    return pl.DataFrame([_numbers(found) for found in groups])


def _numbers(found: TwoGroups) -> dict[str, object]:
    result, told = found.result, found.verdict
    favours = {"a": found.a, "b": found.b, None: None}[told.favours]
    equivalence, paired = result.equivalence, result.paired
    return {
        "a": found.a,
        "b": found.b,
        "score": found.score,
        "verdict": told.word,
        "favours": favours,
        "better_is": found.direction,
        "mean_and_single_runs_apart": told.apart,
        "runs_a": result.replicates[0],
        "runs_b": result.replicates[1],
        "diverged_a": found.diverged[0],
        "diverged_b": found.diverged[1],
        "without_partner_a": found.without_partner[0],
        "without_partner_b": found.without_partner[1],
        "mean_a": result.means[0],
        "mean_b": result.means[1],
        **_of_difference(told.difference, ""),
        **_of_difference(result.welch, "welch_"),
        "paired_correlation": paired.correlation if paired else None,
        "permutation_p": result.permutation_p,
        "margin": equivalence.margin if equivalence else None,
        "equivalence_p": equivalence.p if equivalence else None,
        "a_beats_b": told.superiority.value,
        "a_beats_b_low": told.superiority.interval.low,
        "a_beats_b_high": told.superiority.interval.high,
        "a_beats_b_approximate": told.superiority.interval.approximate,
        "hedges_g": result.effect.value,
        "hedges_g_low": result.effect.interval.low,
        "hedges_g_high": result.effect.interval.high,
        "runs_needed": told.plan.runs if told.plan else None,
    }


def _of_difference(of: MeanDifference, prefix: str) -> dict[str, object]:
    return {
        f"{prefix}difference": of.value,
        f"{prefix}difference_low": of.interval.low,
        f"{prefix}difference_high": of.interval.high,
        f"{prefix}method": of.interval.method,
        f"{prefix}approximate": of.interval.approximate,
        f"{prefix}standard_error": of.error,
        f"{prefix}t": of.statistic,
        f"{prefix}degrees_of_freedom": of.dof,
        f"{prefix}p": of.p,
    }


def _effect(effect: EffectSize) -> str:
    if math.isnan(effect.value):
        return NONE
    ends: Interval = effect.interval
    return with_interval(effect.value, ends.low, ends.high, "", ends.approximate)


def _equivalence(found: TwoGroups) -> str:
    equivalence = found.verdict.equivalence
    return NONE if equivalence is None else probability(equivalence.p)
