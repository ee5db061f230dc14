"""Tell whether a condition holds, by the interval of what it is about.

Chance is what the runs are about, so a number that lies on one side of the limit by
luck passes no gate and closes none: where the interval holds the limit, it cannot be
told.
"""

import math
from dataclasses import dataclass, replace

import polars as pl

from seedscope.analysis.results import Comparison
from seedscope.analysis.two_groups import compare_groups
from seedscope.runs.condition import Condition
from seedscope.runs.table import Runs

FAILS, HOLDS, UNKNOWN = "fails", "holds", "cannot be told"
SHOWN = 30  # arms in a message
ARMS_FROM = {"diverged": 0}  # the argument from which on they are arms; else the second
EXIT = {HOLDS: 0, FAILS: 1, UNKNOWN: 2}


@dataclass(frozen=True)
class Gate:
    """What became of a condition."""

    condition: Condition
    outcome: str  # FAILS: it is met; HOLDS: it is not; UNKNOWN
    why: str = ""  # instead of the numbers, where there are none
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    approximate: bool = False


def narrowed(condition: Condition, runs: Runs) -> tuple[Condition, Runs]:
    """Return the arms that a condition is about alone, under their full names.

    Of ten thousand arms, that two are compared needs no comparison of the others.

    Raises:
        ValueError: there is no such arm.
    """
    first = ARMS_FROM.get(condition.what, 1)
    names = [_arm(condition, name, runs) for name in condition.arguments[first:]]
    kept = names or list(runs.arms())[:1]
    arguments = (*condition.arguments[:first], *names)
    table = runs.table.filter(pl.col("arm").is_in(kept))
    return replace(condition, arguments=arguments), replace(runs, table=table)


def judge(condition: Condition, comparison: Comparison) -> Gate:
    """Return what the runs say of a condition.

    Raises:
        ValueError: there is no such arm or score.
    """
    if condition.what == "control":
        return _control(condition, comparison)
    if condition.what == "difference":
        return _difference(condition, comparison)
    *scores, name = condition.arguments
    wanted = _arm(condition, name, comparison.runs)
    (arm,) = [arm for arm in comparison.arms if arm.name == wanted]
    if condition.what == "diverged":
        count = float(arm.diverged)
        return _by_interval(condition, count, count, count)
    _check_score(condition, scores[0], comparison)
    spread = arm.spreads.get(scores[0])
    if spread is None:
        return Gate(condition, UNKNOWN, f"no run of {arm.name} holds {scores[0]}")
    if condition.what == "mean":
        ends = (spread.mean_low, spread.mean_high)
        return _by_interval(condition, spread.mean, *ends, spread.mean_approximate)
    ends = (spread.sd_low, spread.sd_high)
    return _by_interval(condition, spread.sd, *ends, spread.approximate)


def _control(condition: Condition, comparison: Comparison) -> Gate:
    control = comparison.control
    if control is None or control.repeats is None:
        return Gate(condition, UNKNOWN, "no arm repeats one run exactly: factor=none")
    if control.repeats.identical:
        why = f"{control.repeats.runs} exact repeats ended in the same bits"
        return Gate(condition, HOLDS, why)
    distinct = control.repeats.distinct
    why = f"{control.repeats.runs} exact repeats ended in {distinct} different ways"
    return Gate(condition, FAILS, why)


def _difference(condition: Condition, comparison: Comparison) -> Gate:
    score, *names = condition.arguments
    _check_score(condition, score, comparison)
    runs = comparison.runs
    a, b = (runs.arm(_arm(condition, name, runs)) for name in names)
    (found,) = compare_groups(a, b, (score,), comparison.level)
    interval = found.verdict.difference.interval
    value, rough = found.verdict.difference.value, interval.approximate
    return _by_interval(condition, value, interval.low, interval.high, rough)


def _by_interval(
    condition: Condition,
    value: float,
    low: float,
    high: float,
    approximate: bool = False,
) -> Gate:
    """Judge by the whole interval; where there is none, nothing can be told."""
    if not all(map(math.isfinite, (value, low, high))):
        return Gate(condition, UNKNOWN, "there are too few runs for an interval")
    met = {
        ">": (low > condition.limit, high > condition.limit),
        ">=": (low >= condition.limit, high >= condition.limit),
        "<": (high < condition.limit, low < condition.limit),
        "<=": (high <= condition.limit, low <= condition.limit),
    }
    surely, perhaps = met[condition.operator]
    outcome = FAILS if surely else UNKNOWN if perhaps else HOLDS
    return Gate(condition, outcome, "", value, low, high, approximate)


def _arm(condition: Condition, name: str, runs: Runs) -> str:
    found = runs.find(name)
    if found is None:
        arms = list(runs.arms())
        more = f" and {len(arms) - SHOWN:,} more" if len(arms) > SHOWN else ""
        raise ValueError(
            f"fail_if={condition.text!r}: no arm {name!r}; there are "
            f"{', '.join(arms[:SHOWN])}{more}"
        )
    return found


def _check_score(condition: Condition, score: str, comparison: Comparison) -> None:
    if score not in comparison.scores:
        raise ValueError(
            f"fail_if={condition.text!r}: no score {score!r}; there are "
            f"{', '.join(comparison.scores)}"
        )
