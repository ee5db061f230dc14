"""First and total Sobol indices from pick-freeze runs, by the usual formulas.

A block is a run A, a run B with other seeds throughout, and for each source a run that
is A with the seed of that source taken from B. The pair estimator in `attribution`
uses more of the same runs and has half the error at 100 runs; these formulas are kept
because they are what other tools print.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.attribution import Index, independent_blocks, seed_columns
from seedscope.stats.interval import check_level

FEWEST_BLOCKS = 50  # simulated coverage is .88-.96 with 20 blocks, .92-.97 from 50 on


@dataclass(frozen=True)
class SobolIndices:
    """First and total index per source; `pairs` of an index counts blocks here."""

    sources: tuple[str, ...]
    first: tuple[Index, ...]
    total: tuple[Index, ...]
    blocks: int
    incomplete: int  # blocks that lost a run and were left out
    level: float
    approximate: bool


def sobol_indices(
    a: np.ndarray,
    b: np.ndarray,
    mixed: np.ndarray,
    sources: Sequence[str],
    level: float = 0.95,
    incomplete: int = 0,
) -> SobolIndices:
    """Estimate the indices from the scores of complete blocks.

    Args:
        a: scores of the A runs, shape (blocks,).
        b: scores of the B runs, shape (blocks,).
        mixed: scores of A with the seed of source j from B, shape (sources, blocks).
        sources: their names.
        level: coverage of the jackknife intervals.
        incomplete: blocks that were left out, only reported.

    Raises:
        ValueError: fewer than three blocks, shapes that do not fit, a score that is not
            finite, or no variance.

    Reference:
        Saltelli et al. (2010), Computer Physics Communications 181, 259-270, table 2
        (b) for the first and (f, Jansen) for the total index.
    """
    check_level(level)
    a, b, mixed = (np.asarray(x, dtype=np.float64) for x in (a, b, mixed))
    blocks = a.size
    if blocks < 3 or b.shape != a.shape or mixed.shape != (len(sources), blocks):
        raise ValueError(
            "need 3 or more blocks and shapes (blocks,), (blocks,), (sources, blocks), "
            f"got {a.shape}, {b.shape}, {mixed.shape}"
        )
    if not all(np.isfinite(x).all() for x in (a, b, mixed)):
        raise ValueError("a score is NaN or infinite; leave the whole block out")
    both = np.concatenate([a, b])
    centre = both.mean()
    size = np.abs(both - centre).max()
    if size == 0:
        raise ValueError("all scores are equal; there is no variance to attribute")
    a, b, mixed = ((x - centre) / size for x in (a, b, mixed))
    means, variance = _left_out(a, b)
    first = [
        _index(_means(b * (m - a)) - means * _means(m - a), variance, level)
        for m in mixed
    ]
    total = [_index(_means((a - m) ** 2) / 2, variance, level) for m in mixed]
    return SobolIndices(
        sources=tuple(sources),
        first=tuple(first),
        total=tuple(total),
        blocks=blocks,
        incomplete=incomplete,
        level=level,
        approximate=blocks < FEWEST_BLOCKS,
    )


def sobol_from_table(
    table: np.ndarray,
    scores: np.ndarray,
    sources: Sequence[str],
    level: float = 0.95,
) -> SobolIndices:
    """Estimate the indices from a seed table of Saltelli blocks, in any order.

    Args:
        table: the seed of each source in each run, shape (runs, sources).
        scores: shape (runs,).
        sources: names of the columns.
        level: coverage of the intervals.

    Raises:
        ValueError: as `sobol_indices`, or the table holds no Saltelli blocks.
    """
    table, scores = seed_columns(table, scores, sources)
    block = independent_blocks(table)
    found = [_saltelli(table, np.flatnonzero(block == i)) for i in np.unique(block)]
    whole = [rows for rows in found if rows is not None]
    if len(whole) < 3:
        raise ValueError(
            f"{len(whole)} complete blocks of {len(sources) + 2} runs in this table; "
            "need 3, from design=blocks"
        )
    a, b, *mixed = scores[np.array(whole).T]
    lost = len(found) - len(whole)
    return sobol_indices(a, b, np.array(mixed), sources, level, lost)


def _saltelli(table: np.ndarray, runs: np.ndarray) -> list[int] | None:
    """Return the runs of one block as A, B, mixed 0, ...; None if one is missing."""
    count = table.shape[1]
    if runs.size != count + 2:
        return None
    seeds = table[runs]
    differ = seeds[:, None] != seeds
    for a in range(runs.size):
        b = np.flatnonzero(differ[a].all(axis=1))
        alone = [
            np.flatnonzero(differ[a][:, j] & (differ[a].sum(axis=1) == 1))
            for j in range(count)
        ]
        if b.size == 1 and all(m.size == 1 for m in alone):
            return [int(r) for r in runs[[a, b[0], *(m[0] for m in alone)]]]
    return None


def _left_out(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of all scores, then those without each block."""
    means = _means((a + b) / 2)
    return means, _means((a**2 + b**2) / 2) - means**2


def _means(terms: np.ndarray) -> np.ndarray:
    """Return the mean over blocks, then the means without each block."""
    return np.r_[terms.mean(), (terms.sum() - terms) / (terms.size - 1)]


def _index(numerator: np.ndarray, variance: np.ndarray, level: float) -> Index:
    """Return the ratio and its delete-a-block jackknife interval."""
    value, *rest = numerator / variance
    left_out, blocks = np.array(rest), len(rest)
    se = np.sqrt((blocks - 1) / blocks * ((left_out - left_out.mean()) ** 2).sum())
    half = stats.t.ppf((1 + level) / 2, blocks - 1) * se
    return Index(float(value), float(value - half), float(value + half), blocks)
