"""Tables as text: any separator, encoding and quoting, packed or not.

Every row must have as many cells as there are names: a row that is cut off or shifted
would be another run's number.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

import polars as pl

from seedscope.runs.tables.limits import CELL, check_names, check_size, unpacked

SEPARATORS = (",", ";", "\t", "|")
WORDS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " ", "\\t": "\t"}
LOOKED_AT = 50  # rows in which the separator is looked for
LOOKED_AT_BYTES = 1 << 18
CHUNK = 50_000


def read_text(path: Path, separator: str | None) -> tuple[pl.DataFrame, list[str]]:
    """Return the cells of a file as text, and what was assumed.

    Raises:
        ValueError: the file is too large, or its rows do not fit its names.
    """
    data, encoding, said = _encoded(unpacked(path))
    data, remark = _without_remarks(data)
    if remark:
        said.append("remarks above the names left out")
    text = data[:LOOKED_AT_BYTES].decode(encoding, errors="ignore")
    if not text.strip():
        raise ValueError(f"table={path} is empty")
    by_name = "\t" if ".tsv" in path.name.lower() else None
    mark = WORDS.get(separator or "", separator) or _separator(
        text, by_name, len(data) > LOOKED_AT_BYTES
    )
    if len(mark) != 1:
        raise ValueError(f"separator={separator!r} must be one character, or tab")
    shown = {"\t": "tab", " ": "space"}.get(mark, f"'{mark}'")
    if separator is None and mark != ("," if by_name is None else by_name):
        said.append(f"cells separated by {shown}")
    lines = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    return of_rows(_rows(lines, mark, path), path, said, shown), said


def of_rows(
    rows: Iterator[list[str]], path: Path, said: list[str], separator: str | None
) -> pl.DataFrame:
    """Return rows of text under their names.

    Args:
        rows: the names, then the cells.
        path: of the file.
        said: gets what was assumed.
        separator: of text, in words, for a message.
    """
    names = _names(next(rows, []), path, said, separator)
    chunks, count = [], 0
    while chunk := list(islice(rows, CHUNK)):
        for place, row in enumerate(chunk):
            if len(row) != len(names):
                raise ValueError(
                    f"table={path}: row {count + place + 1} below the names has "
                    f"{len(row)} cells, and there are {len(names)} names"
                    + (f" (separated by {separator}; separator=)" if separator else "")
                )
        count += len(chunk)
        check_size(count, len(names), path)
        columns = zip(*chunk, strict=True)
        chunks.append(
            pl.DataFrame(
                dict(zip(names, map(list, columns), strict=True)),
                schema=dict.fromkeys(names, pl.String),
            )
        )
    if not chunks:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return pl.concat(chunks)


def named_once(names: Sequence[str], path: Path) -> list[str]:
    """Return names without the blanks around them.

    Raises:
        ValueError: two columns have one name, or no column has one.
    """
    bare = [name.strip() for name in names]
    twice = list(dict.fromkeys(n for n in bare if n and bare.count(n) > 1))
    if twice:
        padded = " (blanks around a name do not count)" if bare != list(names) else ""
        raise ValueError(
            f"table={path}: {' and '.join(map(repr, twice[:5]))} names more than one "
            f"column{padded}; give each column a name of its own"
        )
    return [name or f"column {place}" for place, name in enumerate(bare, start=1)]


def _names(
    head: list[str], path: Path, said: list[str], separator: str | None
) -> list[str]:
    check_names(head, path)
    if head and all(is_number(name) for name in head):
        raise ValueError(
            f"table={path}: its first row ({', '.join(head[:4])}) holds numbers, not "
            "names; put a row of names above it"
        )
    names = named_once(head, path)
    padded = [bare for name, bare in zip(head, names, strict=True) if name != bare]
    padded = [name for name in padded if not name.startswith("column ")]
    if padded:
        said.append(f"blanks around {', '.join(padded[:5])} left out")
    return names


def _without_remarks(data: bytes) -> tuple[bytes, bool]:
    """Leave out lines of remarks (# ...) above the names; `# a b` may hold the names.

    They do where the line has as many words or cells as the one below it.
    """
    rest = data
    while rest.startswith(b"#") and b"\n" in rest:
        line, rest = rest.split(b"\n", 1)
        below = rest.split(b"\n", 1)[0]
        cells = [line.strip(b"# \r"), below.strip(b" \r")]
        for mark in (b",", b";", b"\t", b"|", None):
            first, second = (len(cell.split(mark)) for cell in cells)
            if first == second > 1 and not below.startswith(b"#"):
                return data, False
    return rest, rest is not data


def _encoded(data: bytes) -> tuple[bytes, str, list[str]]:
    """Return bytes, the encoding that they are in, and what was assumed."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace").encode(), "utf-8", []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data, "cp1252", ["letters read as Windows-1252"]
    return data, "utf-8-sig", []


def _separator(text: str, first: str | None, cut: bool) -> str:
    """Return what cuts the first rows into most columns, equally many in each."""
    best, most = first or ",", 1
    order = [first, *SEPARATORS] if first else list(SEPARATORS)
    for mark in dict.fromkeys(order):
        lines = _cut(text, mark, cut)
        counts = {len(row) for row in lines}
        if len(counts) == 1 and counts.pop() > most:
            best, most = mark, len(lines[0])
    if most == 1:
        best = _by_frequency(text, first)
    return best


def _by_frequency(text: str, first: str | None) -> str:
    """Return the separator of the names where the rows do not all agree."""
    head = text.lstrip().splitlines()[0]
    found = max(SEPARATORS, key=head.count)
    if head.count(found):
        return found
    lines = [line.split() for line in text.splitlines()[:LOOKED_AT] if line.strip()]
    widths = {len(line) for line in lines}
    spaced = len(lines) > 1 and len(widths) == 1 and widths.pop() > 1
    return " " if spaced and first is None else first or ","


def _cut(text: str, mark: str, cut: bool) -> list[list[str]]:
    whole = text.rpartition("\n")[0] if cut else text
    reader = csv.reader(io.StringIO(whole), delimiter=mark)
    try:
        return list(islice((row for row in reader if row), LOOKED_AT))
    except csv.Error:
        return []


def _rows(lines: TextIO, mark: str, path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(CELL)
    cut = (
        (line.split() for line in lines)
        if mark == " "
        else csv.reader(lines, delimiter=mark)
    )
    try:
        for row in cut:
            if row:  # an empty line is no run
                yield row
    except csv.Error as error:
        why = str(error)
        if "field limit" in why:
            why = f"a cell has more than {CELL:,} characters"
        raise ValueError(f"table={path}: {why}") from None


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number, NaN and infinity included."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
