"""The one verdict on A against B: every place that tells it, tells this one.

The difference, its interval and its test are those of one comparison: paired by row
where rows match, else Welch's. P(A > B) stands beside it and overrules it in one case:
where the means and single runs point apart, as where a few runs of the better method
collapsed, nothing is recommended.
"""

from dataclasses import dataclass

import numpy as np

from seedscope.stats.compare import (
    Comparison,
    Equivalence,
    MeanDifference,
    Superiority,
)
from seedscope.stats.planning import runs_for_difference, runs_for_probability

BETTER = "better"
HIGHER = "higher"  # where nobody knows which direction is the good one
EQUIVALENT = "equivalent"
UNDECIDED = "undecided"
POWER = 0.8  # of the plans
NOT_WORTH = 1000  # runs per group; a question that takes more is not worth deciding
SIZES = (1.0, 0.5, 0.2)  # sds of a run: differences to plan for where 0 was seen


@dataclass(frozen=True)
class Plan:
    """What it would take to decide what is open."""

    target: float  # the true difference that would be seen, in the unit of the score
    why: str  # "margin", "seen", or "sds": what was seen is too near to 0
    sds: float  # the target in standard deviations of a run
    runs: int  # per group, with POWER
    worth: bool  # False: more runs than people make, for what hardly matters


@dataclass(frozen=True)
class Verdict:
    """What is said about A against B in one score; differences are A - B as logged."""

    word: str  # better, higher, equivalent or undecided
    favours: str | None  # "a" or "b": the better one; None where neither is
    higher: str | None  # "a" or "b": the one with the higher mean; None where equal
    difference: MeanDifference
    superiority: Superiority  # P(A beats B)
    equivalence: Equivalence | None
    apart: bool  # the means favour one group, single runs the other
    plan: Plan | None  # where undecided; None where nothing varies
    runs_for_gamma: int  # per group, to show that P(A > B) reaches gamma


def decide(result: Comparison, direction: str | None) -> Verdict:
    """Return the verdict on two groups.

    Args:
        result: of `compare`.
        direction: "higher" or "lower", the better one; None where it is not known.
    """
    found, chance = result.difference, result.superiority
    higher = None if found.value == 0 else "a" if found.value > 0 else "b"
    ahead = higher  # the better one by its mean
    if direction == "lower" and higher is not None:
        ahead = "b" if higher == "a" else "a"
    by_runs = None if chance.value == 0.5 else "a" if chance.value > 0.5 else "b"
    apart = ahead is not None and by_runs is not None and ahead != by_runs
    word, favours = UNDECIDED, None
    if result.equivalence is not None and result.equivalence.equivalent:
        word = EQUIVALENT
    elif _is_shown(result) and not apart:
        word = HIGHER if direction is None else BETTER
        favours = None if direction is None else ahead
    open_ = word == UNDECIDED and not apart
    return Verdict(
        word=word,
        favours=favours,
        higher=higher,
        difference=found,
        superiority=chance,
        equivalence=result.equivalence,
        apart=apart,
        plan=_plan(result) if open_ else None,
        runs_for_gamma=runs_for_probability(chance.gamma),
    )


def _is_shown(result: Comparison) -> bool:
    """Tell whether the difference is beyond chance.

    Where no run differs from another within its group there is no t test; then P(A>B)
    says whether as many runs as these could have fallen so by chance.
    """
    if result.difference.error == 0:
        return result.difference.value != 0 and result.superiority.favours is not None
    return result.difference.p < 1 - result.difference.interval.level


def _plan(result: Comparison) -> Plan | None:
    """Plan for the margin, else for what was seen, else for a part of the spread.

    What was seen may be near 0 by chance: only where the whole interval is there is
    the question not worth deciding.
    """
    found = result.difference
    if not (found.error > 0 and np.isfinite(found.error)):
        return None
    runs = 2 / (1 / result.replicates[0] + 1 / result.replicates[1])
    paired = result.paired is not None
    sd = found.error * np.sqrt(runs if paired else runs / 2)

    def plan(target: float, why: str, worth: bool | None = None) -> Plan:
        # A correlation of .5 is that of two arms whose rows differ by sd.
        effect, correlation = max(target / sd, 1e-3), 0.5 if paired else None
        alpha = 1 - found.interval.level
        needed = runs_for_difference(effect, 1.0, POWER, alpha, correlation)
        enough = needed <= NOT_WORTH if worth is None else worth
        return Plan(float(target), why, float(target / sd), needed, enough)

    if result.equivalence is not None:
        return plan(result.equivalence.margin, "margin")
    seen = plan(abs(found.value), "seen")
    if seen.worth:
        return seen
    largest = max(abs(found.interval.low), abs(found.interval.high))
    if largest < SIZES[-1] * sd:
        return plan(largest, "sds", worth=False)
    plans = [plan(size * sd, "sds") for size in SIZES]
    return next((p for p in plans if p.runs > min(result.replicates)), plans[-1])
