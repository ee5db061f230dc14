"""Curves of runs of other programs, kept as the traces that the comparison draws.

They live in a folder of their own until the program ends.
"""

import atexit
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

import polars as pl

MOST = 5_000  # epochs; a curve over more steps is a batch curve
PART = re.compile(r"^(train|training|val|valid|validation|eval|dev)[_/ .-]+(.+)$", re.I)


def keep_curves(curves: pl.DataFrame, run_ids: Sequence[str]) -> Path | None:
    """Write curves over epochs as Parquet; None where their steps are no epochs.

    Args:
        curves: columns run (a place in `run_ids`), score, step, value.
        run_ids: the name of each run, as in the table of runs.
    """
    steps = curves["step"].unique().sort()
    if len(steps) < 2 or steps[0] not in (0, 1) or steps[-1] > MOST:
        return None
    if not (steps == steps.floor()).all() or len(set(run_ids)) < len(run_ids):
        return None
    names = {name: _in_parts(name) for name in curves["score"].unique().to_list()}
    if len(set(names.values())) < len(names):
        return None  # two names of one score: which is which is not known
    rows = curves.select(
        pl.col("run").replace_strict(dict(enumerate(run_ids))).alias("run_id"),
        (pl.col("step") - steps[0] + 1).cast(pl.UInt32).alias("epoch"),
        pl.col("score").replace_strict(names),
        "value",
    )
    table = rows.pivot(
        on="score", index=["run_id", "epoch"], values="value", aggregate_function="last"
    )
    return keep("epoch", table.sort("run_id", "epoch"))


def keep(name: str, table: pl.DataFrame, folder: Path | None = None) -> Path:
    """Write one table of traces; return the folder of all."""
    if folder is None:
        folder = Path(mkdtemp(prefix="seedscope"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    place = folder / name
    place.mkdir()
    table.write_parquet(place / "part.parquet")
    return folder


def _in_parts(name: str) -> str:
    """Return `val/accuracy` for val_accuracy, `train/accuracy` for accuracy."""
    found = PART.match(name)
    if found is None:
        return f"train/{name}"
    return f"{'train' if found[1].lower().startswith('train') else 'val'}/{found[2]}"
