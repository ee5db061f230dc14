"""Rows that repeat another one, and runs that share what should tell them apart."""

from collections.abc import Iterator

import polars as pl

FEW = 0.2  # of the runs; where more repeat, the design is so


def repeated_rows(rows: pl.DataFrame) -> tuple[str, ...]:
    """Say how many rows of a table repeat another one exactly."""
    try:
        twice = int(len(rows) - rows.n_unique())
    except pl.exceptions.PolarsError:  # a nested column cannot be compared
        return ()
    if not twice:
        return ()
    return (
        f"{twice} of {len(rows)} rows repeat another row exactly; they count as runs "
        "of their own: remove them if they are copies",
    )


def shared_seeds(table: pl.DataFrame) -> Iterator[str]:
    """Name runs of one arm that have all of their seeds in common."""
    seeds = [name for name in table.columns if name.startswith("seed.")]
    if not seeds:
        return
    tasks = ["task"] if "task" in table.columns else []
    twice = table.group_by("arm", *tasks, *seeds, maintain_order=True).agg(
        pl.len().alias("runs"), pl.col("run_id").head(2)
    )
    twice = twice.filter(pl.col("runs") > 1)
    repeats = int(twice["runs"].sum()) - len(twice)
    if 0 < repeats <= FEW * len(table):
        first = twice.row(0, named=True)
        yield (
            f"{repeats} runs have the same "
            f"{', '.join(name.removeprefix('seed.') for name in seeds)} as another run "
            f"of their arm, e.g. {' and '.join(first['run_id'])} in {first['arm']}: "
            "repeats, or one run twice? They cannot be paired"
        )
