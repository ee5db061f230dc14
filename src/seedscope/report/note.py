"""The note of a study run: the answer in its first lines, then the tables."""

from seedscope.analysis.results import Comparison
from seedscope.report import answer, levels, sheets, summary, tables
from seedscope.report.harmless import markdown as text


def markdown(comparison: Comparison, figure: str = "") -> str:
    """Return the note that the MLflow UI shows on the page of the study run.

    Args:
        comparison: what was found.
        figure: address of the figure that shows it; empty: none.
    """
    told = answer.of_comparison(comparison)
    lead = [told.warning] if told.warning else []
    lead += [*told.cautions, *told.answer]
    parts = [f"**{text(' '.join(lead))}**"]
    parts.append(f"*{text(told.question)}* {text(' '.join(told.sure))}")
    parts.append(text(f"Next: {told.next.line}"))
    if told.context:
        parts.append(text(told.context_line))
    if comparison.runs.assumed:
        parts.append(f"Read: {text(comparison.runs.assumed)}.")
    if figure:
        parts.append(f"![{text(told.question)}]({figure})")
    if told.table is not None:
        parts += [f"## {text(told.table.title)}", sheets.markdown(told.table)]
    for score in tables.shown_scores(comparison):
        parts.append(f"## {text(score)}")
        parts.append(tables.markdown(comparison, score))
    if comparison.levels:
        parts += [f"## {levels.TITLE}", levels.markdown(comparison)]
    parts.append(f"Intervals at {100 * comparison.level:g} %. ≈: approximate.")
    also = [*summary.sentences(comparison), *summary.notes(comparison)]
    if also:
        parts.append("\n".join(f"- {text(note)}" for note in also))
    return "\n\n".join(parts)
