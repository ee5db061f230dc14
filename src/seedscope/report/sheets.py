"""Show a table of text in the terminal and as Markdown."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from seedscope.report.fitted import fitted
from seedscope.report.harmless import markdown as text
from seedscope.report.sheet import Sheet
from seedscope.report.wrapping import lines


def show(sheet: Sheet, console: Console) -> None:
    """Print a table, its title above and its caption below."""
    least = range(len(sheet.heads) - 1, 1, -1)
    made = fitted(sheet.title, sheet.heads, sheet.rows, console.width, least)
    console.print(made.table)
    if made.left_out:
        left = f"Too narrow for: {', '.join(reversed(made.left_out))}."
        console.print(Text(left, "dim"), soft_wrap=True)
    for line in lines(sheet.caption, console.width):
        console.print(Text(line, "dim"), soft_wrap=True)
    console.print()


def markdown(sheet: Sheet) -> str:
    """Return a table as Markdown, its caption below."""
    table = [_line(sheet.heads), "| :--- |" + " ---: |" * (len(sheet.heads) - 1)]
    table += [_line(row) for row in sheet.rows]
    return "\n".join([*table, "", text(sheet.caption)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(text, cells))} |"
