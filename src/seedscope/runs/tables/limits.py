"""What a table may be at most: a file from elsewhere must not fill the memory.

A Parquet file of 4 MB can stand for 600 million rows and a name for 100 MB, so sizes
are read from a file's own index, or counted while it is read, before anything is made
of them.
"""

import gzip
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
from pyarrow import ArrowException

BYTES = 1 << 29  # of a table once it is unpacked
CELLS = 60_000_000
ROWS = 20_000_000
COLUMNS = 20_000
NAME = 1_000  # characters of a column's name
FOOTER = 64 << 20  # bytes of a Parquet file's index
CELL = 1 << 20  # characters of one cell
FILES = 100_000  # of a folder
SHOWN = 60  # characters of a name in a message


def check_size(rows: int, columns: int, path: Path) -> None:
    """Raise ValueError where a table is larger than can be compared."""
    for count, most, what in (
        (columns, COLUMNS, "columns"),
        (rows, ROWS, "rows"),
        (rows * columns, CELLS, "cells"),
    ):
        if count > most:
            raise ValueError(
                f"table={path} has {count:,} {what}; at most {most:,} are read: give "
                "only the rows and columns that are compared"
            )


def check_names(names: list[str], path: Path) -> None:
    """Raise ValueError for too many or too long names of columns."""
    check_size(0, len(names), path)
    longest = max(names, key=len, default="")
    if len(longest) > NAME:
        raise ValueError(
            f"table={path}: the name of a column has {len(longest):,} characters "
            f"({longest[:SHOWN]!r} ...); at most {NAME:,} are read"
        )


def unpacked(path: Path) -> bytes:
    """Return the bytes of a file, of a `.gz` what is packed in it, up to the limit."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rb") as file:
            data = file.read(BYTES + 1)
    except (OSError, EOFError) as error:
        raise ValueError(f"table={path} cannot be read: {error}") from None
    if len(data) > BYTES:
        raise ValueError(
            f"table={path} holds more than {BYTES >> 20:,} MB; give only the rows and "
            "columns that are compared"
        )
    return data


def check_parquet(path: Path) -> None:
    """Look at a Parquet file's index alone: rows, columns, names, unpacked bytes."""
    try:
        with path.open("rb") as file:
            file.seek(-8, 2)
            footer = int.from_bytes(file.read(4), "little")
        if footer > FOOTER:
            raise ValueError(
                f"table={path}: its index alone takes {footer >> 20:,} MB; at most "
                f"{FOOTER >> 20} MB are read"
            )
        index = pq.read_metadata(path)
    except (OSError, ArrowException) as error:
        raise ValueError(f"table={path} is no Parquet file: {_first(error)}") from None
    check_size(index.num_rows, index.num_columns, path)
    check_names(list(index.schema.names), path)
    groups = [index.row_group(number) for number in range(index.num_row_groups)]
    if sum(group.total_byte_size for group in groups) > BYTES:
        raise ValueError(f"table={path} unpacks to more than {BYTES >> 20:,} MB")


def check_workbook(path: Path) -> None:
    """Look at the list of files inside a workbook: how much they unpack to."""
    try:
        with zipfile.ZipFile(path) as inside:
            size = sum(entry.file_size for entry in inside.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"table={path} is no workbook: {error}") from None
    if size > BYTES // 2:  # XML cells take several times their text
        raise ValueError(f"table={path} unpacks to more than {BYTES >> 21:,} MB")


def _first(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
