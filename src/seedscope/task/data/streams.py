"""Data sets that yield batches, fed as they stand: no order, batch or split of ours.

A *stream* is a finite tf.data.Dataset, a PyDataset or any object with a length that
yields batches anew each time it is walked through. One that is returned alone is read
into arrays, which can be split, if two passes over it agree. Each run gets streams of
its own: the loader is called again, and its draws follow the run's seeds (draws.py).
The batches of a PyDataset come in an order that `fit` draws: here the run's `shuffle`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.task.data.arrays import (
    Tree,
    check_finite,
    hashable,
    joined,
    leaves,
    mapped,
    take,
)
from seedscope.task.data.labels import Labels, labels_of

SCRIPT = "or train by your own program with script.path=my_train.py"
ALL = 2**31 - 1  # a batch that takes whatever there is
PARTS = {2: ("train", "test"), 3: ("train", "validation", "test")}


@dataclass(frozen=True)
class Streams:
    """The parts of a data set that come as batches."""

    parts: Mapping[str, Any]  # train, test and maybe validation -> stream
    steps: Mapping[str, int]  # of each part: batches in a pass
    sizes: Mapping[str, tuple[int, ...]]  # of each part: examples in each batch
    labels: Labels
    sample: Tree  # x of a few examples
    targets: Tree  # y of the same examples
    digests: Mapping[str, str]
    batched: bool  # False: its elements are single examples
    repeats: bool = False  # an operation in it draws the same in every epoch
    again: Callable[[Mapping[str, int]], Any] | None = None  # seeds -> streams

    @property
    def classes(self) -> int:
        """Return the number of classes; 0: none."""
        return self.labels.classes if self.labels.kind == "classes" else 0

    @property
    def sample_targets(self) -> Tree:
        """Return the targets of the examples of `sample`."""
        return self.targets

    def steps_in(self, batch_size: int | None) -> int:
        """Return how many batches the training part has in a pass."""
        if self.batched:
            return self.steps["train"]
        return -(-self.sizes["train"][0] // (batch_size or ALL))

    def fresh(self, batch_size: int | None, seeds: Mapping[str, int]) -> dict[str, Any]:
        """Return streams of batches that nothing has walked through yet.

        Args:
            batch_size: of a Dataset of single examples.
            seeds: source -> seed of the run that they are for.
        """
        made = self.again(seeds) if self.again else tuple(self.parts.values())
        return {
            name: stream if self.batched else stream.batch(batch_size or ALL)
            for name, stream in zip(self.parts, made, strict=True)
        }


def is_stream(loaded: Any) -> bool:
    """Tell whether something yields batches: no array, and no list of arrays."""
    if isinstance(loaded, tf.data.Dataset | keras.utils.PyDataset):
        return True
    if hasattr(loaded, "__array__") or isinstance(loaded, list | tuple | dict | str):
        return False
    walks = hasattr(loaded, "__iter__") or hasattr(loaded, "__getitem__")
    return hasattr(loaded, "__len__") and walks and not hasattr(loaded, "__next__")


def batches(stream: Any) -> Iterator[tuple[Tree, Tree, Tree]]:
    """Walk once through a stream; yield x, y and weights of each element."""
    if isinstance(stream, tf.data.Dataset):
        found: Any = stream.as_numpy_iterator()
    elif hasattr(stream, "__getitem__"):  # also a PyDataset, which yields for ever
        found = (stream[place] for place in range(len(stream)))
    else:
        found = iter(stream)
    for element in found:
        part = element if isinstance(element, tuple) else (element,)
        x, y, weights = keras.utils.unpack_x_y_sample_weight(part)
        yield tuple(mapped(np.asarray, tree) for tree in (x, y, weights))


def order_of(stream: Any) -> str:
    """Return the digest of one pass over a stream, in its order."""
    return _in_order(stream)


def is_walked(stream: Any) -> bool:
    """Tell whether a stream of batches is one that only we made a PyDataset of."""
    return isinstance(stream, _Walked)


def fed_to_keras(stream: Any) -> Any:
    """Return a stream as something that Keras takes."""
    if isinstance(stream, tf.data.Dataset | keras.utils.PyDataset):
        return stream
    return _Walked(stream)


class Ordered(keras.utils.PyDataset):
    """A PyDataset whose batches come in planned orders, one for each epoch."""

    def __init__(self, stream: keras.utils.PyDataset, orders: np.ndarray) -> None:
        """Take a stream, and the places of its batches, shape (epochs, batches)."""
        super().__init__(
            workers=stream.workers,
            use_multiprocessing=stream.use_multiprocessing,
            max_queue_size=stream.max_queue_size,
        )
        self._stream = stream
        self._orders = orders
        self.epoch = 0  # Keras' own calls do not count: it looks at a batch first

    def __len__(self) -> int:
        return self._orders.shape[1]

    def __getitem__(self, place: int) -> Any:
        return self._stream[int(self._orders[self.epoch][place])]

    def on_epoch_begin(self) -> None:
        """Tell the stream."""
        self._stream.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the stream."""
        self._stream.on_epoch_end()


class _Walked(keras.utils.PyDataset):
    """An object with a length that yields batches, as Keras takes it."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._walk: Iterator[Any] = iter(())

    def __len__(self) -> int:
        return len(self._stream)

    def __getitem__(self, place: int) -> Any:
        if hasattr(self._stream, "__getitem__"):
            return self._stream[place]
        if place == 0:
            self._walk = iter(self._stream)
        return next(self._walk)

    def on_epoch_end(self) -> None:
        if hasattr(self._stream, "on_epoch_end"):
            self._stream.on_epoch_end()


def described(streams: Sequence[Any], where: str) -> Streams:
    """Walk once through each part and note what is in it.

    Raises:
        ValueError: a stream has no end or no examples, or holds what is not finite.
    """
    parts = dict(zip(PARTS[len(streams)], streams, strict=True))
    single = {_is_single(stream, where) for stream in streams}
    if len(single) > 1:
        raise ValueError(f"{where}: one part is batched and another is not")
    seen = {name: _walked(s, name, where) for name, s in parts.items()}
    ys = [one.y for one in seen.values()]
    labels = labels_of(None if ys[0] is None else joined(ys), where)
    first = seen["train"]
    return Streams(
        parts=parts,
        steps={name: len(one.sizes) for name, one in seen.items()},
        sizes={name: one.sizes for name, one in seen.items()},
        labels=labels,
        sample=first.sample,
        targets=take(first.y, slice(len(leaves(first.sample)[0]))),
        digests={
            "data": _hash(one.digest for one in seen.values()),
            "split": _hash(one.digest for one in seen.values()),
        },
        batched=not single.pop(),
    )


def read_lone(stream: Any, where: str) -> tuple[tuple, int | None]:
    """Read a stream that was returned alone; return its arrays and its batch size.

    Raises:
        ValueError: two passes over it do not agree.
    """
    _check_finite_length(stream, where)
    single = _is_single(stream, where)
    first, second = (_in_order(stream) for _ in range(2))
    if first != second:
        raise ValueError(
            f"{where}: two passes over its Dataset do not agree (it shuffles or "
            "draws), so it cannot be split; return (train, test) or (train, "
            "validation, test), fed as they stand"
        )
    read = [part if not single else _one_row(part) for part in batches(stream)]
    if not read:
        raise ValueError(f"{where}: the Dataset holds no examples")
    x, y, weights = (joined(list(trees)) for trees in zip(*read, strict=True))
    size = None if single else len(leaves(read[0][0])[0])
    return tuple(t for t in (x, y, weights) if t is not None), size


# ---- one pass -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Pass:
    sizes: tuple[int, ...]
    y: Tree
    sample: Tree
    digest: str  # of the examples, in whatever order


def _walked(stream: Any, name: str, where: str) -> _Pass:
    _check_finite_length(stream, where)
    single = _is_single(stream, where)
    sizes, ys, hashes, sample = [], [], [], None
    for number, part in enumerate(batches(stream)):
        x, y, weights = _one_row(part) if single else part
        for tree, what in ((x, "x"), (y, "y"), (weights, "sample_weight")):
            check_finite(tree, f"{name} batch {number}: {what}", where)
        if sample is None:
            sample = take(x, slice(32))
        found = [
            hashable(array) for array in (*leaves(x), *leaves(y), *leaves(weights))
        ]
        rows = len(leaves(x)[0])
        hashes += [_hash(a[row].tobytes() for a in found) for row in range(rows)]
        sizes.append(rows)
        ys.append(y)
    if not sizes:
        raise ValueError(f"{where}: the {name} Dataset holds no examples")
    if single:  # batched later by loop.batch_size
        sizes = [sum(sizes)]
    y = None if ys[0] is None else joined(ys)
    return _Pass(tuple(sizes), y, sample, _hash(sorted(hashes)))


def _in_order(stream: Any) -> str:
    return _hash(
        hashable(array).tobytes()
        for part in batches(stream)
        for tree in part
        for array in leaves(tree)
    )


def _one_row(part: tuple) -> tuple:
    return tuple(mapped(lambda array: array[None], tree) for tree in part)


def _check_finite_length(stream: Any, where: str) -> None:
    if isinstance(stream, tf.data.Dataset):
        endless = int(stream.cardinality()) == tf.data.INFINITE_CARDINALITY
    else:
        endless = getattr(stream, "num_batches", 0) is None
    if endless:
        raise ValueError(
            f"{where}: the Dataset has no end; end it with .take(batches), {SCRIPT}"
        )


def _is_single(stream: Any, where: str) -> bool:
    """Tell whether the elements of a Dataset are single examples, not batches.

    Batches have an open first axis, or one of the same length in every array.
    """
    if not isinstance(stream, tf.data.Dataset):
        return False
    specs: list[Any] = leaves(stream.element_spec)
    if any(not isinstance(spec, tf.TensorSpec) for spec in specs):
        raise ValueError(
            f"{where}: a Dataset of ragged or sparse tensors is not taken; make them "
            f"dense, {SCRIPT}"
        )
    if any(spec.shape.rank == 0 for spec in specs):
        return True
    if any(spec.shape.rank is None or spec.shape[0] is None for spec in specs):
        return False
    return len({spec.shape[0] for spec in specs}) > 1 or len(specs) == 1


def _hash(parts: Any) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, bytes) else part.encode())
    return sha.hexdigest()
