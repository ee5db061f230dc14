"""The note of a study run: the summary and the tables as Markdown."""

from seedscope.analysis.results import Comparison
from seedscope.report import levels, summary, tables
from seedscope.report.harmless import markdown as text


def markdown(comparison: Comparison) -> str:
    """Return the note that the MLflow UI shows on the page of the study run."""
    parts = []
    verdict = summary.control(comparison)
    if verdict:
        parts.append(f"**{text(verdict)}**")
    said = [*summary.shapes(comparison), *summary.sentences(comparison)]
    parts.append("\n".join(f"- {text(s)}" for s in said))
    if comparison.runs.assumed:
        parts.append(f"Read: {text(comparison.runs.assumed)}.")
    for score in tables.shown_scores(comparison):
        parts.append(f"## {text(score)}")
        parts.append(tables.markdown(comparison, score))
    if comparison.levels:
        parts += [f"## {levels.TITLE}", levels.markdown(comparison)]
    parts.append(f"Intervals at {100 * comparison.level:g} %. ≈: approximate.")
    if notes := summary.notes(comparison):
        parts.append("\n".join(f"- {text(note)}" for note in notes))
    return "\n\n".join(parts)
