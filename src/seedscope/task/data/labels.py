"""What the targets of a data set are: classes, values, or something in between."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from seedscope.task.data.arrays import Tree, is_one, mapped

MOST_CLASSES = 1000  # more are taken for classes only where there are as many examples


@dataclass(frozen=True)
class Labels:
    """What one array of targets holds."""

    kind: str  # none | classes | values | zero_one | one_hot | many | grid | several
    classes: int  # of classes, one_hot and grid; else 0
    width: Any  # how many outputs the model's function is told

    @staticmethod
    def of(classes: "int | Labels") -> "Labels":
        """Return what a number of classes says; 0: values."""
        if isinstance(classes, Labels):
            return classes
        width = 1 if classes in (0, 2) else classes
        return Labels("classes" if classes else "values", classes, width)


NONE = Labels("none", 0, 1)


def labels_of(y: Tree, where: str) -> Labels:
    """Return what targets hold.

    Whole numbers are classes; floats are values, unless all are 0 or 1: those may be
    classes, which the loss and the model's outputs decide.

    Raises:
        ValueError: targets that are neither classes nor values.
    """
    if y is None:
        return NONE
    if not is_one(y):
        width = mapped(lambda array: _labels(array, where).width, y)
        return Labels("several", 0, width)
    return _labels(y, where)


def _labels(y: np.ndarray, where: str) -> Labels:
    if y.dtype.kind not in "fiub":
        raise ValueError(
            f"{where}: labels must be numbers, got {y.dtype}; number the classes from "
            "0 on (np.unique(y, return_inverse=True))"
        )
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    kind = _kind(flat)
    if kind in ("classes", "grid"):
        return _classes(flat, kind, where)
    if kind == "one_hot":
        return Labels(kind, flat.shape[1], flat.shape[1])
    return Labels(kind, 0, flat.shape[-1] if flat.ndim > 1 else 1)


def _kind(y: np.ndarray) -> str:
    whole = y.dtype.kind != "f"
    if y.ndim > 2:
        return "grid" if whole else "values"
    both = len(y) > 0 and bool(((y == 0) | (y == 1)).all()) and bool((y == 1).any())
    if y.ndim == 2 and both:
        return "one_hot" if (y.sum(axis=1) == 1).all() else "many"
    if whole:
        return "classes" if y.ndim == 1 else "grid"
    return "zero_one" if y.ndim == 1 and both and (y == 0).any() else "values"


def _classes(y: np.ndarray, kind: str, where: str) -> Labels:
    least, most = (int(y.min()), int(y.max())) if y.size else (0, 0)
    if least < 0:
        raise ValueError(
            f"{where}: labels must be one class number from 0 on for each example, "
            f"got shape {y.shape}, least {least}"
        )
    if most >= max(MOST_CLASSES, y.size):
        raise ValueError(
            f"{where}: whole numbers are classes, and {most} in {y.size} labels would "
            f"make {most + 1:,} of them; number the classes from 0 on "
            "(np.unique(y, return_inverse=True)), or give values as floats"
        )
    classes = most + 1
    return Labels(kind, classes, 1 if (classes, kind) == (2, "classes") else classes)
