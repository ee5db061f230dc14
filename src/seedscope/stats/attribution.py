"""Which source the variance comes from: the pair estimator, for any seed table.

Two runs that share some seeds and not others are alike to the degree that the shared
ones matter. With rho_u the likeness of runs that share exactly the seeds of the set u:

    first  S_j = rho of sharing only j        lost when the seed of j is fixed
    total  T_j = 1 - rho of sharing all but j seen when only the seed of j varies
    nondeterminism = 1 - rho of sharing all   the variance of exact repeats

Nondeterminism is inside every T_j. S and T are not parts of a whole: in chaotic
training every T is near 1 and every S near 0. They need runs that share seeds; the
designs `blocks`, `stars` and `crossed` have them, and lost runs do no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seedscope.stats.interval import check_level, finite_scores

FEWEST_BLOCKS = 10  # below, the jackknife interval covers down to .85
MOST_SOURCES = 10  # the table is grouped by every subset of its columns


@dataclass(frozen=True)
class Index:
    """An estimated fraction of the variance; nan where no pair of runs shows it."""

    value: float  # not clipped: a first index near 0 may come out negative
    low: float
    high: float
    pairs: int  # pairs of runs it rests on; many of them share runs


@dataclass(frozen=True)
class SourceShare:
    """What one source does to the variance of the score."""

    source: str
    first: Index
    total: Index


@dataclass(frozen=True)
class Attribution:
    """Shares of the variance by source. They are not parts of a whole."""

    replicates: int
    sources: tuple[SourceShare, ...]
    fixed: tuple[str, ...]  # columns with one seed throughout: nothing known of them
    nondeterminism: Index
    variance: float  # of all scores, divisor replicates - 1
    blocks: int  # independent groups of runs, the unit of the jackknife
    level: float
    approximate: bool  # fewer than 10 blocks, or a share of exactly 0
    warning: str | None  # what this table cannot tell, in one sentence


def attribute(
    table: np.ndarray,
    scores: np.ndarray,
    sources: Sequence[str],
    level: float = 0.95,
) -> Attribution:
    """Estimate first and total index of every source from pairs of runs.

    The interval deletes blocks: groups of runs that share no seed with any other group.
    They are found in the table itself, so a lost run cannot break them apart wrongly.

    Args:
        table: the seed of each source in each run, integers, shape (runs, sources).
        scores: shape (runs,).
        sources: names of the columns.
        level: coverage of the intervals.

    Raises:
        ValueError: shapes do not fit, a score is not finite, all scores are equal, no
            column varies or more than 10 do.

    Reference:
        Sobol (1993); Jansen (1999), Computer Physics Communications 117, 35-43;
        Arvesen (1969), Annals of Mathematical Statistics 40, 2076-2100 (jackknife).
    """
    table, scores = seed_columns(table, scores, sources)
    check_level(level)
    varies = (table != table[0]).any(axis=0)
    names = [name for name, v in zip(sources, varies, strict=True) if v]
    fixed = tuple(name for name, v in zip(sources, varies, strict=True) if not v)
    if not names:
        raise ValueError("no source varies in this table; nothing to attribute")
    if len(names) > MOST_SOURCES:
        raise ValueError(f"at most {MOST_SOURCES} sources, got {len(names)}")
    size = np.abs(scores - scores.mean()).max()
    if size == 0:
        raise ValueError("all scores are equal; there is no variance to attribute")
    columns = _ranks(table[:, varies])
    block = independent_blocks(columns)
    likeness = _likeness(columns, (scores - scores.mean()) / size, block)
    every = frozenset(range(len(names)))
    shares = tuple(
        SourceShare(
            name,
            first=_index(likeness[frozenset([j])], level, complement=False),
            total=_index(likeness[every - {j}], level, complement=True),
        )
        for j, name in enumerate(names)
    )
    nondeterminism = _index(likeness[every], level, complement=True)
    blocks = int(block.max()) + 1
    exact = any(share.total.value == 0 for share in shares)
    return Attribution(
        replicates=scores.size,
        sources=shares,
        fixed=fixed,
        nondeterminism=nondeterminism,
        variance=float(size**2 * (scores / size).var(ddof=1)),
        blocks=blocks,
        level=level,
        approximate=blocks < FEWEST_BLOCKS or exact,
        warning=_warning(blocks, fixed),
    )


def seed_columns(
    table: np.ndarray, scores: np.ndarray, sources: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the checked seed table and its scores.

    Raises:
        ValueError: fewer than three runs, shapes that do not fit, or no integers.
    """
    table, scores = np.asarray(table), finite_scores(scores, 3)
    if table.shape != (scores.size, len(sources)):
        raise ValueError(
            f"need a seed for each of {scores.size} runs and {len(sources)} sources, "
            f"got a table of shape {table.shape}"
        )
    if not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"seeds are integers, got {table.dtype}")
    return table, scores


def independent_blocks(table: np.ndarray) -> np.ndarray:
    """Return the block of each run, 0 to blocks - 1, shape (runs,).

    Runs that share the seed of any source, directly or through other runs, are in one
    block. Columns that never vary are not to be among them.
    """
    runs = np.arange(len(table))
    seeds = [np.unique(column, return_inverse=True)[1] for column in table.T]
    start = np.cumsum([len(table)] + [s.max() + 1 for s in seeds])
    nodes = np.concatenate([s + first for s, first in zip(seeds, start, strict=False)])
    edges = coo_array(
        (np.ones(nodes.size, bool), (np.tile(runs, table.shape[1]), nodes)),
        shape=(start[-1], start[-1]),
    )
    found = connected_components(edges, directed=False)[1][: len(table)]
    return np.unique(found, return_inverse=True)[1]


@dataclass(frozen=True)
class _Likeness:
    """rho of the runs that share exactly one set of seeds."""

    rho: float
    left_out: np.ndarray  # rho without each block that has such pairs
    pairs: int
    identical: bool  # every pair has equal scores


def _likeness(
    columns: np.ndarray, scores: np.ndarray, block: np.ndarray
) -> dict[frozenset, _Likeness]:
    """Return the likeness for the sets that first, total and repeats need.

    Sums over pairs that share at least a set come from group sums in O(runs); exactly
    a set is at least it, minus what shares more (inclusion and exclusion).
    """
    count = columns.shape[1]
    every = frozenset(range(count))
    wanted = {frozenset([j]) for j in range(count)} | {
        every - {j} for j in range(count)
    }
    at_least = {
        frozenset(u): _pair_sums(columns[:, list(u)], scores, block)
        for size in range(1, count + 1)
        for u in combinations(range(count), size)
    }
    at_least[frozenset()] = _pair_sums(columns[:, []], scores, block)
    means = _left_out_means(scores, block)
    found = {}
    for u in wanted | {every}:
        signed = [
            (-1) ** (len(w) - len(u)) * sums for w, sums in at_least.items() if u <= w
        ]
        found[u] = _rho(np.sum(signed, axis=0), means)
    return found


def _pair_sums(
    columns: np.ndarray, scores: np.ndarray, block: np.ndarray
) -> np.ndarray:
    """Return sums over the pairs of runs with equal columns, shape (4, 1 + blocks).

    Rows: pairs, sum y y', sum y + y', sum (y^2 + y'^2) / 2. The first column is over
    all pairs, the others leave out the pairs that touch one block.
    """
    if columns.shape[1]:
        group = np.unique(columns, axis=0, return_inverse=True)[1].ravel()
    else:
        group = np.zeros(len(scores), int)
    blocks = int(block.max()) + 1
    cell, where = np.unique(group * blocks + block, return_inverse=True)
    moments = np.stack([np.ones_like(scores), scores, scores**2])
    of_cell = np.stack([np.bincount(where, m) for m in moments])
    of_group = np.stack([np.bincount(group, m) for m in moments])
    without = _sums(of_group[:, cell // blocks] - of_cell)
    whole = _sums(of_group)
    lost = whole[:, cell // blocks] - without
    lost = np.stack([np.bincount(cell % blocks, row, blocks) for row in lost])
    total = whole.sum(axis=1, keepdims=True)
    return np.hstack([total, total - lost])


def _sums(moments: np.ndarray) -> np.ndarray:
    count, sums, squares = moments
    pairs = count * (count - 1) / 2
    return np.stack(
        [pairs, (sums**2 - squares) / 2, (count - 1) * sums, (count - 1) * squares / 2]
    )


def _left_out_means(scores: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Return the mean of all scores, then that without each block."""
    sizes = np.bincount(block)
    left = scores.size - sizes
    sums = scores.sum() - np.bincount(block, scores)
    return np.r_[scores.mean(), sums / np.maximum(left, 1)]


def _rho(sums: np.ndarray, means: np.ndarray) -> _Likeness:
    pairs, products, totals, squares = sums
    above = products - means * totals + means**2 * pairs
    below = squares - means * totals + means**2 * pairs
    counted = np.round(pairs).astype(int)
    # What the rounding of large cancelling sums can leave of a difference of 0.
    noise = 1e-12 * np.maximum(np.abs(below), counted)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = np.where((counted > 0) & (below > 0), above / below, np.nan)
    touched = np.r_[False, counted[1:] < counted[0]]
    return _Likeness(
        rho=float(rho[0]),
        left_out=rho[touched],
        pairs=int(counted[0]),
        identical=bool(counted[0] > 0 and below[0] - above[0] <= noise[0]),
    )


def _index(likeness: _Likeness, level: float, *, complement: bool) -> Index:
    """Return rho, or 1 - rho, with a jackknife interval on Fisher's z."""
    if likeness.pairs == 0 or np.isnan(likeness.rho):
        return Index(np.nan, np.nan, np.nan, likeness.pairs)
    if likeness.identical:
        # No pair differed. One in -log(1-level)/pairs still might: the rule of three.
        rare = 1 - (1 - level) ** (1 / likeness.pairs)
        ends = (0.0, 0.0, rare) if complement else (1.0, 1 - rare, 1.0)
        return Index(float(ends[0]), float(ends[1]), float(ends[2]), likeness.pairs)
    low, high = _fisher_ends(likeness, level)
    if complement:
        return Index(1 - likeness.rho, 1 - high, 1 - low, likeness.pairs)
    return Index(likeness.rho, low, high, likeness.pairs)


def _fisher_ends(likeness: _Likeness, level: float) -> tuple[float, float]:
    left_out = likeness.left_out[~np.isnan(likeness.left_out)]
    blocks = left_out.size
    if blocks < 2:
        return np.nan, np.nan
    edge = 1 - 1e-12  # one block may hold every pair that differs
    z = np.arctanh(np.clip(left_out, -edge, edge))
    se = np.sqrt((blocks - 1) / blocks * ((z - z.mean()) ** 2).sum())
    half = stats.t.ppf((1 + level) / 2, blocks - 1) * se
    centre = np.arctanh(np.clip(likeness.rho, -edge, edge))
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


def _ranks(table: np.ndarray) -> np.ndarray:
    columns = [np.unique(column, return_inverse=True)[1] for column in table.T]
    return np.stack(columns, axis=1)


def _warning(blocks: int, fixed: tuple[str, ...]) -> str | None:
    if blocks == 1:
        return (
            "all runs hang together through shared seeds, so there is no interval; "
            "use variance components, or a design of independent blocks"
        )
    if fixed:
        return (
            f"{', '.join(fixed)} kept one seed throughout: all shares hold for that "
            "one background only"
        )
    if blocks < FEWEST_BLOCKS:
        return f"{blocks} independent blocks; the intervals are honest from 10 on"
    return None
