"""Runs of any origin from a CSV or Parquet file, one row per run.

Columns are scores, groups (equal values make an arm) or sources (their values stand for
seeds). An empty cell in a score means that the run does not hold it; NaN or infinity
means that it diverged; an empty cell in a group makes an arm `<column>:missing`.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from seedscope.runs.question import Question
from seedscope.runs.table import Runs

EMPTY = ["", "NA", "N/A", "null", "None"]


def read(question: Question) -> Runs:
    """Return the runs of the file that a question names."""
    path = Path(str(question.table))
    return read_file(path, question.score, question.groups, question.sources)


def read_file(
    path: Path, scores: Sequence[str], groups: Sequence[str], sources: Sequence[str]
) -> Runs:
    """Return the runs that a file lists.

    Args:
        path: a CSV or Parquet file.
        scores: its columns that are scores; empty: all numbers among the rest.
        groups: its columns that make arms; empty: all rows are one arm.
        sources: its columns that hold the seed, or the draw, of a source.

    Raises:
        ValueError: the file cannot be read, a column is missing or holds no numbers.
    """
    rows = _read(path)
    taken = (*scores, *groups, *sources)
    missing = [name for name in taken if name not in rows.columns]
    if missing:
        raise ValueError(
            f"table={path} has no column {', '.join(missing)}; it has "
            f"{', '.join(rows.columns)}"
        )
    if twice := [name for name in set(taken) if taken.count(name) > 1]:
        raise ValueError(f"score, groups and sources share {', '.join(twice)}")
    chosen = tuple(scores) or _numbers(rows, (*groups, *sources))
    if not chosen:
        raise ValueError(f"table={path} has no column of numbers to take as score=")
    table = pl.DataFrame(
        {
            "run_id": [f"row {number}" for number in range(1, len(rows) + 1)],
            "arm": _arms(rows, groups),
            "replicate": range(len(rows)),
            "block": [0] * len(rows),
            "diverged": [False] * len(rows),
        }
    )
    table = table.with_columns(
        *(_codes(rows[name], name) for name in sources),
        *(_score(rows[name], path) for name in chosen),
    )
    return Runs(
        title=path.name,
        table=_with_vary(table, sources),
        scores=chosen,
        remarks=tuple(_duplicates(rows)),
    )


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path)
        else:
            rows = pl.read_csv(path, null_values=EMPTY, infer_schema_length=None)
    except (PolarsError, OSError) as error:
        raise ValueError(f"table={path}: {str(error).splitlines()[0]}") from None
    if rows.is_empty():
        raise ValueError(f"table={path} holds no rows")
    return rows


def _numbers(rows: pl.DataFrame, taken: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        name
        for name, dtype in rows.schema.items()
        if name not in taken and dtype.is_numeric()
    )


def _arms(rows: pl.DataFrame, groups: Sequence[str]) -> list[str]:
    if not groups:
        return ["every run"] * len(rows)
    return [
        " ".join(
            f"{name}:{'missing' if value is None else value}"
            for name, value in zip(groups, values, strict=True)
        )
        for values in rows.select(groups).iter_rows()
    ]


def _codes(column: pl.Series, source: str) -> pl.Series:
    """Return seeds as integers: equal values of any type are equal seeds."""
    if column.null_count():
        raise ValueError(f"sources: column {source} has empty cells; fill every seed")
    codes = column.rank("dense").cast(pl.Int64) - 1
    return codes.alias(f"seed.{source}")


def _score(column: pl.Series, path: Path) -> pl.Series:
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        return column.cast(pl.Float64)
    numbers = column.cast(pl.Float64, strict=False)
    wrong = column.filter(numbers.is_null() & column.is_not_null())
    if len(wrong) or column.dtype != pl.String:
        first = wrong[0] if len(wrong) else column.dtype
        raise ValueError(
            f"table={path}: column {column.name} holds {first!r}, which is no number"
        )
    return numbers


def _with_vary(table: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Say which sources vary in each arm; unknown where no source is named."""
    if not sources:
        return table.with_columns(vary=pl.lit("unknown"))
    varied = [
        pl.when(pl.col(f"seed.{name}").n_unique().over("arm") > 1)
        .then(pl.lit(name))
        .otherwise(None)
        for name in sources
    ]
    return table.with_columns(
        vary=pl.concat_str(varied, separator=" ", ignore_nulls=True)
    )


def _duplicates(rows: pl.DataFrame) -> list[str]:
    twice = int(len(rows) - rows.n_unique())
    if not twice:
        return []
    return [
        f"{twice} of {len(rows)} rows repeat another row exactly; they count as runs "
        "of their own: remove them if they are copies"
    ]
