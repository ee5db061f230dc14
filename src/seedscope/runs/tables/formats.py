"""One reader a kind of file, picked by the ending of its name, in any case."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from seedscope.runs.tables.cells import Cells, typed
from seedscope.runs.tables.limits import (
    check_names,
    check_parquet,
    check_size,
    unpacked,
)
from seedscope.runs.tables.text import named_once, read_text

Raw = tuple[pl.DataFrame, list[str]]  # a table, and what was assumed


def ending(path: Path) -> str:
    """Return the ending that decides how a file is read: `.csv` of `A.CSV.GZ`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def load(path: Path, separator: str | None, decimal: str | None, sheet: str | None):
    """Return the table in a file: numbers where all cells of a column are numbers.

    Raises:
        ValueError: the file cannot be read; the message names it and says why.
    """
    kind = ending(path)
    if kind not in READERS:
        raise ValueError(f"table={path} must end in {', '.join(READERS)} (or .gz)")
    if kind not in TEXT and path.suffix.lower() == ".gz":
        raise ValueError(f"table={path}: unpack it first; only text is read packed")
    frame, said = READERS[kind](path, separator, sheet)
    if frame.is_empty():
        raise ValueError(f"table={path} holds no rows")
    cells = typed(frame, decimal, f"table={path}")
    return Cells(cells.frame, (*said, *cells.said))


def _text(path: Path, separator: str | None, _: str | None) -> Raw:
    return read_text(path, separator)


def _parquet(path: Path, *_) -> Raw:
    check_parquet(path)
    try:
        frame = pl.read_parquet(path, glob=False)
    except (PolarsError, OSError) as error:
        raise ValueError(f"table={path}: {str(error).splitlines()[0]}") from None
    names = named_once(frame.columns, path)
    return frame.rename(dict(zip(frame.columns, names, strict=True))), []


def _lines(path: Path, *_) -> Raw:
    rows = []
    for number, line in enumerate(unpacked(path).splitlines(), start=1):
        if not line.strip():
            continue
        rows.append(_object(line, path, f"line {number}"))
    return _of_objects(rows, path), []


def _json(path: Path, *_) -> Raw:
    """Read a list of objects, or columns and data as pandas and MLflow write them."""
    try:
        found = json.loads(unpacked(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"table={path} is no JSON: {error}") from None
    return of_json(found, path), []


def of_json(found: object, path: Path) -> pl.DataFrame:
    """Return a table that was written as JSON, by rows or by columns."""
    if isinstance(found, dict) and {"columns", "data"} <= found.keys():
        names = named_once([str(name) for name in found["columns"]], path)
        if any(len(row) != len(names) for row in found["data"]):
            raise ValueError(f"table={path}: a row has not one cell for each column")
        return _of_objects(
            [dict(zip(names, row, strict=True)) for row in found["data"]], path
        )
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return _of_objects([_flat(row) for row in found], path)
    raise ValueError(
        f"table={path} must be a list of objects, one a row (or one a line: .jsonl)"
    )


def _object(line: bytes, path: Path, place: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"table={path}: {place} is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise ValueError(f"table={path}: {place} is no object with names")
    return _flat(row)


def _flat(row: dict, before: str = "") -> dict[str, object]:
    """Return the values of nested objects under dotted names: config.lr."""
    found: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, dict) and before.count(".") < 5:
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


def _of_objects(rows: list[dict[str, object]], path: Path) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_names(names, path)
    check_size(len(rows), len(names), path)
    clean = named_once(names, path)
    columns = [[row.get(name) for row in rows] for name in names]
    return pl.DataFrame(
        [_series(n, cells) for n, cells in zip(clean, columns, strict=True)]
    )


def _series(name: str, cells: list[object]) -> pl.Series:
    """Return JSON cells as numbers where all are, else as text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    whole = [cell for cell in cells if isinstance(cell, int)]
    if kinds == {int} and all(abs(cell) < 1 << 62 for cell in whole):
        return pl.Series(name, cells, pl.Int64)
    if kinds <= {int, float, bool}:
        numbers = [float(c) if isinstance(c, int | float) else None for c in cells]
        return pl.Series(name, numbers, pl.Float64)
    as_text = [c if c is None or isinstance(c, str) else json.dumps(c) for c in cells]
    return pl.Series(name, as_text, pl.String)


def _workbook(path: Path, _: str | None, sheet: str | None) -> Raw:
    # Only here: the other formats do without fastexcel.
    from seedscope.runs.tables.workbook import read_workbook

    return read_workbook(path, sheet)


TEXT = (".csv", ".tsv", ".txt", ".log", ".jsonl", ".ndjson", ".json")
READERS: dict[str, Callable[[Path, str | None, str | None], Raw]] = {
    ".csv": _text,
    ".tsv": _text,
    ".txt": _text,
    ".log": _text,
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".json": _json,
    ".parquet": _parquet,
    ".pq": _parquet,
    ".xlsx": _workbook,
    ".xls": _workbook,
}
