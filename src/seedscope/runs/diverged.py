"""Which runs diverged, by their scores: NaN, infinity, what databases make of it."""

import math
from collections.abc import Mapping

import polars as pl

from seedscope.runs.at import HUGE


def judged(
    scores: Mapping[str, pl.Series],
) -> tuple[dict[str, pl.Series], pl.Series, list[str]]:
    """Return the scores that mean something, who diverged, and which were left out.

    A run diverged where it holds a score that is NaN or infinite. A score that is so
    in every run says nothing about the runs and is left out, unless it is the only one.

    Args:
        scores: a value a run each; null where a run does not hold the score.
    """
    clean = {
        name: values.set((values.abs() >= HUGE).fill_null(False), math.inf)
        for name, values in scores.items()
    }
    empty = [name for name, values in clean.items() if _never_finite(values)]
    if len(empty) == len(clean):
        empty = []
    kept = {name: values for name, values in clean.items() if name not in empty}
    runs = len(next(iter(scores.values()))) if scores else 0
    diverged = pl.Series([False] * runs, dtype=pl.Boolean)
    for values in kept.values():
        diverged = diverged | (~values.is_finite()).fill_null(False)
    return kept, diverged, empty


def _never_finite(values: pl.Series) -> bool:
    held = values.drop_nulls()
    return len(held) > 0 and not held.is_finite().any()
