"""New runs on new examples: both are resampled, as a reader of a result meets both.

An interval over runs alone holds for this test set, one over examples alone for these
runs. A difference of two arms is taken on the same resampled examples.
"""

from dataclasses import dataclass

import numpy as np

from seedscope.stats.interval import check_level

RESAMPLES = 2000


@dataclass(frozen=True)
class TwoWays:
    """A mean over runs and examples, with the interval of each way of drawing anew."""

    value: float
    over_runs: tuple[float, float]
    over_examples: tuple[float, float]
    over_both: tuple[float, float]
    approximate: bool  # fewer than 10 runs: the bootstrap over runs is too narrow


def multi_bootstrap(
    values: np.ndarray,
    rng: np.random.Generator,
    other: np.ndarray | None = None,
    level: float = 0.95,
    paired: bool = False,
) -> TwoWays:
    """Return the mean of a runs x examples table, or its difference from another's.

    Args:
        values: right or wrong, or a loss, shape (runs, examples).
        rng: draws the resamples.
        other: a second arm on the same examples; its mean is subtracted.
        level: coverage of the intervals, by percentiles.
        paired: row i of both had the same seeds and is drawn together.

    Raises:
        ValueError: not a table, not finite, or the arms' examples differ in number.

    Reference:
        Sellam et al. (2022), "The MultiBERTs", ICLR, section 4.
    """
    check_level(level)
    tables = [values] if other is None else [values, other]
    for table in tables:
        if table.ndim != 2 or min(table.shape) < 1 or not np.isfinite(table).all():
            raise ValueError(
                f"need a runs x examples table of numbers, got {table.shape}"
            )
        if table.shape[1] != values.shape[1]:
            raise ValueError("the arms were not tested on the same examples")
    examples = values.shape[1]
    drawn = _shares(rng, examples)
    seed = int(rng.integers(2**63))
    means = {name: np.zeros(RESAMPLES) for name in ("runs", "examples", "both")}
    for sign, table in zip((1, -1), tables, strict=False):
        own = np.random.default_rng(seed if paired else [seed, sign + 1])
        rows = _shares(own, len(table)) @ table  # (resamples, examples)
        means["runs"] += sign * rows.mean(axis=1)
        means["both"] += sign * np.einsum("ij,ij->i", rows, drawn)
        means["examples"] += sign * (drawn @ table.mean(axis=0))
    value = float(values.mean() - (0 if other is None else other.mean()))
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends: dict[str, tuple[float, float]] = {}
    for name, found in means.items():
        low, high = np.quantile(found, tails)
        ends[name] = float(low), float(high)
    return TwoWays(
        value=value,
        over_runs=ends["runs"],
        over_examples=ends["examples"],
        over_both=ends["both"],
        approximate=min(len(table) for table in tables) < 10,
    )


def _shares(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return how much each of so many things weighs in each resample."""
    return rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) / size
