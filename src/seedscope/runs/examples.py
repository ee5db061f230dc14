"""Tables of runs x examples: a row for what one run says of one test example.

They become runs with an accuracy, and predictions kept as a study of seedscope keeps
them, so that churn, the part of the finite test set and new examples are told as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from seedscope.runs.curves import keep

SCORE = "test/accuracy"


@dataclass(frozen=True)
class Columns:
    """Which column is what: what is right is `correct`, or label and truth say it."""

    run: str  # the number of the run
    example: str
    label: str | None
    truth: str | None
    correct: str | None


@dataclass(frozen=True)
class Examples:
    """Accuracies by run, and the predictions that they are the mean of."""

    accuracy: list[float]  # of run 0, 1, ...
    predictions: pl.DataFrame  # run, example, target, label
    said: str


def of_rows(rows: pl.DataFrame, columns: Columns, place: str) -> Examples:
    """Return accuracies and predictions of a table.

    Raises:
        ValueError: an example stands twice in a run, a cell is empty, or what is right
            is not told.
    """
    named = [columns.example, *filter(None, (columns.label, columns.truth))]
    for name in named:
        if rows[name].null_count():
            raise ValueError(
                f"{place}: column {name} has empty cells; fill each of them"
            )
    twice = rows.group_by(columns.run, columns.example).len().filter(pl.col("len") > 1)
    if len(twice):
        raise ValueError(
            f"{place}: example {twice[columns.example][0]} stands "
            f"{twice['len'][0]} times in one run; name the columns that tell runs "
            "apart: run="
        )
    if columns.label and columns.truth:
        label, target = _classes(rows[columns.label], rows[columns.truth])
        said = f"{SCORE}: how often {columns.label} is {columns.truth}"
    elif columns.correct:
        label = _right(rows[columns.correct], place)
        target = pl.Series([1] * len(rows), dtype=pl.Int32)
        said = (
            f"{SCORE}: the mean of {columns.correct}; two runs disagree on an example "
            "where one is right and one is wrong"
        )
    else:
        raise ValueError(
            f"{place}: say what a run said and what is right, label= and truth=, or "
            "score=<column> with 1 for right and 0 for wrong"
        )
    table = pl.DataFrame(
        {
            "run": rows[columns.run],
            "example": rows[columns.example].rank("dense").cast(pl.Int64) - 1,
            "target": target,
            "label": label,
        }
    )
    right = (pl.col("label") == pl.col("target")).mean()
    means = table.group_by("run").agg(right.alias("right")).sort("run")
    return Examples(means["right"].to_list(), table, said)


def kept(found: Examples, run_ids: Sequence[str], folder: Path | None = None) -> Path:
    """Keep predictions as traces; `run_ids` names run 0, 1, ..."""
    names = pl.Series(run_ids, dtype=pl.String)
    rows = found.predictions.with_columns(run_id=names.gather(found.predictions["run"]))
    return keep(
        "predictions", rows.select("run_id", "example", "target", "label"), folder
    )


def _classes(label: pl.Series, truth: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return labels and truths as the same integers where they are equal."""
    if label.dtype.is_numeric() and truth.dtype.is_numeric():
        both = pl.concat([s.cast(pl.Float64).rename("class") for s in (label, truth)])
    else:
        both = pl.concat([s.cast(pl.String).rename("class") for s in (label, truth)])
    codes = (both.rank("dense").cast(pl.Int32) - 1).cast(pl.Int32)
    return codes[: len(label)], codes[len(label) :]


def _right(column: pl.Series, place: str) -> pl.Series:
    if column.dtype == pl.String:
        words = column.str.to_lowercase()
        known = words.is_in(["true", "false"])
        if known.all():
            return (words == "true").cast(pl.Int32)
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() or not numbers.is_in([0.0, 1.0]).all():
        raise ValueError(
            f"{place}: column {column.name} must be 1 for right and 0 for wrong where "
            "example= is given; of other numbers give one row a run"
        )
    return numbers.cast(pl.Int32)
