"""Read the curves of all arms in one pass, in bounded memory.

Long curves are read at blocks of consecutive steps, spread evenly over the training:
memory is bounded by runs x POINTS whatever the number of steps, the values at those
steps are exact, and noise from batch to batch can still be measured inside each block.
DuckDB streams the Parquet parts; it was measured against Polars' streaming engine in
benchmarks/compare.py.
"""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from seedscope.trace.tables import COUNTERS, folder_of

POINTS = 600  # steps of a curve that are read
BLOCK = 10  # consecutive steps that are read together
MEMORY = "1GB"  # what DuckDB may hold before it writes to disk

Table = tuple[np.ndarray, np.ndarray]  # steps, and values (runs, steps)


def read_curves(
    traces: Path | None,
    table: str,
    arms: Mapping[str, Sequence[str]],
    like: Sequence[str],
) -> dict[str, dict[str, Table]]:
    """Return arm -> metric -> steps and values; NaN where a run ended before.

    Args:
        traces: the folder of a study's tables, if there is one.
        table: batch | epoch.
        arms: the MLflow runs of each arm.
        like: how the names of the metrics begin.
    """
    empty: dict[str, dict[str, Table]] = {name: {} for name in arms}
    folder, counter = folder_of(traces, table), COUNTERS[table]
    if folder is None:
        return empty
    places = _places(arms)
    with _open(folder, places) as connection:
        names = [c for c in _columns(connection) if c.startswith(tuple(like))]
        last = connection.sql(
            f"SELECT number, max({counter}), count(*) FROM rows "
            "JOIN places USING (run_id) GROUP BY number ORDER BY number"
        ).fetchall()
        _check_rows(folder, last, [len(ids) for ids in arms.values()])
        steps = {number: picked_steps(count) for number, count, _ in last}
        if not steps or not names:
            return empty
        connection.register("picked", _picked(steps).to_arrow())
        values = ", ".join(_quoted(name) for name in names)
        found = connection.sql(
            f"SELECT places.number, place, spot, {values} FROM rows "
            "JOIN places USING (run_id) JOIN picked "
            f"ON picked.number = places.number AND picked.step = rows.{counter}"
        ).pl()
    order = list(arms)
    for number, taken in steps.items():
        arm = order[number]
        rows = found.filter(pl.col("number") == number)
        empty[arm] = _tables(rows, taken, len(arms[arm]))
    return empty


def curve_moments(
    traces: Path | None, arms: Mapping[str, Sequence[str]], memory: str = MEMORY
) -> pl.DataFrame | None:
    """Return one row per arm and step: runs, mean and sd (n - 1) of every metric.

    Args:
        traces: the folder of a study's tables, if there is one.
        arms: the MLflow runs of each arm.
        memory: the limit that DuckDB is given.
    """
    folder = folder_of(traces, "batch")
    if folder is None:
        return None
    with _open(folder, _places(arms), memory) as connection:
        names = [c for c in _columns(connection) if c.startswith("batch/")]
        columns = ", ".join(
            f"count({_quoted(name)}) AS {_quoted(f'{name} runs')}, "
            f"avg({_quoted(name)}::DOUBLE) AS {_quoted(f'{name} mean')}, "
            f"stddev_samp({_quoted(name)}::DOUBLE) AS {_quoted(f'{name} sd')}"
            for name in names
        )
        return connection.sql(
            f"SELECT arm, step, {columns} FROM rows JOIN places USING (run_id) "
            "GROUP BY arm, step ORDER BY arm, step"
        ).pl()


def picked_steps(last: int) -> np.ndarray:
    """Return the steps to read of 1 to `last`: all, or blocks that begin and end it."""
    if last <= POINTS:
        return np.arange(1, last + 1)
    starts = np.linspace(1, last - BLOCK + 1, POINTS // BLOCK).round().astype(int)
    return np.unique(starts[:, None] + np.arange(BLOCK))


def _open(folder: Path, places: pl.DataFrame, memory: str = MEMORY):
    """Return a connection that knows `rows`, the parts, and `places`, the runs."""
    connection = duckdb.connect(config={"memory_limit": memory})
    connection.execute("SET preserve_insertion_order = false")
    connection.register("places", places.to_arrow())
    parts = [glob.escape(str(path)) for path in sorted(folder.glob("*.parquet"))]
    connection.read_parquet(parts, union_by_name=True).create_view("rows")
    return connection


def _quoted(name: str) -> str:
    """Return a name that came from data as SQL takes it: a name, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _check_rows(
    folder: Path, found: Sequence[tuple[int, int, int]], runs: Sequence[int]
) -> None:
    """Refuse rows that repeat: each would be paired with each."""
    for number, last, rows in found:
        if rows > last * runs[number]:
            raise ValueError(
                f"{folder} holds {rows} rows of {runs[number]} runs that have {last} "
                "steps: rows repeat; put the original files back"
            )


def _columns(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for name, *_ in connection.sql("DESCRIBE rows").fetchall()]


def _places(arms: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    rows = [
        (run_id, arm, number, place)
        for number, (arm, ids) in enumerate(arms.items())
        for place, run_id in enumerate(ids)
    ]
    schema = {"run_id": pl.String, "arm": pl.String}
    schema |= {"number": pl.Int32, "place": pl.Int32}  # of the arm, of the run in it
    return pl.DataFrame(rows, schema, orient="row")


def _picked(steps: Mapping[int, np.ndarray]) -> pl.DataFrame:
    return pl.concat(
        pl.DataFrame({"step": taken})
        .with_row_index("spot")
        .with_columns(number=pl.lit(number, pl.Int32))
        for number, taken in steps.items()
    )


def _tables(found: pl.DataFrame, steps: np.ndarray, runs: int) -> dict[str, Table]:
    row, column = found["place"].to_numpy(), found["spot"].to_numpy()
    result = {}
    for name in found.columns[3:]:
        values = np.full((runs, len(steps)), np.nan)
        values[row, column] = found[name].to_numpy()
        if np.isfinite(values).any():
            result[name] = (steps, values)
    return result
