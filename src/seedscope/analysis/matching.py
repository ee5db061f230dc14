"""Runs of two groups that have equal seeds, row by row."""

import polars as pl

MOST_MATCH = 0.75  # of the runs of the smaller group, before rows are paired


def matched(a: pl.DataFrame, b: pl.DataFrame, score: str) -> pl.DataFrame | None:
    """Return the rows of runs with equal seeds, B's score in `b`; None where none are.

    Rows match where every seed that both tables hold is equal; exact repeats, which
    have all seeds in common, are averaged first. Paired only if most of the smaller
    group find their partners: runs without one are left out.
    """
    seeds = sorted(c for c in a.columns if _matches(c) and c in b.columns)
    if not seeds:
        return None
    first, second = (
        t.group_by(seeds).agg(pl.col(score).mean()).sort(score, *seeds) for t in (a, b)
    )
    pairs = first.join(second.rename({score: "b"}), on=seeds, maintain_order="left")
    if len(pairs) < max(2, MOST_MATCH * min(len(first), len(second))):
        return None
    return pairs


def without_partner(table: pl.DataFrame, pairs: pl.DataFrame) -> int:
    """Return how many runs have no partner among the rows that match."""
    seeds = [c for c in pairs.columns if _matches(c)]
    return len(table.join(pairs, on=seeds, how="anti"))


def _matches(column: str) -> bool:
    """Tell whether rows match by a column: the seeds, and the task they were run on."""
    return column.startswith("seed.") or column == "task"
