"""One self-contained HTML page of a comparison: no script, no network, no files."""

from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from seedscope.analysis.results import Comparison
from seedscope.report import answer, details, summary, tables
from seedscope.report.svg import element

TEMPLATE = Path(__file__).with_name("page.html.j2")
CAPTIONS = {
    "spreads": "Spread of each arm: dot, standard deviation; bar, its interval; tick, "
    "the part that independent errors on the test examples alone would make.",
    "shares": "Variance that each source makes alone, over that of all together. These "
    "are not parts of a whole: each alone may bring back nearly all of it.",
    "scores": "Every run: one dot each.",
    "curves": "Every run, with the mean (black) and its band (grey), which holds at "
    "all epochs at once.",
    "levels": "How far the weights of each level lie from those of the first, over the "
    "epochs; dashed where repeats of the level end in different bits.",
    "noise": "How much the loss jumps from batch to batch within one run, and how far "
    "runs lie apart. A run that jumps a lot need not end far from the others.",
}


def html(comparison: Comparison, figures: Mapping[str, str]) -> str:
    """Return the whole page; `figures` are SVG files by name."""
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["stacked"] = _stacked
    scores = [(s, tables.rows(comparison, s)) for s in tables.shown_scores(comparison)]
    return environment.from_string(TEMPLATE.read_text()).render(
        comparison=comparison,
        runs=sum(arm.runs for arm in comparison.arms),
        answer=answer.of_comparison(comparison),
        sentences=summary.sentences(comparison),
        scores=[(s, tables.columns(rows), rows) for s, rows in scores],
        heads=tables.HEADS,
        figures=[
            (
                name,
                CAPTIONS.get(name, "Shares of the variance by source."),
                Markup(element(svg, name, name)),
            )
            for name, svg in figures.items()
        ],
        sheets=details.sheets(comparison),
        notes=summary.notes(comparison),
        level=f"{100 * comparison.level:g}",
    )


def _stacked(cell: str) -> Markup:
    """Put the interval of a number on a line of its own, smaller."""
    value, bracket, rest = cell.partition(" [")
    if not bracket:
        return escape(cell)
    return (
        escape(value) + Markup('<span class="ci">[') + escape(rest) + Markup("</span>")
    )
