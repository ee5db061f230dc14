"""The verdict on A against B in words: the same ones in every place that tells it."""

import math

from seedscope.analysis.results import TwoGroups
from seedscope.report.rounding import (
    Unit,
    percent,
    probability,
    ratio,
    rounded,
    unit_of,
    with_interval,
)
from seedscope.stats.compare import MeanDifference
from seedscope.stats.interval import Interval
from seedscope.stats.verdict import BETTER, EQUIVALENT, HIGHER, NOT_WORTH, POWER

BOUNDED = "on a scale that ends where the scores do"
HOW = {
    "paired t": "paired by seed",
    "paired t, logit": f"paired by seed, {BOUNDED}",
    "Welch, logit": f"Welch, {BOUNDED}",
    "constant": "nothing varies within the groups",
}


def decisive(found: TwoGroups) -> list[str]:
    """Return the verdict, what single runs would show, and what is left out."""
    said = [verdict(found), _single_runs(found)]
    if found.verdict.apart:
        said.append(
            "The means and the single runs point apart, so nothing is recommended: "
            "look at how the runs are spread before you choose."
        )
    if any(found.diverged):
        said.append(
            f"Diverged and left out of every number: {_counts(found, found.diverged)}."
        )
    if any(found.without_partner):
        said.append(
            "Left out as no run of the other has the same seeds: "
            f"{_counts(found, found.without_partner)}."
        )
    return said


def _counts(found: TwoGroups, gone: tuple[int, int]) -> str:
    groups = zip((found.a, found.b), gone, found.runs, strict=True)
    return ", ".join(f"{n} of {runs} runs of {name}" for name, n, runs in groups if n)


def verdict(found: TwoGroups) -> str:
    """Return the first sentence: the verdict with its difference, interval and test."""
    told = found.verdict
    names = {"a": found.a, "b": found.b}
    test = f"{_p(told.difference)}{how(found)}"
    if told.equivalence is not None and told.word == EQUIVALENT:
        return (
            f"{found.score}: {found.a} and {found.b} are equivalent within "
            f"±{margin(found)}: {found.a} - {found.b} is {_narrow(found)} (two "
            f"one-sided tests, p {_equals(told.equivalence.p)}, {how(found)})."
        )
    first = told.favours if told.word == BETTER else told.higher
    if first is not None and told.word in (BETTER, HIGHER):
        second = "b" if first == "a" else "a"
        text = (
            f"{found.score}: {names[first]} is {told.word} than {names[second]} by "
            f"{size(found)} ({test})"
        )
        if found.direction == "lower":
            text += "; lower is better"
        if found.direction is None:
            text += "; which direction is better is not known, better=higher or "
            text += "better=lower says it"
        return f"{text}."
    return (
        f"{found.score}: undecided between {found.a} and {found.b}: {found.a} - "
        f"{found.b} is {difference(found)} ({test})."
    )


def how(found: TwoGroups) -> str:
    """Return by which comparison, and of how many runs."""
    method = found.verdict.difference.interval.method
    runs = found.result.replicates
    if found.result.paired is not None:
        return f"{HOW.get(method, method)}, {runs[0]} pairs of runs"
    return f"{HOW.get(method, method)}, {runs[0]} and {runs[1]} runs"


def unit(found: TwoGroups) -> Unit:
    """Return the unit in which a comparison is shown."""
    return unit_of(found.about)


def difference(found: TwoGroups, of: MeanDifference | None = None) -> str:
    """Return A - B with its interval."""
    of = found.verdict.difference if of is None else of
    return _shown(found, of.value, of.interval)


def size(found: TwoGroups) -> str:
    """Return by how much the one is ahead: the difference without its sign."""
    of = found.verdict.difference
    if of.value >= 0:
        return difference(found)
    ends = Interval(
        -of.interval.high,
        -of.interval.low,
        of.interval.level,
        of.interval.method,
        of.interval.approximate,
    )
    return _shown(found, -of.value, ends)


def margin(found: TwoGroups) -> str:
    """Return the difference that matters, in the unit of the score."""
    equivalence = found.verdict.equivalence
    return "" if equivalence is None else _plain(found, equivalence.margin)


def _plain(found: TwoGroups, value: float) -> str:
    shown = unit(found)
    return ratio(shown.scale * value, math.nan, math.nan, shown.of_spread)


def _single_runs(found: TwoGroups) -> str:
    """Say P(A>B) in plain words: what a single run of each would show."""
    chance = found.verdict.superiority
    value, ends = chance.value, (chance.interval.low, chance.interval.high)
    names = (found.a, found.b)
    if value < 0.5:
        value, ends = 1 - value, (1 - ends[1], 1 - ends[0])
        names = names[::-1]
    shown = percent(value, *ends, chance.interval.approximate)
    beats = "beats" if found.direction else "is above"
    text = f"A single run of {names[0]} {beats} a single run of {names[1]} in {shown}"
    if value == 0.5:
        return f"{text}: one run each is a toss of a coin."
    if value == 1:
        pairs = found.result.replicates[0] * found.result.replicates[1]
        return f"{text}: in every one of the {pairs} pairs of runs."
    other = rounded(100 * (1 - value), 0)
    what = "would point the other way"
    if found.verdict.word == BETTER:
        what = "would pick the wrong one"
    return f"{text}; one run each {what} in {other} %."


def plan(found: TwoGroups) -> str | None:
    """Say what it would take to decide, or that it is not worth it."""
    told, plan = found.verdict, found.verdict.plan
    if plan is None:
        return None
    target = _plain(found, plan.target)
    if not plan.worth and plan.why == "margin":
        return (
            f"Not worth deciding: to see a true difference of {target} would take more "
            f"than {NOT_WORTH} runs of each, as single runs differ by far more."
        )
    if not plan.worth:
        return (
            f"Not worth deciding: even a difference of {target}, the far end of the "
            f"interval, is only {rounded(plan.sds, 2)} standard deviations of a run."
        )
    what = "as large as the one seen" if plan.why == "seen" else f"of {target}"
    if plan.why == "sds":
        what += f", {plan.sds:g} standard deviations of a run,"
    text = f"To see a true difference {what} with power {POWER:g} takes about "
    text += f"{plan.runs} runs of each"
    if plan.why == "sds":
        text = (
            f"What was seen is near 0. {text}; difference= names the one that matters"
        )
    elif min(found.result.replicates) < told.runs_for_gamma:
        text += (
            f"; to show that one beats the other in {told.superiority.gamma:.0%} of "
            "single runs, what Bouthillier et al. (2021) call meaningful, takes "
            f"{told.runs_for_gamma}"
        )
    return f"{text}."


def _shown(found: TwoGroups, value: float, interval: Interval) -> str:
    shown = unit(found)
    values = (shown.scale * v for v in (value, interval.low, interval.high))
    rough = interval.approximate
    return with_interval(*values, unit=shown.of_spread, approximate=rough)


def _narrow(found: TwoGroups) -> str:
    """Return A - B with the interval that belongs to two one-sided tests."""
    equivalence = found.verdict.equivalence
    interval = (equivalence or found.verdict.difference).interval
    shown = _shown(found, found.verdict.difference.value, interval)
    return f"{shown}, {100 * interval.level:g} % interval"


def _p(of: MeanDifference) -> str:
    return "" if math.isnan(of.p) else f"p {_equals(of.p)}, "


def _equals(p: float) -> str:
    shown = probability(p)
    return shown if shown.startswith("<") else f"= {shown}"
