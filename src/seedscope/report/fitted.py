"""Lay a table out for a terminal: no word is broken and intervals stand whole.

An interval goes under its number, so that a row is one line or two. Where the table is
still too wide, columns are left out, those that say least first, and named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

TEXT = 30  # characters from which on a cell is text that may be broken at spaces
LONGEST = 34  # characters of a word in the first column; more are cut in the middle
EDGES, PADDING = 1, 3  # characters that rich puts around a table and each column


@dataclass(frozen=True)
class Fitted:
    """A table for `rich`, and the heads that did not fit."""

    table: Table
    left_out: tuple[str, ...]


def fitted(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    least: Sequence[int] = (),
) -> Fitted:
    """Return a table that fits.

    Args:
        title: above it.
        heads: of the columns; the first one holds names.
        rows: of cells, as text; ` [` begins an interval.
        width: of the terminal, in characters.
        least: columns to leave out if need be, the first one first.
    """
    columns = (
        [
            [_lines(head, 13), *map(_cell, cells)]
            for head, cells in zip(heads, zip(*rows, strict=True), strict=True)
        ]
        if rows
        else [[_lines(head, 13)] for head in heads]
    )
    columns[0] = [heads[0], *(_names(row[0]) for row in rows)]
    kept, out = list(range(len(heads))), list(least)
    while _width(columns, kept) > width and out:
        kept.remove(out.pop(0))
    table = Table(
        title=escape(title), title_justify="left", title_style="bold", box=SIMPLE
    )
    room = width - _width(columns, kept) + _narrowest(columns[0])
    for place in kept:
        if place == 0:
            table.add_column(
                escape(columns[0][0]),
                width=min(max(room, _narrowest(columns[0])), _widest(columns[0])),
                overflow="fold",
            )
        elif _is_text(columns[place]):
            table.add_column(escape(columns[place][0]), justify="left")
        else:
            table.add_column(
                escape(columns[place][0]),
                justify="right",
                no_wrap=True,
                min_width=_widest(columns[place]),
            )
    for number in range(1, len(rows) + 1):
        table.add_row(*(escape(columns[place][number]) for place in kept))
    left = [heads[place] for place in range(len(heads)) if place not in kept]
    return Fitted(table, tuple(left))


def _cell(text: str) -> str:
    return text.replace(" [", "\n[")


def _names(text: str) -> str:
    """Return a name whose words all fit: a long one loses its middle."""
    words = text.split(" ")
    half = LONGEST // 2 - 1
    return " ".join(
        word if len(word) <= LONGEST else f"{word[:half]}…{word[-half:]}"
        for word in words
    )


def _lines(text: str, most: int) -> str:
    """Return a head on two lines where it is long."""
    if len(text) <= most or " " not in text:
        return text
    gaps = [i for i, letter in enumerate(text) if letter == " "]
    middle = min(gaps, key=lambda i: abs(i - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def _width(columns: Sequence[Sequence[str]], kept: Sequence[int]) -> int:
    """Return the characters that columns take, the names broken at every space."""
    widths = [
        min(_widest(columns[place]), TEXT)
        if _is_text(columns[place])
        else _widest(columns[place])
        for place in kept
        if place
    ]
    return EDGES + sum(w + PADDING for w in (_narrowest(columns[0]), *widths))


def _is_text(column: Sequence[str]) -> bool:
    return _widest(column) > TEXT


def _widest(column: Sequence[str]) -> int:
    return max((len(line) for cell in column for line in cell.split("\n")), default=0)


def _narrowest(column: Sequence[str]) -> int:
    """Return the narrowest that names may be: two lines each, words whole."""
    return max((_two_lines(cell) for cell in column), default=0)


def _two_lines(text: str) -> int:
    words = text.split(" ")
    return min(
        max(len(" ".join(words[:cut])), len(" ".join(words[cut:])))
        for cut in range(len(words))
    )
