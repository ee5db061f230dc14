"""Print a comparison: what it says in words, its tables, what a reader must know."""

from rich.console import Console
from rich.markup import escape

from seedscope.analysis.results import Comparison
from seedscope.report import levels, summary, tables


def show(comparison: Comparison, console: Console) -> None:
    """Print the whole comparison."""
    console.print()
    if comparison.runs.assumed:
        console.print(escape(comparison.runs.assumed), style="dim", highlight=False)
    for sentence in summary.shapes(comparison):
        console.print(escape(sentence), style="yellow", highlight=False)
    for score in tables.shown_scores(comparison):
        console.print(tables.terminal(comparison, score))
        console.print()
    if comparison.levels:
        console.print(levels.terminal(comparison))
        console.print()
    control = summary.control(comparison)
    if control:
        style = "green" if summary.control_passed(comparison) else "bold red"
        console.print(escape(control), style=style, highlight=False)
    for sentence in summary.sentences(comparison):
        console.print(escape(sentence), highlight=False)
    for note in summary.notes(comparison):
        console.print(f"- {escape(note)}", style="yellow", highlight=False)
