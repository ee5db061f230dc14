"""One self-contained HTML page of a comparison: it asks no network and no other file.

The first screen holds the question, the answer, the one figure that shows it and the
table. A policy in the page allows its own script by digest and nothing else, so that
nothing that came from data can act, even if it were taken for markup.
"""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from seedscope.analysis.results import Comparison
from seedscope.report import answer, details, summary, svg, tables
from seedscope.report.plots.spreads import ALONE
from seedscope.report.rounding import NONE, rounded
from seedscope.study.characters import harmless

TEMPLATE = Path(__file__).with_name("page.html.j2")
SCRIPT = Path(__file__).with_name("page.js")
STORED = "comparison"  # where MLflow keeps the page and what it links to
MOST = 300  # runs that are listed one by one
SCORES = 3  # of each of them
LONGEST = 34  # characters of a cell that stands on one line
FIGURES = {  # what shows the answer of each kind, by how its name begins
    answer.SOURCES: "spreads",
    answer.LEVELS: "spreads",
    answer.ATTRIBUTION: "attribution",
    answer.REPEATS: "levels",
    answer.ASKED: "scores",
    answer.ONE: "scores",
}
CAPTIONS = {
    "spreads": "Dot: standard deviation of the runs. Bar: its interval.",
    "shares": "Variance that each makes alone, over that of all together. These are no "
    "parts of a whole: each alone may bring back nearly all of it.",
    "scores": "Dot: a run. Diamond: the mean, with its interval.",
    "curves": "The band of the mean holds at all epochs at once.",
    "profiles": "Share of runs that reach each height, every task counting alike, with "
    "a pointwise band.",
    "levels": "How far the weights of each level lie from those of the first, over the "
    "epochs; dashed where repeats of the level end in different bits.",
    "noise": "How much the loss jumps from batch to batch within one run, and how far "
    "runs lie apart. A run that jumps a lot need not end far from the others.",
    "attribution": "Shares of the variance by source, with their intervals. They "
    "overlap and need not add up to 100 %.",
}
TICK = " Tick: what independent errors on the test examples alone would make."
HINTS = {
    "runs": "finished runs; those that diverged or are missing are counted beside",
    "mean": "the mean of the score over the runs, and its interval below",
    "sd": "standard deviation of the score over the runs of an arm (divisor n - 1); "
    "its interval is wide with few runs, and that width is the result",
    "share": "the variance that a source makes when it varies alone, over the variance "
    "when all vary. Training is chaotic: a single source often brings back nearly the "
    "whole variance, so these do not add up to 100 %, and fixing one source need not "
    "reduce anything",
    "churn": "the part of the test examples to which two runs of the arm give "
    "different labels",
    "test_set": "the part of the variance that the same models would show if their "
    "errors on different test examples were independent. Above 100 % there is no sign "
    "that the runs differ in quality at all",
}
ROW = (
    "A row: all runs in which only the named source of randomness gets new seeds; in "
    "none nothing does, in all every one. In brackets: the interval."
)


def html(
    comparison: Comparison, figures: Mapping[str, str], server: str | None = None
) -> str:
    """Return the whole page.

    Args:
        comparison: what it tells.
        figures: SVG files by name.
        server: address of the MLflow that shows the runs; None: not known.
    """
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"stacked": _stacked, "short": _short}
    told, script = answer.of_comparison(comparison), SCRIPT.read_text()
    drawn = [_figure(comparison, name, text) for name, text in figures.items()]
    lead = _lead(told.kind, comparison.runs.figure, [*figures])
    study = comparison.runs.study_id
    return environment.from_string(TEMPLATE.read_text()).render(
        title=comparison.title,
        answer=told,
        assumed=comparison.runs.assumed,
        lead=None if lead is None else drawn.pop(lead),
        figures=drawn,
        row_is=ROW if told.kind == answer.SOURCES else "",
        scores=[_table(comparison, s) for s in tables.shown_scores(comparison)],
        hints={tables.HEADS[name]: hint for name, hint in HINTS.items()},
        sentences=summary.sentences(comparison),
        sheets=details.sheets(comparison),
        runs=_runs(comparison),
        notes=summary.notes(comparison),
        files=[
            _file("tables/statistics.csv", "numbers as CSV"),
            _file("tables/runs.csv", "runs as CSV"),
        ],
        study=study,
        server=server if study else None,
        script=Markup(script),
        digest=_digest(script),
    )


def _lead(kind: str, asked: str | None, names: list[str]) -> int | None:
    """Return the place of the figure that shows the answer."""
    begins = asked or FIGURES.get(kind)
    if begins is None:
        return None
    found = (i for i, name in enumerate(names) if name.startswith(begins))
    return next(found, 0 if names else None)


def _figure(comparison: Comparison, name: str, text: str) -> dict[str, Any]:
    kind = name.partition("_")[0]
    caption = CAPTIONS.get(kind, "")
    if kind == "spreads" and ALONE in text:
        caption += TICK
    alt = f"{kind} of {comparison.score}. {caption} The tables hold the numbers."
    return {
        "svg": Markup(svg.element(text, name, harmless(alt))),
        "caption": caption,
        "alt": name,
        "wide": svg.width(text) > svg.WIDE,
    }


def _table(comparison: Comparison, score: str) -> dict[str, Any]:
    rows = tables.rows(comparison, score)
    shown = tables.columns(rows)
    return {
        "title": score,
        "heads": [tables.HEADS[name] for name in shown],
        "rows": [row.cells(shown) for row in rows],
    }


def _runs(comparison: Comparison) -> dict[str, Any] | None:
    """Return a row for every run with its scores; of very many, the first ones."""
    table = comparison.runs.table
    if "run_id" not in table.columns:
        return None
    scores = comparison.scores[:SCORES]
    units = [tables.unit_in(comparison, score) for score in scores]
    rows = []
    for number, run in enumerate(table.head(MOST).iter_rows(named=True)):
        name = f"{run['arm']} #{run.get('replicate', number)}"
        cells = [
            _value(run[score], unit) for score, unit in zip(scores, units, strict=True)
        ]
        rows.append((run["run_id"], [name, *cells, "yes" if run["diverged"] else "no"]))
    caption = "The name leads to the run, its curves, seeds and hardware."
    if comparison.runs.study_id is None:
        caption = "In the order in which they were read."
    if len(table) > MOST:
        caption += f" The first {MOST} of {len(table)}; the CSV holds all."
    heads = ["run", *scores, "diverged"]
    return {"caption": caption, "heads": heads, "rows": rows}


def _value(value: float | None, unit: tables.Unit) -> str:
    if value is None or not math.isfinite(value):
        return NONE if value is None else str(value)
    return f"{rounded(unit.scale * value, None)} {unit.of_score}".rstrip()


def _file(path: str, text: str) -> dict[str, str]:
    return {"path": path, "stored": f"{STORED}/{path}", "text": text}


def _digest(script: str) -> str:
    """Return how a policy names a script that it allows."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _short(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether no cell of a table is so long that it needs several lines."""
    return all(len(cell) <= LONGEST for row in rows for cell in row)


def _stacked(cell: str) -> Markup:
    """Put the interval of a number on a line of its own, smaller."""
    value, bracket, rest = cell.partition(" [")
    if not bracket:
        return escape(cell)
    return (
        escape(value) + Markup('<span class="ci">[') + escape(rest) + Markup("</span>")
    )
