"""Load the data of a run: the arrays it trains, validates and is tested on."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from seedscope.study.seeds import stream_seed
from seedscope.study.words import Run
from seedscope.task.data.split import Parts, split
from seedscope.task.parts import call, locate
from seedscope.trace.trace import digest


@dataclass(frozen=True)
class Examples:
    """The examples of one run: the whole data set, and which rows are for what."""

    x: np.ndarray  # (rows, ...) with those of an official test set at the end
    y: np.ndarray  # (rows,) or (rows, k)
    parts: Parts
    y_train: np.ndarray  # (train,) or (train, k), label noise included
    classes: int  # 0: regression
    digests: Mapping[str, str]  # of the whole data and of the split

    @cached_property
    def x_train(self) -> np.ndarray:
        """Return the examples to train on."""
        return self.x[self.parts.train]

    @cached_property
    def x_validation(self) -> np.ndarray:
        """Return the examples to validate on; there may be none."""
        return self.x[self.parts.validation]

    @cached_property
    def y_validation(self) -> np.ndarray:
        """Return the labels or values of the validation examples."""
        return self.y[self.parts.validation]

    @cached_property
    def x_test(self) -> np.ndarray:
        """Return the examples to test on."""
        return self.x[self.parts.test]

    @cached_property
    def y_test(self) -> np.ndarray:
        """Return the labels or values of the test examples."""
        return self.y[self.parts.test]

    @property
    def test_rows(self) -> np.ndarray:
        """Return the row numbers of the test examples in the data set."""
        return self.parts.test


def load(run: Run) -> Examples:
    """Return the examples of a run, split by its own seeds.

    Raises:
        ValueError: the loader's arguments or arrays do not fit.
    """
    settings = run.settings
    whole = _load_whole(json.dumps(settings.data, sort_keys=True), run.seeds["data"])
    x, y = whole.x, whole.y
    own = len(x) - whole.official_test
    parts = split(own, settings.split, run.seeds["split"], whole.official_test)
    y_train = y[parts.train]
    classes = _classes(y)
    if settings.split.label_noise:
        y_train = _noisy(
            y_train, classes, settings.split.label_noise, run.seeds["data"]
        )
    return Examples(
        x=x,
        y=y,
        parts=parts,
        y_train=y_train,
        classes=classes,
        digests={
            "data": whole.digest,
            "split": digest([parts.train, parts.validation, parts.test, y_train]),
        },
    )


def uses_data_seed(run: Run) -> bool:
    """Tell whether the source `data` changes anything in this run."""
    loader = locate(run.settings.data, "data")
    takes_seed = "seed" in inspect.signature(loader).parameters
    return takes_seed or run.settings.split.label_noise > 0


@dataclass(frozen=True)
class _Whole:
    x: np.ndarray
    y: np.ndarray
    official_test: int  # rows at the end that are a test set of their own
    digest: str


def forget() -> None:
    """Have data loaded anew: a file may have changed since."""
    _load_whole.cache_clear()


@lru_cache(maxsize=2)
def _load_whole(options_json: str, seed: int) -> _Whole:
    options = json.loads(options_json)
    loaded = call(options, "data", seed=seed)
    where = f"data._target_={options['_target_']}"
    try:
        first, second = loaded
    except (TypeError, ValueError):
        raise ValueError(
            f"{where} must return (x, y) or ((x, y), (x_test, y_test)), got "
            f"{type(loaded).__name__}"
        ) from None
    if not isinstance(first, tuple):
        x, y = _checked(first, second, where)
        return _Whole(x, y, 0, digest([x, y, x[:0], y[:0]]))
    x, y = _checked(*first, where)
    x_test, y_test = _checked(*second, where)
    return _Whole(
        np.concatenate([x, x_test]),
        np.concatenate([y, y_test]),
        len(x_test),
        digest([x, y, x_test, y_test]),
    )


def _checked(x: Any, y: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y):
        raise ValueError(f"{where}: {len(x)} examples but {len(y)} labels")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype.kind == "f":
        for name, array in (("x", x), ("y", y)):
            if not np.isfinite(array).all():
                raise ValueError(f"{where}: {name} holds values that are not finite")
    elif y.dtype.kind in "iub":
        y = y.astype(np.int32)
        if y.ndim != 1 or (len(y) and y.min() < 0):
            raise ValueError(
                f"{where}: labels must be one class number from 0 on for each example, "
                f"got shape {y.shape}, least {y.min()}"
            )
    else:
        raise ValueError(f"{where}: labels must be numbers, got {y.dtype}")
    return x, y


def _classes(y: np.ndarray) -> int:
    return 0 if y.dtype.kind == "f" else int(y.max()) + 1


def _noisy(y: np.ndarray, classes: int, fraction: float, seed: int) -> np.ndarray:
    """Replace a fraction of the training labels by random classes."""
    if not classes:
        raise ValueError(
            "split.label_noise needs class labels; this data is a regression: use the "
            "noise of the data set itself"
        )
    rng = np.random.default_rng(stream_seed(seed, "label_noise"))
    replaced = rng.random(len(y)) < fraction
    return np.where(replaced, rng.integers(0, classes, len(y)), y).astype(y.dtype)
