"""The Parquet tables in which traces are kept at full resolution: their columns.

Written and read here, so that nobody else knows a column's name; `curves` alone streams
the two tables of curves. One part per finished group and table, an artifact of the
study run under `traces/<table>/`. Rows carry the MLflow run they belong to; a reader
takes the rows of finished runs and no others, so a part that a killed process left
behind does no harm. A part leaves out the columns that none of its runs has.

    batch        run_id, step, batch/<metric>, batch_reported/<metric>
    epoch        run_id, epoch, train/<metric>, val/<metric>, weights_sha256
    predictions  run_id, example, target, label (of a class), output
    weights      run_id, snapshot, values
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from seedscope.trace.trace import Predictions, Trace

COUNTERS = {"batch": "step", "epoch": "epoch"}  # table of curves -> counts from 1
WEIGHTS = pl.List(pl.Float32)


# ---- writing ------------------------------------------------------------------------


def tables(
    run_ids: Sequence[str], traces: Sequence[Trace], outputs: bool
) -> dict[str, pl.DataFrame]:
    """Return {table: rows} of a finished group.

    Args:
        run_ids: the MLflow run of each trace.
        traces: the group.
        outputs: keep every test output, not only the predicted label.
    """
    pairs = list(zip(run_ids, traces, strict=True))
    made = {
        "batch": [_batch(run_id, trace) for run_id, trace in pairs],
        "epoch": [_epoch(run_id, trace) for run_id, trace in pairs],
        "predictions": [_predictions(i, trace, outputs) for i, trace in pairs],
        "weights": [_weights(run_id, trace) for run_id, trace in pairs],
    }
    held = {name: [f for f in frames if len(f)] for name, frames in made.items()}
    return {
        name: pl.concat(frames, how="diagonal_relaxed")
        for name, frames in held.items()
        if frames
    }


def _batch(run_id: str, trace: Trace) -> pl.DataFrame:
    columns = {f"batch/{n}": v.astype(np.float32) for n, v in trace.batch.items()}
    columns |= {
        f"batch_reported/{n}": v.astype(np.float32)
        for n, v in trace.batch_reported.items()
    }
    return _rows(run_id, "step", 1, columns)


def _epoch(run_id: str, trace: Trace) -> pl.DataFrame:
    columns = {f"train/{n}": v for n, v in trace.train.items()}
    columns |= {f"val/{n}": v for n, v in trace.val.items()}
    columns["weights_sha256"] = np.array(trace.weights_sha256[1:])
    return _rows(run_id, "epoch", 1, columns)


def _predictions(run_id: str, trace: Trace, outputs: bool) -> pl.DataFrame:
    predictions = trace.predictions
    if predictions is None:
        return pl.DataFrame()
    kept = keeps_outputs(predictions, outputs)
    if not kept and predictions.targets is None and predictions.labels is None:
        return pl.DataFrame()
    columns: dict[str, np.ndarray] = {"example": predictions.examples.astype(np.int64)}
    if predictions.targets is not None:
        columns["target"] = predictions.targets
    if predictions.labels is not None:
        columns["label"] = predictions.labels.astype(np.int32)
    if kept:
        columns["output"] = predictions.outputs
    return _rows(run_id, None, 0, columns)


def keeps_outputs(predictions: Predictions, outputs: bool) -> bool:
    """Tell whether outputs are kept: where they were asked for, or are the answer.

    Rows of numbers with neither label nor target, such as images, must be asked for.
    """
    one = predictions.outputs.shape[1] == 1 or predictions.targets is not None
    return outputs or (predictions.labels is None and one)


def _weights(run_id: str, trace: Trace) -> pl.DataFrame:
    if trace.weights is None:
        return pl.DataFrame()
    rows = _rows(run_id, "snapshot", 0, {"values": trace.weights.astype(np.float32)})
    return rows.with_columns(pl.col("values").cast(WEIGHTS))  # models differ in size


def _rows(
    run_id: str, counter: str | None, first: int, columns: dict[str, np.ndarray]
) -> pl.DataFrame:
    """Return the columns below each other's first row; shorter ones end in nulls."""
    longest = max((len(values) for values in columns.values()), default=0)
    if not longest:
        return pl.DataFrame()
    frame = pl.DataFrame(
        [
            pl.Series(name, values).extend_constant(None, longest - len(values))
            for name, values in columns.items()
        ]
    )
    lead = [pl.lit(run_id).alias("run_id")]
    if counter:
        count = pl.int_range(first, first + len(frame), dtype=pl.UInt32)
        lead.append(count.alias(counter))
    return frame.select(*lead, pl.all())


# ---- reading ------------------------------------------------------------------------


def folder_of(traces: Path | None, table: str) -> Path | None:
    """Return where the parts of one table are; None where there is no such table."""
    if traces is None or not (traces / table).is_dir():
        return None
    return traces / table


def read_predictions(traces: Path | None, ids: Sequence[str]) -> pl.DataFrame | None:
    """Return run_id, example, target and label of some runs, in this order of columns.

    Where no class was predicted `output` stands for the label, its first number. A
    column that none of the study's runs has is missing. Sorted by run and example.
    """
    parts = _scan(traces, "predictions")
    if parts is None or not ids:
        return None
    names = parts.collect_schema().names()
    last = "label" if "label" in names else "output"
    kept = [name for name in ("example", "target", last) if name in names]
    rows = parts.filter(pl.col("run_id").is_in(ids)).select("run_id", *kept)
    found = rows.sort("run_id", "example").collect()
    if last == "output" and isinstance(found["output"].dtype, pl.Array):
        first = pl.col("output").arr.first().cast(pl.Float64)
        found = found.with_columns(first)
    return found


def read_outputs(
    traces: Path | None, ids: Sequence[str], examples: int, most_cells: int
) -> np.ndarray | None:
    """Return every output, shape (runs, examples, outputs), runs sorted by id.

    None where only labels were kept, where there is one output, and above `most_cells`.
    """
    parts = _scan(traces, "predictions")
    dtype = None if parts is None else parts.collect_schema().get("output")
    if parts is None or not isinstance(dtype, pl.Array) or dtype.size < 2:
        return None
    if len(ids) * examples * dtype.size > most_cells:
        return None
    rows = parts.filter(pl.col("run_id").is_in(ids)).sort("run_id", "example")
    outputs = rows.select("output").collect()["output"].to_numpy()
    return outputs.reshape(len(ids), examples, dtype.size)


def read_weights(traces: Path | None, ids: Sequence[str]) -> list[np.ndarray] | None:
    """Return the kept weights of each run, (snapshots, parameters), in float64.

    None unless every run kept some.
    """
    rows = _weight_rows(traces, ids)
    if rows is None:
        return None
    found = rows.sort("run_id", "snapshot").select("run_id", "values").collect()
    groups = {key[0]: group["values"] for key, group in found.group_by("run_id")}
    if len(groups) < len(set(ids)):
        return None
    stacked = [np.stack([np.asarray(v) for v in groups[run_id]]) for run_id in ids]
    return [values.astype(np.float64) for values in stacked]


def read_final_weights(traces: Path | None, ids: Sequence[str]) -> np.ndarray | None:
    """Return the last weights that each run kept, shape (runs, parameters).

    None unless every run kept some, of one shape.
    """
    rows = _weight_rows(traces, ids)
    if rows is None:
        return None
    last = rows.group_by("run_id").agg(pl.col("values").sort_by("snapshot").last())
    found = last.sort("run_id").collect()["values"]
    if len(found) < len(set(ids)) or found.list.len().n_unique() > 1:
        return None
    return np.stack([np.asarray(row) for row in found])


def _weight_rows(traces: Path | None, ids: Sequence[str]) -> pl.LazyFrame | None:
    folder = folder_of(traces, "weights")
    files = sorted(folder.glob("*.parquet")) if folder else []
    if not files or not ids:
        return None
    parts = [
        pl.scan_parquet(file, glob=False).with_columns(pl.col("values").cast(WEIGHTS))
        for file in files  # version 0.1 wrote arrays of fixed size
    ]
    return pl.concat(parts).filter(pl.col("run_id").is_in(ids))


def _scan(traces: Path | None, table: str) -> pl.LazyFrame | None:
    folder = folder_of(traces, table)
    if folder is None:
        return None
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return None
    return pl.scan_parquet(files, glob=False, missing_columns="insert")
