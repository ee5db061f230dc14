"""Claims and their verdicts as a table: for the terminal, for MLflow, for docs/."""

from collections.abc import Iterable, Sequence

import polars as pl
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from seedscope.claims.statistics import RATIOS
from seedscope.claims.verdict import OPEN, Decided, Verdict
from seedscope.report.rounding import NONE, ratio, rounded, with_interval
from seedscope.stats.verdict import NOT_WORTH

STYLES = {"confirmed": "green", "refuted": "red", "depends": "yellow", OPEN: "dim"}
HEADS = (
    "what",
    "arms",
    "estimate",
    "practically equal",
    "the claim expects",
    "verdict",
    "study",
)
WORDS = {
    "mean": "mean",
    "mean_difference": "difference of means",
    "paired_mean_difference": "difference of means, paired",
    "paired_mean_ratio": "ratio of means, taken in turn",
    "mean_ratio": "ratio of means",
    "sd": "standard deviation",
    "sd_ratio": "ratio of standard deviations",
    "distinct": "different values among repeats",
    "apart": "distance of the weights",
}


def terminal(verdicts: Sequence[Verdict], title: str = "Claims") -> Table:
    """Return the table for `rich`: one line for each case."""
    table = Table(box=SIMPLE, title=title, title_justify="left", title_style="bold")
    for head in ("claim", "what decides", "estimate", "verdict"):
        table.add_column(head)
    for verdict in verdicts:
        word = f"[{STYLES[verdict.verdict]}]{verdict.verdict}[/]"
        claim = verdict.claim
        why = claim.not_testable or claim.statement
        table.add_row(f"[bold]{claim.id}[/]", escape(why), "", word)
        for case in verdict.cases:
            of_case = "" if len(verdict.cases) == 1 else case.verdict
            table.add_row("", escape(_what(case)), escape(_estimate(case)), of_case)
    return table


def lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return what a reader of the table should know besides."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict.verdict] = counts.get(verdict.verdict, 0) + 1
    found = [", ".join(f"{count} {word}" for word, count in counts.items())]
    return [
        *found,
        *(f"{v.claim.id}: {v.condition}" for v in verdicts if v.condition),
        *(f"{v.claim.id}: {text}" for v in verdicts for text in _open(v)),
    ]


def frame(verdicts: Sequence[Verdict]) -> pl.DataFrame:
    """Return every case with unrounded numbers."""
    rows = [
        {
            "claim": v.claim.id,
            "statement": v.claim.statement,
            "verdict": v.verdict,
            "condition": c.case.condition,
            "study": c.case.study,
            "study_run": c.study_id,
            "measure": c.case.measure,
            "statistic": c.case.statistic,
            "a": c.case.a,
            "b": c.case.b,
            "expects": c.case.expects,
            "equal_from": c.case.region[0],
            "equal_to": c.case.region[1],
            "value": c.estimate.value if c.estimate else None,
            "low": c.estimate.low if c.estimate else None,
            "high": c.estimate.high if c.estimate else None,
            "runs": c.estimate.runs if c.estimate else None,
            "case_verdict": c.verdict,
            "runs_needed": c.runs_needed or None,
            "reason": c.reason,
        }
        for v in verdicts
        for c in v.cases
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def markdown(
    verdicts: Sequence[Verdict], level: float, experiment: str | None = None
) -> str:
    """Return all claims as Markdown, each with the numbers that decide it.

    Args:
        verdicts: on all claims.
        level: coverage of the intervals.
        experiment: its id in MLflow, whose pages the studies then link to.
    """
    parts = [
        "| claim | statement | verdict |\n| --- | --- | --- |\n"
        + "\n".join(
            f"| {v.claim.id} | {v.claim.statement} | **{v.verdict}** |"
            for v in verdicts
        ),
        f"Intervals at {100 * level:g} %. An effect is confirmed where the whole "
        "interval lies beyond the values that are practically equal, its absence where "
        "the whole interval lies among them. Claims are decided one by one: of "
        "many, a few intervals miss the truth.",
    ]
    parts += [_section(verdict, experiment) for verdict in verdicts]
    return "\n\n".join(parts)


def _section(verdict: Verdict, experiment: str | None) -> str:
    claim = verdict.claim
    text = [f"## {claim.id}: {verdict.verdict}", claim.statement]
    if claim.not_testable:
        text.append(f"Not testable here: {claim.not_testable}")
    if verdict.condition:
        text.append(f"{verdict.condition}.")
    if verdict.cases:
        rows = [_line(_cells(case, experiment)) for case in verdict.cases]
        text.append("\n".join([_line(HEADS), _line("---" for _ in HEADS), *rows]))
    text += [f"{line[0].upper()}{line[1:]}." for line in _open(verdict)]
    return "\n\n".join(text)


def _open(verdict: Verdict) -> list[str]:
    """Say what it would take to decide each case that is not decided."""
    found = []
    for case in verdict.cases:
        if case.verdict != OPEN:
            continue
        where = f"{case.case.condition}: " if case.case.condition else ""
        if case.reason:
            found.append(f"{where}{case.reason}")
        elif case.worth_deciding:
            found.append(f"{where}deciding takes about {case.runs_needed} runs per arm")
        elif case.runs_needed:
            found.append(
                f"{where}not worth deciding: the estimate lies so near to the edge of "
                f"what is practically equal that more than {NOT_WORTH} runs per arm "
                "would only tell on which side of it"
            )
        else:
            found.append(f"{where}the estimate lies on the edge: more runs do not help")
    return found


def _cells(case: Decided, experiment: str | None) -> tuple[str, ...]:
    return (
        _what(case),
        _arms(case),
        _estimate(case),
        _region(case),
        case.case.expects,
        case.verdict,
        _link(case, experiment),
    )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _what(case: Decided) -> str:
    where = f"{case.case.condition}: " if case.case.condition else ""
    measure = _of_runs(case.case.measure, case.case.average)
    other = case.case.measure_b or case.case.measure
    if case.case.b and (other, case.case.average_b) != (
        case.case.measure,
        case.case.average,
    ):
        measure += f" against {_of_runs(other, case.case.average_b)}"
    return f"{where}{WORDS[case.case.statistic]}, {measure}"


def _of_runs(measure: str, average: int) -> str:
    return measure if average == 1 else f"{measure} (means of {average} runs)"


def _arms(case: Decided) -> str:
    against = f" against {case.case.b}" if case.case.b else ""
    return f"{case.case.a}{against}"


def _estimate(case: Decided) -> str:
    found = case.estimate
    if found is None:
        return NONE
    shown = ratio if case.case.statistic in RATIOS else with_interval
    if found.high == float("inf"):
        return f"{rounded(found.value, None)} of {found.runs} runs"
    return f"{shown(found.value, found.low, found.high)} (n = {found.runs})"


def _region(case: Decided) -> str:
    low, high = case.case.region
    if low == high:
        return rounded(low, None)
    return f"{rounded(low, None)} to {rounded(high, None)}"


def _link(case: Decided, experiment: str | None) -> str:
    study = f"`{case.case.study}`"
    if not case.study_id:
        return study
    if experiment is None:
        return f"{study} (run {case.study_id[:8]})"
    return f"[{study}](#/experiments/{experiment}/runs/{case.study_id})"
