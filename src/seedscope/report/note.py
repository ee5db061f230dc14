"""The note of a study run: the answer in its first lines, then the tables."""

from seedscope.analysis.results import Comparison
from seedscope.report import answer, levels, sheets, summary, tables
from seedscope.report.harmless import markdown as text

LEAD = 200  # characters of the answer that stand out: about two lines of the UI


def markdown(comparison: Comparison, figure: str = "") -> str:
    """Return the note that the MLflow UI shows on the page of the study run.

    Args:
        comparison: what was found.
        figure: address of the figure that shows it; empty: none.
    """
    told = answer.of_comparison(comparison)
    parts = [f"**{text(told.warning)}**"] if told.warning else []
    first, *rest = told.answer
    if rest and len(f"{first} {rest[0]}") <= LEAD:
        first = f"{first} {rest.pop(0)}"
    parts.append(f"**{text(first)}**")
    if further := [*rest, *told.cautions]:
        parts.append(text(" ".join(further)))
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
