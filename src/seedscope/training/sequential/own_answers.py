"""The answers of a run that Keras trained by itself, on its test set."""

from typing import Any

import keras
import numpy as np

from seedscope.study.words import Run
from seedscope.task.data.arrays import is_one, joined
from seedscope.task.data.labels import labels_of
from seedscope.task.data.load import Examples
from seedscope.task.data.streams import Streams, batches
from seedscope.task.model import answers
from seedscope.task.objective import answers_of
from seedscope.trace.trace import Predictions

MOST = 2_000_000  # numbers of a run's images or sequences that are kept: 8 MB


def predictions_of(
    run: Run, model: keras.Model, examples: Examples | Streams, test: Any
) -> tuple[Predictions | None, dict[str, str]]:
    """Return the answers on the test set, and of which output they are.

    They are one row of numbers for each example. Of several outputs the first that
    tells classes is kept, else the first of such rows. Pixels and steps of a sequence
    are no examples of their own: the outputs alone are kept of those, each example's in
    one row, without labels.
    """
    if not answers(model):
        return None, {}
    outputs, targets = [], []
    for x, y, _ in batches(test):
        outputs.append(keras.tree.map_structure(np.asarray, model.predict_on_batch(x)))
        targets.append(y)
    found, y = joined(outputs), joined(targets)
    place, labels, told = None, examples.labels, dict[str, str]()
    if not is_one(found):
        place = _place(found, y)
        if place is None:
            return None, {}
        found, y = found[place], y[place]
        labels, told = labels_of(y, "y"), {"predictions_of": f"output {place}"}
    if is_one(y) and len(y) != len(found):
        return None, {}
    rows = (
        np.arange(len(found)) if isinstance(examples, Streams) else examples.test_rows
    )
    if found.ndim != 2:
        return _flat(found, rows)
    from_logits = run.settings.model.get("from_logits")
    values, classes, truth = answers_of(labels, y, found, from_logits)
    return Predictions(rows, truth, values.astype(np.float32), classes), told


def _flat(
    found: np.ndarray, rows: np.ndarray
) -> tuple[Predictions | None, dict[str, str]]:
    """Return outputs of more than one axis an example in rows, if they are not many."""
    if found.size > MOST:
        return None, {
            "predictions_of": f"none: outputs of shape {found.shape} are "
            f"{found.size:,} numbers, and {MOST:,} a run are kept at most"
        }
    flat = found.reshape(len(found), -1).astype(np.float32)
    told = f"outputs of shape {found.shape[1:]}, flat and without labels"
    return Predictions(rows, None, flat, None), {"predictions_of": told}


def _place(outputs: Any, y: Any) -> Any:
    """Return which of several outputs is kept, by name or number; None: none is."""
    if is_one(y) or y is None or isinstance(y, dict) != isinstance(outputs, dict):
        return None
    places = list(outputs) if isinstance(outputs, dict) else range(len(outputs))
    rows = [
        place
        for place in places
        if (place in y if isinstance(y, dict) else place < len(y))
        if is_one(outputs[place]) and outputs[place].ndim == 2
        if is_one(y[place]) and y[place].ndim <= 2
    ]
    kinds = ("classes", "one_hot", "zero_one")
    sure = [place for place in rows if labels_of(y[place], "y").kind in kinds]
    return next(iter([*sure, *rows]), None)
