"""TensorBoard's event files: scalars of a training, without TensorFlow.

TensorBoard's own record reader and protocol buffers are used, those of its build that
does without TensorFlow: its usual loader would import it.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

PATTERN = "*tfevents*"
PARTS = {  # Keras writes a folder for each part of the data
    "train": "train",
    "training": "train",
    "validation": "val",
    "val": "val",
    "valid": "val",
    "eval": "val",
    "test": "test",
}
SCALARS = "scalars"  # TensorBoard's plugin


def read_events(root: Path) -> pl.DataFrame:
    """Return run, score, step, value of every scalar in event files below a folder.

    A training is a folder that holds event files; `train` and `validation` below one
    are its parts. Of a step that was written twice the later value counts.

    Raises:
        ValueError: an event file is none.
    """
    rows: list[tuple[str, str, int, float, int]] = []
    for number, path in enumerate(sorted(root.rglob(PATTERN))):
        run, part = _run_of(path.parent, root)
        for tag, step, value in _scalars(path):
            rows.append((run, _name(tag, part), step, value, number))
    schema = {"run": pl.String, "score": pl.String, "step": pl.Int64}
    schema |= {"value": pl.Float64, "file": pl.Int64}
    found = pl.DataFrame(rows, schema, orient="row")
    return found.unique(["run", "score", "step"], keep="last", maintain_order=True)


def _run_of(folder: Path, root: Path) -> tuple[str, str | None]:
    part = PARTS.get(folder.name.lower()) if folder != root else None
    whole = folder.parent if part else folder
    return whole.relative_to(root).as_posix(), part


def _name(tag: str, part: str | None) -> str:
    """Return `val/accuracy` for Keras' epoch_accuracy below `validation`."""
    return f"{part}/{tag.removeprefix('epoch_')}" if part else tag


def _scalars(path: Path) -> Iterator[tuple[str, int, float]]:
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    from tensorboard.compat.proto import event_pb2
    from tensorboard.util.tensor_util import make_ndarray

    made = vars(event_pb2)["Event"]  # protocol buffers make their classes on import
    plugins: dict[str, str] = {}
    for record in _records(path):
        event = made.FromString(record)
        for value in event.summary.value:
            if value.HasField("metadata"):
                plugins[value.tag] = value.metadata.plugin_data.plugin_name
            if value.HasField("simple_value"):
                yield value.tag, event.step, float(value.simple_value)
            elif value.HasField("tensor") and plugins.get(value.tag) == SCALARS:
                number = np.asarray(make_ndarray(value.tensor))
                if number.size == 1:
                    yield value.tag, event.step, float(number.reshape(()))


def _records(path: Path) -> Iterator[bytes]:
    """Yield the records of a file up to one that a killed training left unfinished."""
    from tensorboard.compat.tensorflow_stub import errors
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import (
        PyRecordReader_New,
    )

    reader = PyRecordReader_New(str(path), 0, b"", None)
    first = True
    while True:
        try:
            reader.GetNext()
        except errors.OutOfRangeError:
            return
        except (errors.DataLossError, MemoryError, OverflowError) as error:
            if first or "truncated" not in str(error):
                raise ValueError(
                    f"table: {path} is no whole event file: {error}"
                ) from None
            return
        first = False
        if (record := reader.record()) is not None:
            yield record
