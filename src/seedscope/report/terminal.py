"""Print a comparison: its tables, then the answer, last, where the eye is."""

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from seedscope.analysis.results import Comparison
from seedscope.report import answer, details, levels, sheets, summary, tables
from seedscope.report.answer import Answer
from seedscope.report.fitted import Fitted
from seedscope.report.wrapping import lines


def show(comparison: Comparison, console: Console, everything: bool = False) -> None:
    """Print a comparison.

    Args:
        comparison: what was found.
        console: where to.
        everything: also what is behind the numbers: notes and the tables of the page.
    """
    show_tables(comparison, console, everything)
    show_answer(answer.of_comparison(comparison), console)


def show_tables(
    comparison: Comparison, console: Console, everything: bool = False
) -> None:
    """Print what stands above the answer."""
    console.print()
    if comparison.runs.assumed:
        console.print(escape(comparison.runs.assumed), style="dim", highlight=False)
    for sentence in answer.of_comparison(comparison).cautions:
        _paragraph(sentence, console, "yellow")
    for score in tables.shown_scores(comparison):
        _table(tables.terminal(comparison, score, console.width), console)
    if comparison.levels:
        _table(levels.terminal(comparison, console.width), console)
    _paragraph(_legend(comparison), console, "dim")
    notes = summary.notes(comparison)
    if everything:
        for sheet in details.sheets(comparison):
            sheets.show(sheet, console)
        notes = [*summary.sentences(comparison), *notes]
    for note in notes:
        _paragraph(f"- {note}", console, "dim")


def show_answer(told: Answer, console: Console) -> None:
    """Print the answer: what was asked, what came out, how sure, what next."""
    console.print()
    if told.table is not None:
        sheets.show(told.table, console)
    if told.warning:
        _paragraph(told.warning, console, "bold red")
    _paragraph(told.question, console, "dim")
    _paragraph(" ".join(told.answer), console, "bold")
    for sentence in told.sure:
        _paragraph(sentence, console, "", 2)
    if told.next.command:
        _paragraph(f"Next: {told.next.text}:", console, "")
        console.print(Text(f"  {told.next.command}", "cyan"), soft_wrap=True)
    else:
        _paragraph(f"Next: {told.next.line}", console, "")
    if told.context:
        _paragraph(told.context_line, console, "dim")


def _legend(comparison: Comparison) -> str:
    """Return what the words of the table mean, those that stand in it."""
    shown = tables.columns(tables.rows(comparison, comparison.score))
    words = {
        "share": "variance, all = 100 %: of runs where this source alone gets new "
        "seeds, over that of all together.",
        "churn": "Two runs disagree: on the label of so many test examples.",
        "test_set": "Only finite test set: what chance in the test examples would make "
        "of it.",
    }
    text = "Arm: runs with equal settings; what gives it its name varies. "
    text += "sd: standard deviation."
    return " ".join([text, *(words[name] for name in shown if name in words)])


def _table(made: Fitted, console: Console) -> None:
    console.print(made.table)
    if made.left_out:
        _paragraph(
            f"Too narrow for: {', '.join(made.left_out)}. details=true and the page "
            "show all.",
            console,
            "dim",
        )
        console.print()


def _paragraph(text: str, console: Console, style: str, indent: int = 0) -> None:
    for line in lines(text, console.width - indent):
        console.print(Text(" " * indent + line, style), soft_wrap=True)
