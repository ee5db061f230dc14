"""Nested sources: casks within batches, shards within days. Components by moments.

A nested source has no effect of its own outside the one around it, so its labels may
start anew in each: cask 1 of batch A is not cask 1 of batch B.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level, finite_scores

DRAWS = 4000


@dataclass(frozen=True)
class Stage:
    """One stage of nested sources, the outermost first; the last is the residual."""

    name: str
    groups: int
    dof: int
    mean_square: float
    f: float  # over the next stage's mean square; nan for the residual
    p: float
    variance: float  # component; negative estimates keep their sign
    low: float
    high: float
    share: float  # of the sum of all components


@dataclass(frozen=True)
class Nested:
    """Variance components of nested sources."""

    runs: int
    stages: tuple[Stage, ...]
    approximate: bool  # unequal sizes: F and intervals are not exact


def nested_components(
    scores: np.ndarray,
    labels: dict[str, np.ndarray],
    rng: np.random.Generator,
    level: float = 0.95,
) -> Nested:
    """Estimate the variance components of nested sources.

    Args:
        scores: shape (runs,).
        labels: source -> label of each run, the outermost source first.
        rng: draws the intervals.
        level: coverage of the intervals.

    Raises:
        ValueError: a stage has no degree of freedom, or the scores do not vary.

    Reference:
        Searle, Casella & McCulloch (1992), Variance Components, section 5.2
        (Henderson's method 1); Weerahandi (1993), JASA 88, 899-905 (the intervals).
    """
    scores = finite_scores(scores, 3)
    check_level(level)
    size = float(np.abs(scores - scores[0]).max())
    if size == 0:
        raise ValueError("the scores do not vary; there is no variance to take apart")
    unit = (scores - scores[0]) / size
    unit = unit - unit.mean()
    codes = _codes(labels, unit.size)
    names = [*labels, "residual"]
    groups = [int(code.max()) + 1 for code in codes]
    dofs = np.diff(groups)
    for name, dof in zip(names, dofs, strict=True):
        if dof < 1:
            raise ValueError(
                f"{name} tells no two runs apart that the source around it does not; "
                "nested sources need several groups at each stage and runs in each"
            )
    sums = np.array([_sum(unit, code) for code in codes])
    squares = np.diff(sums) / dofs
    weights = np.array([[_weight(p, q) for q in codes[1:]] for p in codes])
    system = np.diff(weights, axis=0) / dofs[:, None]
    found = np.linalg.solve(system, squares)
    drawn = (
        squares[:, None]
        * dofs[:, None]
        / rng.chisquare(dofs[:, None], (len(dofs), DRAWS))
    )
    ends = np.quantile(
        np.linalg.solve(system, drawn), [(1 - level) / 2, (1 + level) / 2], axis=1
    )
    total = np.maximum(found, 0).sum()
    even = all(len(set(np.bincount(code).tolist())) == 1 for code in codes)
    with np.errstate(over="ignore", under="ignore"):
        square = float(np.square(size))
    stages = []
    for i, name in enumerate(names):
        f = p = float("nan")
        if i + 1 < len(names) and squares[i + 1] > 0:
            f = float(squares[i] / squares[i + 1])
            p = float(stats.f.sf(f, dofs[i], dofs[i + 1]))
        stages.append(
            Stage(
                name,
                groups[i + 1],
                int(dofs[i]),
                float(squares[i]) * square,
                f,
                p,
                float(found[i]) * square,
                max(float(ends[0, i]), 0.0) * square,
                max(float(ends[1, i]), 0.0) * square,
                float(found[i] / total),
            )
        )
    return Nested(unit.size, tuple(stages), not even)


def _codes(labels: dict[str, np.ndarray], runs: int) -> list[np.ndarray]:
    """Return the partition of the runs at each stage, from all to each run alone."""
    codes = [np.zeros(runs, dtype=np.int64)]
    for column in labels.values():
        _, own = np.unique(column, return_inverse=True)
        pairs = codes[-1] * (own.max() + 1) + own
        codes.append(np.unique(pairs, return_inverse=True)[1])
    codes.append(np.arange(runs))
    return codes


def _sum(unit: np.ndarray, code: np.ndarray) -> float:
    return float((np.bincount(code, unit) ** 2 / np.bincount(code)).sum())


def _weight(outer: np.ndarray, inner: np.ndarray) -> float:
    """Return how much a component of `inner` adds to the sum of squares of `outer`."""
    sizes = np.bincount(outer)
    pairs, counts = np.unique(np.stack([outer, inner]), axis=1, return_counts=True)
    return float((counts**2 / sizes[pairs[0]]).sum())
