"""Show a table of text in the terminal and as Markdown."""

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from seedscope.report.harmless import markdown as text
from seedscope.report.sheet import Sheet


def show(sheet: Sheet, console: Console) -> None:
    """Print a table, its title above and its caption below."""
    table = Table(
        title=escape(sheet.title), title_justify="left", title_style="bold", box=SIMPLE
    )
    for place, head in enumerate(sheet.heads):
        table.add_column(escape(head), justify="right" if place else "left")
    for row in sheet.rows:
        table.add_row(*(escape(cell.replace(" [", "\n[")) for cell in row))
    console.print(table)
    console.print(Text(sheet.caption, "dim"))
    console.print()


def markdown(sheet: Sheet) -> str:
    """Return a table as Markdown, its caption below."""
    lines = [_line(sheet.heads)]
    lines.append(
        _line("---:" if place else ":---" for place in range(len(sheet.heads)))
    )
    lines += [_line(row) for row in sheet.rows]
    return "\n".join([*lines, "", text(sheet.caption)])


def _line(cells) -> str:
    return (
        "| "
        + " | ".join(cell if cell in (":---", "---:") else text(cell) for cell in cells)
        + " |"
    )
