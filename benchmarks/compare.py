"""Time the comparison of large studies against the obvious way, both in one run.

    python benchmarks/compare.py            both parts, about 10 minutes
    python benchmarks/compare.py store      1,000 runs x 1,000 points in a default store
    python benchmarks/compare.py rows       50 million per-batch rows in Parquet parts

`store`: reading a study and comparing it completely, against reading one curve of every
run by `get_metric_history` (a sample of the runs, scaled up; it compares nothing yet).
`rows`: mean and sd by arm and step, against a plain scan of the same files. Each side
has a process of its own, so the peak memory is its own.
"""

import multiprocessing
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

sys.path[:0] = [
    str(Path(__file__).parents[1] / folder)
    for folder in ("src", "tests", "tests/compare")
]

RUNS, POINTS, SAMPLE = 1000, 1000, 20
ARMS, RUNS_OF_ARM, STEPS, PARTS = 20, 500, 5000, 100  # 50 million rows


def measured(function, *arguments) -> tuple[float, float, object]:
    """Run in a fresh process; return seconds, its peak in MB, the result."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_timed, (function, *arguments))


def _timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - start
    return seconds, _peak(), result


def _peak() -> float:
    """Return this process's peak memory; getrusage would include its parent's."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


# ---- 1,000 runs in the default store -----------------------------------------------


def make_store(folder: Path) -> str:
    """Log 1,000 runs in 5 arms; most points of the curves are added by SQL."""
    from dataclasses import replace

    from studies import made_trace, planned

    from seedscope.store import log
    from seedscope.store.store import connect
    from seedscope.study.words import Tracking

    uri = f"sqlite:///{folder}/mlflow.db"
    store = connect(Tracking(uri, "benchmark", None, 1, True))
    log.hardware.machine = lambda: {"hardware.cpu": "benchmark"}
    for factor in ("none", "init", "shuffle", "dropout", "all"):
        study, runs = planned(
            f"factor={factor}", f"replicates={RUNS // 5}", "tracking.curve_points=1"
        )
        with log.open_study(store, study, runs) as opened:
            for start in range(0, len(runs), 50):
                opened.add(
                    [_long(made_trace(run), replace) for run in runs[start:][:50]]
                )
    _fill_curves(folder / "mlflow.db")
    return uri


def _long(trace, replace):
    rng = np.random.default_rng(list(trace.run.seeds.values()))
    loss = (np.linspace(2, 0.5, POINTS) + 0.1 * rng.random(POINTS)).astype(np.float32)
    return replace(trace, batch={"loss": loss}, batch_reported={})


def _fill_curves(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        runs = connection.execute(
            "SELECT DISTINCT run_uuid FROM metrics WHERE key = 'batch/loss'"
        ).fetchall()
        rows = (
            ("batch/loss", 1.0 / step, step, run, step, 0)
            for (run,) in runs
            for step in range(2, POINTS + 1)
        )
        connection.executemany(
            "INSERT OR IGNORE INTO metrics "
            "(key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )


def read_and_compare(uri: str) -> int:
    from seedscope.analysis.compare import compare
    from seedscope.store.read import read_study
    from seedscope.store.store import connect
    from seedscope.study.words import Tracking

    store = connect(Tracking(uri, "benchmark", None, None, True))
    found = compare(read_study(store, "latest"), [], 0.95)
    return sum(arm.runs for arm in found.arms)


def read_histories(uri: str) -> tuple[float, int]:
    """Read the curve of a sample of the runs as the MLflow documentation does.

    Only the reading is timed: imports and the search for the runs are not scaled up.
    """
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("benchmark").experiment_id
    runs = client.search_runs([experiment], "tags.`seedscope.role` = 'run'", 1, SAMPLE)
    client.get_metric_history(runs[0].info.run_id, "seconds")  # the first call is slow
    start = time.perf_counter()
    points = [client.get_metric_history(r.info.run_id, "batch/loss") for r in runs]
    return time.perf_counter() - start, sum(map(len, points))


def benchmark_store(folder: Path) -> None:
    uri = make_store(folder)
    seconds, peak, runs = measured(read_and_compare, uri)
    _, _, (slow, points) = measured(read_histories, uri)
    whole = slow * runs / SAMPLE
    print(f"store: {runs} runs x {POINTS} batch points, SQLite")
    print(f"  read and compare          {seconds:8.1f} s   peak {peak:.0f} MB")
    print(
        f"  get_metric_history        {whole:8.1f} s   ({SAMPLE} runs, {points} points,"
    )
    print(f"                                         {slow:.2f} s, scaled up)")
    print(f"  {whole / seconds:.0f}x faster (wanted: 10x)\n")


# ---- 50 million rows ---------------------------------------------------------------


def make_rows(folder: Path) -> None:
    (folder / "batch").mkdir(parents=True)
    rng = np.random.default_rng(0)
    runs = ARMS * RUNS_OF_ARM // PARTS
    step = np.tile(np.arange(1, STEPS + 1, dtype=np.uint32), runs)
    for part in range(PARTS):
        ids = pl.Series([f"{part * runs + run:032x}" for run in range(runs)])
        rows = pl.DataFrame(
            {
                "run_id": ids.gather(np.repeat(np.arange(runs), STEPS)),
                "step": step,
                "batch/loss": rng.normal(size=runs * STEPS).astype(np.float32),
            }
        )
        rows.write_parquet(folder / "batch" / f"part-{part}.parquet")


def large_study(folder: Path):
    from seedscope.runs.table import Runs

    number = np.arange(ARMS * RUNS_OF_ARM)
    table = pl.DataFrame(
        {
            "run_id": [f"{n:032x}" for n in number],
            "arm": [f"arm {n % ARMS}" for n in number],
            "diverged": np.zeros(len(number), bool),
        }
    )
    return Runs("benchmark", table, (), traces=folder)


def group_by_duckdb(folder: Path) -> int:
    from seedscope.analysis.curves import held_runs
    from seedscope.trace.curves import curve_moments

    return len(curve_moments(folder, held_runs(large_study(folder))))


def group_by_polars(folder: Path) -> int:
    runs = large_study(folder)
    value = pl.col("batch/loss").cast(pl.Float64)
    rows = pl.scan_parquet(folder / "batch" / "*.parquet")
    rows = rows.join(runs.table.lazy(), on="run_id").group_by("arm", "step")
    found = rows.agg(value.count().alias("n"), value.mean().alias("m"), value.std())
    return len(found.collect(engine="streaming"))


def scan(folder: Path) -> int:
    """Read every value once and keep one sum: the least that any reader does."""
    rows = pl.scan_parquet(folder / "batch" / "*.parquet")
    pl.Config.set_streaming_chunk_size(100_000)
    columns = (
        pl.col("run_id").str.len_bytes().sum(),
        pl.col("step").sum(),
        pl.col("batch/loss").sum(),
    )
    return len(rows.select(columns).collect(engine="streaming"))


def read_for_the_page(folder: Path) -> int:
    from seedscope.analysis.curves import held_runs
    from seedscope.trace.curves import read_curves

    arms = held_runs(large_study(folder))
    found = read_curves(folder, "batch", arms, ("batch/loss",))
    return sum(found[arm]["batch/loss"][1].size for arm in arms)


def benchmark_rows(folder: Path) -> None:
    make_rows(folder)
    size = sum(f.stat().st_size for f in (folder / "batch").iterdir()) / 2**20
    print(
        f"rows: {ARMS * RUNS_OF_ARM * STEPS:,} in {PARTS} Parquet parts, {size:.0f} MB"
    )
    for what, function in [
        ("plain scan (polars)", scan),
        ("by arm and step, DuckDB", group_by_duckdb),
        ("by arm and step, Polars", group_by_polars),
        ("curves for the page", read_for_the_page),
    ]:
        seconds, peak, rows = measured(function, folder)
        print(f"  {what:<25} {seconds:8.1f} s   peak {peak:.0f} MB   {rows:,} rows")


def main() -> None:
    parts = sys.argv[1:] or ["store", "rows"]
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            {"store": benchmark_store, "rows": benchmark_rows}[part](Path(folder))


if __name__ == "__main__":
    main()
