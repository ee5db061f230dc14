"""Workbooks (XLSX): one sheet, its names found below a title, nothing filled in.

Cells are read as the numbers that they hold, whatever their format shows: 81 % is .81.
"""

import posixpath
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import fastexcel
import polars as pl

from seedscope.runs.tables.limits import check_size, check_workbook
from seedscope.runs.tables.text import is_number, of_rows

LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
MERGED = re.compile(rb'<mergeCell\s+ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
BROKEN = re.compile(rb'<c r="([A-Z]+\d+)"[^>]* t="e"')
SHOWN = 5
LOOKED_AT = 50  # rows in which the names are looked for


def read_workbook(path: Path, sheet: str | None) -> tuple[pl.DataFrame, list[str]]:
    """Return the cells of a sheet as text, and what was assumed.

    Raises:
        ValueError: it is no workbook, which sheet must be said, or cells are merged
            over rows.
    """
    packed = path.suffix.lower() != ".xls"  # the old format is no archive
    if packed:
        check_workbook(path)
    try:
        book = fastexcel.read_excel(path)
        names = book.sheet_names
        if sheet is None and len(names) > 1:
            raise ValueError(
                f"table={path} has the sheets {', '.join(names)}; say which: sheet="
            )
        if sheet is not None and sheet not in names:
            raise ValueError(
                f"sheet={sheet}: table={path} has the sheets {', '.join(names)}"
            )
        chosen = sheet or names[0]
        frame = book.load_sheet(chosen, header_row=None, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        raise ValueError(f"table={path}: {str(error).splitlines()[0]}") from None
    check_size(frame.height, frame.width, path)
    said = _looked_at(path, chosen) if packed else []
    # A column without a name and without a cell is none.
    blank = pl.all().str.strip_chars() == ""
    frame = frame.select(pl.when(~blank).then(pl.all()))
    held = [column for column in frame.iter_columns() if column.drop_nulls().len()]
    if not held:
        raise ValueError(f"table={path}: sheet {chosen} is empty")
    rows = pl.DataFrame(held).filter(pl.any_horizontal(pl.all().is_not_null()))
    rows = rows.fill_null("")
    title = _title(rows.head(LOOKED_AT).rows())
    if title:
        first = " ".join(cell for cell in rows.row(0) if cell)[:40]
        many = "s" * (title > 1)
        said.append(f"{title} row{many} above the names ({first}) left out")
    cells = (list(row) for row in rows.slice(title).iter_rows())
    return of_rows(cells, path, said, None), said


def _title(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows stand above the names.

    The names are the first row that fills every column; where that holds a number, and
    so is a run, the first that fills all but the first (the index of a data frame).
    """
    for first in (0, 1):
        full = (n for n, row in enumerate(rows) if row[first:] and all(row[first:]))
        place = next(full, None)
        if place is not None and not any(map(_counts, rows[place])):
            return place
    return 0


def _counts(cell: str) -> bool:
    return is_number(cell.replace(",", ".").rstrip("% "))


def _looked_at(path: Path, sheet: str) -> list[str]:
    """Return what a sheet's own text says that its cells do not: errors, merged cells.

    Raises:
        ValueError: cells are merged over several rows: whose value is it?
    """
    text = _text_of(path, sheet)
    for left, top, right, bottom in MERGED.findall(text):
        if top != bottom:
            place = b"".join((left, top, b":", right, bottom)).decode()
            raise ValueError(
                f"table={path}: the cells {place} of sheet {sheet} are merged, so only "
                "their first row has a value; unmerge them and fill every row"
            )
    broken = [place.decode() for place in BROKEN.findall(text)]
    if not broken:
        return []
    more = ", ..." if len(broken) > SHOWN else ""
    return [f"errors in {', '.join(broken[:SHOWN])}{more} read as empty cells"]


def _text_of(path: Path, sheet: str) -> bytes:
    """Return the XML of a sheet; empty where the archive names it in another way."""
    with zipfile.ZipFile(path) as inside:
        try:
            book = ElementTree.fromstring(inside.read("xl/workbook.xml"))
            links = ElementTree.fromstring(inside.read("xl/_rels/workbook.xml.rels"))
            ids = {
                one.get("name"): one.get(LINK) for one in book.iter() if one.get(LINK)
            }
            targets = {one.get("Id"): one.get("Target", "") for one in links}
            return inside.read(posixpath.join("xl", targets[ids[sheet]]).lstrip("/"))
        except (KeyError, ElementTree.ParseError):
            return b""
