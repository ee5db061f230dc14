"""Which runs of an arm lie apart, by name: what is told before any mean."""

import polars as pl

from seedscope.analysis.arms import finished
from seedscope.analysis.results import ArmShape
from seedscope.stats.shape import shape


def of_arm(name: str, table: pl.DataFrame, score: str) -> ArmShape | None:
    """Return what has to be said of an arm's scores, None where nothing has."""
    good = finished(table, score)
    if not len(good):
        return None
    found = shape(good[score].to_numpy())
    if found.is_plain:
        return None
    return ArmShape(name, score, found, _names(good[list(found.apart)]))


def _names(rows: pl.DataFrame) -> tuple[str, ...]:
    """Return the seeds that tell runs apart; ids where no seed does."""
    seeds = [c for c in rows.columns if c.startswith("seed.") and _varies(rows[c])]
    if seeds:
        words = [(c.removeprefix("seed."), rows[c].to_list()) for c in sorted(seeds)]
        return tuple(
            " ".join(f"{source} {values[i]}" for source, values in words)
            for i in range(len(rows))
        )
    key = "run_id" if "run_id" in rows.columns else None
    return tuple(str(v) for v in rows[key]) if key else ()


def _varies(column: pl.Series) -> bool:
    return len(column) == 1 or column.n_unique() > 1
