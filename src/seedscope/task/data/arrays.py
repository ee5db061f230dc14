"""Arrays in any structure that Keras takes: one, or several in lists or dicts."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Tree = Any  # an array, or a list, tuple or dictionary of trees; None: nothing


def mapped(function: Callable[[np.ndarray], Any], tree: Tree) -> Tree:
    """Return the same structure with the function's value of every array."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: mapped(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(function, value) for value in tree)
    return function(tree)


def named(tree: Tree, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every array with its place: x, x['left'], x[0]."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from named(value, f"{name}[{key!r}]")
    elif isinstance(tree, list | tuple):
        for place, value in enumerate(tree):
            yield from named(value, f"{name}[{place}]")
    elif tree is not None:
        yield name, tree


def leaves(tree: Tree) -> list[np.ndarray]:
    """Return the arrays of a structure, in its order."""
    return [array for _, array in named(tree, "")]


def is_one(tree: Tree) -> bool:
    """Tell whether a structure is a single array."""
    return tree is not None and not isinstance(tree, dict | list | tuple)


def take(tree: Tree, rows: Any) -> Tree:
    """Return rows of every array."""
    return mapped(lambda array: array[rows], tree)


def count(tree: Tree) -> int:
    """Return how many examples a structure holds."""
    return len(leaves(tree)[0])


def joined(trees: list[Tree]) -> Tree:
    """Return structures of the same kind below each other."""
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: joined([tree[key] for tree in trees]) for key in first}
    if isinstance(first, list | tuple):
        return type(first)(joined(list(parts)) for parts in zip(*trees, strict=True))
    return np.concatenate(trees) if len(trees) > 1 else first


def as_arrays(tree: Any, name: str, where: str) -> Tree:
    """Return what a loader returned as arrays.

    Raises:
        ValueError: rows of different lengths, or things that are no numbers or text.
    """
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {k: as_arrays(v, f"{name}[{k!r}]", where) for k, v in tree.items()}
    several = isinstance(tree, list | tuple) and any(
        hasattr(value, "__array__") or isinstance(value, dict) for value in tree
    )
    if several and not all(np.ndim(value) == 0 for value in tree):
        made = (as_arrays(v, f"{name}[{i}]", where) for i, v in enumerate(tree))
        return type(tree)(made)
    try:
        array = np.asarray(tree)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind in "OU" and array.size:
        if not all(isinstance(value, str | bytes) for value in array.ravel()):
            raise ValueError(
                f"{where}: {name} is no array of numbers or text (rows of different "
                "lengths?); pad them, or return a tf.data.Dataset"
            )
        array = array.astype(object)
    if array.ndim == 0 or not len(array):
        raise ValueError(f"{where}: {name} holds no examples")
    return array


def check_finite(tree: Tree, name: str, where: str) -> None:
    """Refuse NaN and infinity in any array, and name the first place.

    Raises:
        ValueError: a number is not finite.
    """
    for place, array in named(tree, name):
        if array.dtype.kind not in "fc":
            continue
        wrong = ~np.isfinite(array)
        if wrong.any():
            first = tuple(int(index) for index in np.argwhere(wrong)[0])
            at = ", ".join(map(str, first))
            raise ValueError(
                f"{where}: {place} holds values that are not finite, the first is "
                f"{place}[{at}] = {array[first]} ({int(wrong.sum())} of {array.size}); "
                "fill them in or leave these examples out"
            )


def hashable(array: np.ndarray) -> np.ndarray:
    """Return an array whose bytes say what it holds: text is encoded."""
    if array.dtype.kind not in "OU":
        return array
    flat = [v if isinstance(v, bytes) else v.encode() for v in array.ravel()]
    return np.array(flat, "S").reshape(array.shape)
