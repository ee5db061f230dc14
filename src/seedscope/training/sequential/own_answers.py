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


def predictions_of(
    run: Run, model: keras.Model, examples: Examples | Streams, test: Any
) -> tuple[Predictions | None, dict[str, str]]:
    """Return the answers on the test set, and of which output they are.

    They are one row of numbers for each example. Of several outputs the first that
    tells classes is kept, else the first of such rows. Pixels and steps of a sequence
    are no examples of their own, so nothing is kept of those.
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
    if found.ndim != 2 or (is_one(y) and len(y) != len(found)):
        return None, {}
    from_logits = run.settings.model.get("from_logits")
    values, classes, truth = answers_of(labels, y, found, from_logits)
    rows = (
        np.arange(len(found)) if isinstance(examples, Streams) else examples.test_rows
    )
    return Predictions(rows, truth, values.astype(np.float32), classes), told


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
