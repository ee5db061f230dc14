"""Runs in whole blocks, and how many of them a time budget holds.

A design says something only where its blocks are whole; where every row is a block of
its own, a block is one run of each arm, so that no arm falls behind.
"""

import re
from collections.abc import Sequence

from seedscope.study.words import Design, Run

UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: str | None) -> float | None:
    """Return the seconds of a time such as `90s`, `20m` or `1.5h`.

    Raises:
        ValueError: it is no such time.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", str(text).strip())
    if found is None or not float(found[1]):
        raise ValueError(f"budget={text!r} must be a time such as 90s, 20m or 1.5h")
    return float(found[1]) * UNITS[found[2]]


def blocks(runs: Sequence[Run], design: Design) -> list[list[Run]]:
    """Return runs in the blocks of their design, first those of the first block."""
    by_row = design.name == "vary" and len({run.block for run in runs}) < 2
    found: dict[int, list[Run]] = {}
    for run in runs:
        found.setdefault(run.replicate if by_row else run.block, []).append(run)
    return [found[place] for place in sorted(found)]


def fitting(parts: Sequence[Sequence[Run]], seconds: float, each: float) -> int:
    """Return how many whole blocks from the first one fit, at `each` seconds a run."""
    used, count = 0.0, 0
    for part in parts:
        used += len(part) * each
        if used > seconds:
            break
        count += 1
    return count
