"""A script's predictions as a trace holds them: outputs, and labels where known."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from seedscope.trace.trace import Predictions
from seedscope.training.script.record import Answers

LARGEST = 20_000_000  # values of one run's outputs that are kept
OUTPUT = (
    "output",
    "outputs",
    "prediction",
    "predictions",
    "y_pred",
    "probability",
    "score",
)
TARGET = ("target", "targets", "label", "labels", "y", "y_true", "truth")
EXAMPLE = ("example", "examples", "id", "index")


def predictions(answers: Answers | None) -> Predictions | None:
    """Return the predictions of a run; none where there are none, or too many."""
    if answers is None or answers.outputs.size > LARGEST or not len(answers.outputs):
        return None
    outputs = answers.outputs.reshape(len(answers.outputs), -1).astype(np.float32)
    targets = None if answers.targets is None else np.asarray(answers.targets)
    if targets is not None and targets.ndim > 1:
        targets = _flat(targets, outputs)
    labels = _labels(outputs, targets, answers.logits)
    if targets is not None and labels is not None:
        targets = targets.astype(np.int64)
    return Predictions(np.arange(len(outputs)), targets, outputs, labels)


def read(path: Path) -> Answers:
    """Read what a script wrote by itself: a .npz or .csv of outputs and targets.

    Raises:
        ValueError: there is no such file, or no outputs in it.
    """
    if not path.is_file():
        raise ValueError(
            f"script.predictions={path.name}: the script wrote no such file"
        )
    columns = _npz(path) if path.suffix == ".npz" else _csv(path)
    output = _column(columns, OUTPUT)
    if output is None:
        many = [v for k, v in columns.items() if k.startswith(("output_", "output."))]
        output = np.stack(many, axis=1) if many else None
    if output is None:
        raise ValueError(
            f"script.predictions={path.name} holds {', '.join(columns)}: one must be "
            "`output`, or several `output_0`, `output_1`, ..."
        )
    return Answers(output, _column(columns, TARGET), origin=path.name)


def with_table(
    answers: Answers | None, artifacts: Mapping[str, Path]
) -> tuple[Answers | None, str | None]:
    """Return answers with the labels that a table tells which the script logged.

    Args:
        answers: the last prediction; none: the table may hold outputs too.
        artifacts: what the script logged to MLflow: name -> file.

    Returns:
        The answers, and where the labels come from, if from there.
    """
    if answers is not None and answers.targets is not None:
        return answers, None
    for name, path in artifacts.items():
        columns = _table(path)
        targets, outputs = _column(columns, TARGET), _column(columns, OUTPUT)
        if targets is None:
            continue
        if answers is None and outputs is not None:
            return Answers(outputs, targets, origin=name), f"predictions: {name}"
        if answers is None or len(targets) != len(answers.outputs):
            continue
        if outputs is None or _alike(outputs, answers.outputs):
            told = f"labels of the last predict: {name}, row by row"
            return replace(answers, targets=targets), told
    return answers, None


def packed(answers: Answers | None) -> bytes | None:
    """Return all outputs of a prediction that has several, as a .npz."""
    if answers is None or not answers.others:
        return None
    if sum(values.size for values in answers.others.values()) > LARGEST:
        return None
    held = io.BytesIO()
    outputs: dict[str, Any] = {
        name.replace("/", "_"): v for name, v in answers.others.items()
    }
    np.savez_compressed(held, **outputs)
    return held.getvalue()


def _table(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of numbers of what `mlflow.log_table` wrote; else nothing."""
    try:
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
        elif path.suffix == ".json":
            held = json.loads(path.read_text())
            frame = pl.DataFrame(held["data"], schema=held["columns"], orient="row")
        else:
            return {}
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        return {}
    whole = {s.name: s.to_numpy() for s in frame if s.dtype.is_numeric()}
    return {name: v for name, v in whole.items() if np.isfinite(v).all()}


def _alike(logged: np.ndarray, outputs: np.ndarray) -> bool:
    """Tell whether a logged column is of these outputs: values, or their classes."""
    rows = outputs.reshape(len(outputs), -1)
    if np.allclose(rows[:, 0], logged, rtol=1e-3, atol=1e-5):
        return True
    labels = _labels(rows, logged, logits=False)
    return labels is not None and bool((labels == logged).all())


def _npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def _csv(path: Path) -> dict[str, np.ndarray]:
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = list(rows[0]) if rows else []
    try:
        return {name: np.array([float(row[name]) for row in rows]) for name in names}
    except ValueError as error:
        raise ValueError(f"script.predictions={path.name}: {error}") from None


def _column(
    columns: dict[str, np.ndarray], names: tuple[str, ...]
) -> np.ndarray | None:
    return next((columns[name] for name in names if name in columns), None)


def _flat(targets: np.ndarray, outputs: np.ndarray) -> np.ndarray | None:
    """Return one target an example: of a column, or of a one-hot row."""
    rows = targets.reshape(len(targets), -1)
    if rows.shape[1] == 1:
        return rows[:, 0]
    one_hot = rows.shape == outputs.shape and bool(
        (np.isin(rows, (0, 1))).all() and (rows.sum(axis=1) == 1).all()
    )
    return rows.argmax(axis=1) if one_hot else None


def _labels(
    outputs: np.ndarray, targets: np.ndarray | None, logits: bool
) -> np.ndarray | None:
    """Return predicted classes, where the outputs are a classifier's."""
    if outputs.shape[1] > 1:
        if targets is not None:
            whole = bool((targets == np.round(targets)).all())
            fits = whole and targets.min() >= 0 and targets.max() < outputs.shape[1]
            return outputs.argmax(axis=1) if fits else None
        alike = np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
        return outputs.argmax(axis=1) if alike and outputs.min() >= 0 else None
    if targets is None:
        return None
    if not np.isin(targets, (0, 1)).all():
        # No regression answers in whole numbers alone: these are classes.
        whole = all((v == np.round(v)).all() for v in (outputs, targets))
        return outputs[:, 0].astype(np.int64) if whole else None
    within = outputs.min() >= 0 and outputs.max() <= 1
    return (outputs[:, 0] > (0.5 if within and not logits else 0.0)).astype(np.int64)
