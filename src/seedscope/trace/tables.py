"""The Parquet tables in which traces are kept at full resolution.

One part per finished group and table, an artifact of the study run under
`traces/<table>/`. Rows carry the MLflow run they belong to; a reader takes the rows of
finished runs and no others, so a part that a killed process left behind does no harm.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from seedscope.trace.trace import Trace

TABLES = ("batch", "epoch", "predictions", "weights")


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
    columns = {"example": predictions.examples.astype(np.int64)}
    if predictions.targets is not None:
        columns["target"] = predictions.targets
    if predictions.labels is not None:
        columns["label"] = predictions.labels.astype(np.int32)
    if outputs or predictions.labels is None:
        columns["output"] = predictions.outputs
    return _rows(run_id, None, 0, columns)


def _weights(run_id: str, trace: Trace) -> pl.DataFrame:
    if trace.weights is None:
        return pl.DataFrame()
    return _rows(run_id, "snapshot", 0, {"values": trace.weights.astype(np.float32)})


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
