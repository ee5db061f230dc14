"""Load the data of a run: what it trains on, validates with and is tested on.

A loader returns `(x, y)`, `(x, y, sample_weight)` or x alone, which are split by the
run's seeds; or parts that stay as they are: `(train, test)` or `(train, validation,
test)`, each a tuple of arrays. Several inputs or targets are a list or a dictionary.
A tf.data.Dataset, a PyDataset or any object with a length that yields batches may stand
for a part (task/data/streams.py). What the loader itself draws follows the source
`data`.
"""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from seedscope.study.seeds import stream_seed
from seedscope.study.words import Run
from seedscope.task import standing
from seedscope.task.data import streams
from seedscope.task.data.arrays import (
    Tree,
    as_arrays,
    check_finite,
    count,
    hashable,
    is_one,
    joined,
    leaves,
    mapped,
    named,
    take,
)
from seedscope.task.data.draws import drawing
from seedscope.task.data.labels import Labels, labels_of
from seedscope.task.data.split import Parts, split
from seedscope.task.data.streams import Streams
from seedscope.task.parts import call, locate
from seedscope.trace.trace import digest


@dataclass(frozen=True)
class Examples:
    """The examples of one run: the whole data set, and which rows are for what."""

    x: Tree  # (rows, ...) with those of parts of their own at the end
    y: Tree  # (rows,) or (rows, ...); None: there are no targets
    parts: Parts
    y_train: Tree  # of the training rows, label noise included
    classes: int  # 0: no classes
    digests: Mapping[str, str]  # of the whole data and of the split
    labels: Labels
    weights: Tree = None  # (rows,): of the examples in the loss
    given: Tree = None  # y as the loader returned it
    batch_size: int | None = None  # of a Dataset that was read into arrays

    @cached_property
    def x_train(self) -> Tree:
        """Return the examples to train on."""
        return take(self.x, self.parts.train)

    @cached_property
    def x_validation(self) -> Tree:
        """Return the examples to validate on; there may be none."""
        return take(self.x, self.parts.validation)

    @cached_property
    def y_validation(self) -> Tree:
        """Return the labels or values of the validation examples."""
        return take(self.y, self.parts.validation)

    @cached_property
    def x_test(self) -> Tree:
        """Return the examples to test on."""
        return take(self.x, self.parts.test)

    @cached_property
    def y_test(self) -> Tree:
        """Return the labels or values of the test examples."""
        return take(self.y, self.parts.test)

    @property
    def test_rows(self) -> np.ndarray:
        """Return the row numbers of the test examples in the data set."""
        return self.parts.test

    @cached_property
    def sample(self) -> Tree:
        """Return a few examples, in the types that they are fed in."""
        return fed(take(self.x, self.parts.train[:32]))

    @cached_property
    def sample_targets(self) -> Tree:
        """Return the targets of the same examples."""
        return take(self.given, self.parts.train[:32])

    def part(self, name: str) -> tuple[Tree, Tree, Tree]:
        """Return x, y and weights of a part as the loader gave them, to be fed."""
        rows = getattr(self.parts, name)
        y = take(self.given, rows)
        if name == "train" and self.y_train is not None and is_one(y):
            noisy = self.y_train.reshape(y.shape)
            y = noisy.astype(y.dtype)
        return fed(take(self.x, rows)), fed(y), fed(take(self.weights, rows))


def fed(tree: Tree) -> Tree:
    """Return arrays in the type they are fed in: the model's float, or as they are."""
    kind = keras.config.floatx()
    return mapped(
        lambda a: a.astype(kind, copy=False) if a.dtype.kind == "f" else a, tree
    )


def load(run: Run) -> Examples | Streams:
    """Return the examples of a run, split by its own seeds or as they were given.

    Raises:
        ValueError: the loader's arguments or arrays do not fit.
    """
    settings = run.settings
    options = json.dumps(settings.data, sort_keys=True)
    whole = _load_whole(options, run.seeds["data"])
    if isinstance(whole, Streams):
        _check_not_split(run)
        return whole
    return _examples(run, whole)


def _examples(run: Run, whole: "_Whole") -> Examples:
    settings, y = run.settings, whole.y
    size = settings.loop.batch_size
    if whole.batch_size not in (None, size) and settings.loop.name != "solve":
        raise ValueError(
            f"data._target_={settings.data['_target_']} returns a Dataset in batches "
            f"of {whole.batch_size}, and loop.batch_size={size}: set loop.batch_size="
            f"{whole.batch_size}, or return it without .batch()"
        )
    if whole.fixed is not None:
        _check_not_split(run)
        parts = whole.fixed
    else:
        own = count(whole.x) - whole.official_test
        parts = split(own, settings.split, run.seeds["split"], whole.official_test)
    y_train = take(y, parts.train)
    classes = whole.labels.classes if whole.labels.kind == "classes" else 0
    if settings.split.label_noise:
        y_train = _noisy(
            y_train, classes, settings.split.label_noise, run.seeds["data"]
        )
    drawn = [parts.train, parts.validation, parts.test, *leaves(y_train)]
    return Examples(
        x=whole.x,
        y=y,
        parts=parts,
        y_train=y_train,
        classes=classes,
        digests={"data": whole.digest, "split": digest(map(hashable, drawn))},
        labels=whole.labels,
        weights=whole.weights,
        given=whole.given,
        batch_size=whole.batch_size,
    )


def uses_data_seed(run: Run) -> bool:
    """Tell whether the source `data` changes anything in this run."""
    loader = locate(run.settings.data, "data")
    takes_seed = "seed" in inspect.signature(loader).parameters
    if takes_seed or run.settings.split.label_noise > 0:
        return True
    if run.settings.data["_target_"].startswith("seedscope."):
        return False
    return _follows_seed(json.dumps(run.settings.data, sort_keys=True))


@lru_cache(maxsize=8)
def _follows_seed(options_json: str) -> bool:
    """Tell whether a loader makes other data under another seed; asked once of each."""
    digests = [
        whole.digests["data"] if isinstance(whole, Streams) else whole.digest
        for whole in (_load_whole(options_json, seed) for seed in (1, 2))
    ]
    return digests[0] != digests[1]


@dataclass(frozen=True)
class _Whole:
    x: Tree
    y: Tree
    given: Tree
    weights: Tree
    labels: Labels
    official_test: int  # rows at the end that are a test set of their own
    fixed: Parts | None  # where all parts were given
    digest: str
    batch_size: int | None


def _call(options: Mapping[str, Any], seeds: Mapping[str, int]) -> tuple[Any, bool]:
    """Call a loader with a run's seeds; tell whether its pipelines repeat draws."""
    locate(options, "data")  # its module stands before anything is drawn from it
    with drawing(seeds) as repeats:
        standing.start(seeds["data"], fixed=True)
        return call(options, "data", seed=seeds["data"]), repeats()


def forget() -> None:
    """Have data loaded anew: a file may have changed since."""
    _load_whole.cache_clear()
    _follows_seed.cache_clear()


@lru_cache(maxsize=2)
def _load_whole(options_json: str, seed: int) -> _Whole | Streams:
    options = json.loads(options_json)
    where = f"data._target_={options['_target_']}"
    seeds: dict[str, int] = {"data": seed, "shuffle": seed, "augmentation": seed}
    loaded, repeats = _call(options, seeds)
    parts = _parts(loaded, where)
    batch_size = None
    if all(map(streams.is_stream, parts)):
        if len(parts) > 1:
            return replace(
                streams.described(parts, where),
                repeats=repeats,
                again=lambda seeds: _call(options, seeds)[0],
            )
        (read, batch_size) = streams.read_lone(parts[0], where)
        parts = [read]
    names = streams.PARTS.get(len(parts), ("",))
    checked = [
        _checked(part, f"{where}, {name}" if name else where)
        for part, name in zip(parts, names, strict=True)
    ]
    return _whole(checked, batch_size, where)


def _whole(
    parts: list[tuple[Tree, Tree, Tree]], batch_size: int | None, where: str
) -> _Whole:
    held = {tuple(tree is None for tree in part) for part in parts}
    try:
        if len(held) > 1:
            raise ValueError("one part has targets or weights, another has none")
        x, given, weights = (joined(list(trees)) for trees in zip(*parts, strict=True))
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{where} returns parts of different shapes; train and test must be alike "
            "(several inputs go into a list or a dictionary, not a tuple)"
        ) from None
    labels = labels_of(given, where)
    y = _flat(given, labels)
    sizes = [count(part[0]) for part in parts]
    edges = np.cumsum([0, *sizes])
    rows = [np.arange(a, b) for a, b in pairwise(edges)]
    if len(parts) == 1:
        told = (x, y, take(x, slice(0)), take(y, slice(0)))
    else:
        first, rest = slice(0, sizes[0]), slice(sizes[0], None)
        told = (take(x, first), take(y, first), take(x, rest), take(y, rest))
    arrays = [array for tree in (*told, weights) for array in leaves(tree)]
    return _Whole(
        x=x,
        y=y,
        given=given,
        weights=weights,
        labels=labels,
        official_test=sizes[1] if len(parts) == 2 else 0,
        fixed=Parts(*rows) if len(parts) == 3 else None,
        digest=digest(map(hashable, arrays)),
        batch_size=batch_size,
    )


def _flat(given: Tree, labels: Labels) -> Tree:
    """Return targets as one number for each example where they are that."""
    if not is_one(given):
        return given
    y = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
    return y.astype(np.int32) if labels.kind == "classes" else y


def _parts(loaded: Any, where: str) -> list[Any]:
    """Return the parts that a loader returned: one, or train, (validation,) test."""
    if streams.is_stream(loaded):
        return [loaded]
    if isinstance(loaded, tuple | list) and loaded:
        kinds = {streams.is_stream(part) for part in loaded}
        if kinds == {True, False}:
            raise ValueError(
                f"{where} returns a Dataset beside arrays; make all parts of one kind"
            )
        given = kinds == {True} or all(isinstance(part, tuple) for part in loaded)
        if given and len(loaded) in (2, 3):
            return list(loaded)
        if len(loaded) <= 3 and not given:
            return [tuple(loaded)]
    elif hasattr(loaded, "__array__") or isinstance(loaded, dict):
        return [(loaded,)]
    if hasattr(loaded, "__next__"):
        raise ValueError(
            f"{where} returns a generator, which runs dry after one epoch; return a "
            "tf.data.Dataset.from_generator(...), an object with a length, or train by "
            "your own program with script.path=my_train.py"
        )
    raise ValueError(
        f"{where} must return (x, y), (x, y, sample_weight), (train, test) or (train, "
        f"validation, test), got {type(loaded).__name__}"
    )


def _checked(part: tuple, where: str) -> tuple[Tree, Tree, Tree]:
    """Return x, y and weights of one part as arrays of as many examples."""
    if not 1 <= len(part) <= 3:
        raise ValueError(
            f"{where}: a part is (x, y) or (x, y, sample_weight), got {len(part)}"
        )
    names = ("x", "y", "sample_weight")
    trees = [
        as_arrays(tree, name, where) for tree, name in zip(part, names, strict=False)
    ]
    trees += [None] * (3 - len(trees))
    found = [item for tree, name in zip(trees, names, strict=True)
             for item in named(tree, name)]  # fmt: skip
    examples = len(found[0][1])
    for name, array in found:
        if len(array) != examples:
            what = "labels" if name == "y" else name
            raise ValueError(f"{where}: {examples} examples but {len(array)} {what}")
    for tree, name in zip(trees, names, strict=True):
        check_finite(tree, name, where)
    return tuple(trees)


def _check_not_split(run: Run) -> None:
    """Refuse settings of the split where the loader gave the parts."""
    settings = run.settings.split
    asked = {
        f"split.method={settings.method}": settings.method != "holdout",
        f"split.train_size={settings.train_size}": settings.train_size is not None,
        f"split.label_noise={settings.label_noise}": settings.label_noise > 0,
    }
    for said, given in asked.items():
        if given:
            raise ValueError(
                f"{said}: data._target_={run.settings.data['_target_']} returns parts, "
                "which stay as they are; return one data set to have it split"
            )


def _noisy(y: np.ndarray, classes: int, fraction: float, seed: int) -> np.ndarray:
    """Replace a fraction of the training labels by random classes."""
    if not classes:
        raise ValueError(
            "split.label_noise needs class labels, one number for each example; this "
            "data is a regression: use the noise of the data set itself"
        )
    rng = np.random.default_rng(stream_seed(seed, "label_noise"))
    replaced = rng.random(len(y)) < fraction
    return np.where(replaced, rng.integers(0, classes, len(y)), y).astype(y.dtype)
