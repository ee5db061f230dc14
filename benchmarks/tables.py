"""Measure how long tables of many rows and many arms take, and how much memory.

python benchmarks/tables.py
"""

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
SHAPES = (  # rows, arms
    (1_000_000, 1),
    (1_000_000, 2),
    (50_000, 10_000),
    (2_000, 200),
    (2_000, 40),
)


def main() -> None:
    print("| rows | arms | CPU seconds | seconds | MB | lines |")
    print("|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for rows, arms in SHAPES:
            path = Path(folder, f"{rows}_{arms}.csv")
            write(path, rows, arms)
            print(measured(path, rows, arms))


def write(path: Path, rows: int, arms: int) -> None:
    rng = np.random.default_rng(rows + arms)
    arm = pl.Series(np.arange(rows) % arms).cast(pl.String)
    scores = {name: rng.normal(0.8, 0.02, rows).round(5) for name in ("f1", "auc")}
    pl.DataFrame({"arm": arm} | scores).write_csv(path)


def measured(path: Path, rows: int, arms: int) -> str:
    command = [sys.executable, "src/compare.py", f"table={path}", "groups=[arm]"]
    before, start = used(), time.perf_counter()
    done = subprocess.run(
        [*MEMORY, *command], cwd=ROOT, check=True, capture_output=True, text=True
    )
    seconds, lines = time.perf_counter() - start, done.stdout.count("\n")
    memory = re.search(r"\d+", done.stderr)
    size = f"{int(memory[0]) / 1024:.0f}" if memory else "?"
    return (
        f"| {rows:,} | {arms:,} | {used() - before:.1f} | {seconds:.1f} | {size} | "
        f"{lines} |"
    )


MEMORY = [  # prints the peak of what it starts, in kB
    sys.executable,
    "-c",
    "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); "
    "sys.exit(r.returncode)",
]


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
