"""What the text in a table's cells stands for: numbers, percents, nothing.

A column is taken as numbers only if all of its cells are. What is not certain (is
1,234 about one or about a thousand?) is asked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

EMPTY = ("", "NA", "N/A", "n/a", "null", "NULL", "None", "-", "--")
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
NO_NUMBER = r"(?i)^[+-]?(nan|inf|infinity)$"  # what a diverged run leaves
WHOLE = r"^[+-]?\d{1,18}$"
COMMA = r"^[+-]?\d+,\d+([eE][+-]?\d+)?$"
THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+$"
ESTIMATE = re.compile(r"±|\+/-|\+-|\\pm")


@dataclass(frozen=True)
class Cells:
    """A table whose columns are numbers where all of their cells are."""

    frame: pl.DataFrame
    said: tuple[str, ...]  # how cells were read that could be read otherwise


def typed(frame: pl.DataFrame, decimal: str | None, place: str) -> Cells:
    """Turn columns of text into numbers where they are numbers.

    Args:
        frame: columns of any type; only text is looked at.
        decimal: the decimal mark, "." or ","; None: found out.
        place: what to call the table in a message.

    Raises:
        ValueError: a column can be read in two ways, or mixes two notations.
    """
    columns, commas, percents, padded = [], [], [], []
    for column in frame.iter_columns():
        if column.dtype != pl.String:
            columns.append(_plain(column))
            continue
        bare = column.str.strip_chars()
        text = bare.set(bare.is_in(EMPTY), None)
        text, percent = _without_percent(text, place)
        numbers, comma = _numbers(text, decimal, place)
        if numbers is None:  # text: only an empty cell is missing, "None" is a name
            columns.append(bare.set(bare == "", None))
            if bare.len() and (bare != column).any():
                padded.append(column.name)
            continue
        columns.append(numbers / 100 if percent else numbers)
        if percent:
            percents.append(column.name)
        if comma:
            commas.append(column.name)
    said = []
    if percents:
        said.append(f"percent signs in {_list(percents)} read as fractions (80% = 0.8)")
    if commas and decimal is None:
        said.append(f"the comma in {_list(commas)} read as the decimal mark")
    if padded:
        said.append(f"blanks around the cells of {_list(padded)} left out")
    return Cells(pl.DataFrame(columns), tuple(said))


def wrong_cell(column: pl.Series) -> str:
    """Say what in a column of text is no number, and what to do about it."""
    text = column.cast(pl.String).str.strip_chars()
    held = text.filter(~text.is_in(EMPTY) & text.is_not_null())
    good = held.str.contains(NUMBER) | held.str.contains(NO_NUMBER)
    wrong = held.filter(~good)
    first = (wrong if len(wrong) else held)[0] if len(held) else ""
    said = f"column {column.name} holds {first[:60]!r}, which is no number"
    if ESTIMATE.search(first):
        return f"{said} of a run: give one row a run, not means with their spread"
    if re.fullmatch(r"[+-]?[\d.,]+", first):
        return f"{said}; say decimal=, or decimal=. and leave thousands unmarked"
    return said


def _plain(column: pl.Series) -> pl.Series:
    """Return a column of a typed file as numbers or text."""
    if isinstance(column.dtype, pl.Decimal):
        return column.cast(pl.Float64)
    if column.dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    return column


def _without_percent(text: pl.Series, place: str) -> tuple[pl.Series, bool]:
    marked = text.str.ends_with("%")
    if not marked.any():
        return text, False
    bare = text.str.strip_suffix("%").str.strip_chars()
    numbers = bare.str.contains(NUMBER) | bare.str.contains(COMMA)
    held = text.drop_nulls()
    if not numbers.filter(marked.fill_null(False)).all():
        return text, False
    diverged = held.str.contains(NO_NUMBER)
    plain = held.filter(~held.str.ends_with("%") & ~diverged)
    if len(plain):
        mixed = plain.str.contains(NUMBER)
        if mixed.any():
            raise ValueError(
                f"{place}: column {text.name} mixes {held.filter(~diverged)[0]!r} and "
                f"{plain.filter(mixed)[0]!r}; write all of its cells with % or none"
            )
        return text, False
    return bare, True


def _numbers(
    text: pl.Series, decimal: str | None, place: str
) -> tuple[pl.Series | None, bool]:
    """Return the numbers of a column, None if it is text, and whether by comma."""
    held = text.drop_nulls()
    if decimal != "," and held.is_empty():
        return text.cast(pl.Float64), False
    diverged = held.str.contains(NO_NUMBER)
    points = held.str.contains(NUMBER)
    if held.str.contains(WHOLE).all():
        return text.cast(pl.Int64), False
    if decimal != "," and (points | diverged).all():
        return text.cast(pl.Float64), False
    commas = held.str.contains(COMMA)
    whole = held.str.contains(r"^[+-]?\d+([eE][+-]?\d+)?$")
    if decimal == "." or not (commas | whole | diverged).all():
        return None, False
    if decimal is None and held.filter(commas).str.contains(THOUSANDS).all():
        raise ValueError(
            f"{place}: {held.filter(commas)[0]!r} in column {text.name} is one number "
            "with a decimal comma or thousands with a mark; say decimal=, or write "
            "it without the mark"
        )
    return text.str.replace(",", ".", literal=True).cast(pl.Float64), True


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
