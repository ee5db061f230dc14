"""What else the runs say, beside the answer: one sentence each."""

from collections.abc import Iterator

from seedscope.analysis.results import ArmResult, Comparison
from seedscope.report import tables
from seedscope.report.rounding import percent, probability, ratio, with_interval


def sentences(comparison: Comparison) -> list[str]:
    """Return at most five sentences; none where nothing of it was measured."""
    parts = (_difference, _test_set, _churn, _ensemble, _advice)
    return [sentence for part in parts for sentence in part(comparison)]


def notes(comparison: Comparison) -> list[str]:
    """Return what a reader must know, of the study and of its arms."""
    of_arms = [f"{arm.name}: {note}" for arm in comparison.arms for note in arm.notes]
    return [*comparison.notes, *of_arms]


def _difference(comparison: Comparison) -> Iterator[str]:
    """Say whether any two spreads are shown to differ."""
    tests = [t for t in comparison.spread_tests if t.ratio_holm == t.ratio_holm]
    if not tests:
        return
    first = min(tests, key=lambda test: test.ratio_holm)
    alpha = 1 - comparison.level
    if first.ratio_holm >= alpha:
        yield (
            f"No two arms are shown to differ in spread (smallest p "
            f"{_equals(first.ratio_holm)}, after Holm's correction over {len(tests)} "
            "pairs)."
        )
        return
    count = sum(test.ratio_holm < alpha for test in tests)
    found = first.result.ratio
    rough = found.approximate
    names, ends = (first.first, first.second), (found.ratio, found.low, found.high)
    if found.ratio < 1:  # the wider one first
        names = names[::-1]
        ends = [1 / v if v > 0 else float("inf") for v in (ends[0], ends[2], ends[1])]
    shown = ratio(*ends, unit="", approximate=rough)
    yield (
        f"{count} of {len(tests)} pairs of arms differ in spread, most clearly: the "
        f"variance of {names[0]} is {shown} times that "
        f"of {names[1]}, p {_equals(first.ratio_holm)} after Holm's correction."
    )


def _equals(p: float) -> str:
    shown = probability(p)
    return shown if shown.startswith("<") else f"= {shown}"


def _test_set(comparison: Comparison) -> Iterator[str]:
    found = [
        (arm, arm.test_set.split, bool(arm.test_set.churn))
        for arm in comparison.arms
        if arm.test_set and arm.test_set.split and arm.test_set.split.observed > 0
    ]
    if not found:
        return
    arm, split, labels = max(found, key=lambda one: (one[0].free, one[1].observed))
    ends = (split.share_low, split.share_high)
    part = percent(split.share, *ends, split.approximate)
    what = "accuracy" if labels else "mean squared error"
    yield (
        f"Of the variance of the {what} in {arm.name}, independent errors on only "
        f"{split.examples} test examples would alone make {part}."
    )


def _churn(comparison: Comparison) -> Iterator[str]:
    found = [
        (arm.name, arm.test_set.churn)
        for arm in comparison.arms
        if arm.test_set and arm.test_set.churn and arm.test_set.churn.mean > 0
    ]
    if not found:
        return
    name, churn = max(found, key=lambda one: one[1].mean)
    yield (
        f"Two runs of {name} give a different label to "
        f"{percent(churn.mean, churn.low, churn.high, churn.approximate)} of the test "
        "examples."
    )


def _ensemble(comparison: Comparison) -> Iterator[str]:
    """Say what averaging the outputs of all runs gains over one of them."""
    arm = _reference(comparison)
    found = arm.test_set.ensemble if arm and arm.test_set else None
    if arm is None or found is None:
        return
    values = (100 * v for v in (found.gain, found.low, found.high))
    gain = with_interval(*values, unit="pp", approximate=found.approximate)
    yield (
        f"The {found.replicates} runs of {arm.name} together, their outputs averaged, "
        f"label {100 * found.ensemble_accuracy:.1f} % of the test examples rightly, "
        f"{gain} more than one of them does."
    )


def _advice(comparison: Comparison) -> Iterator[str]:
    advice = comparison.advice
    if advice is None:
        return
    unit, said, spread = (
        tables.unit_in(comparison, advice.score),
        advice.said,
        advice.spread,
    )
    known = [spread.sd, spread.sd_low, spread.sd_high]
    least = [unit.scale * said.detectable * sd / spread.sd for sd in known]
    rough = spread.approximate
    seen = with_interval(*least, unit=unit.of_spread, approximate=rough)
    runs = _runs(said.replicates, spread.replicates)
    yield (
        f"With {runs} a difference of two means is seen with "
        f"power {said.power:g} from {seen} on; a "
        f"difference of one standard deviation takes {said.runs_for_one_sd} runs per "
        f"arm, and knowing the standard deviation to within 20 % takes "
        f"{said.runs_for_sd_within_20_percent}."
    )


def _runs(independent: int, runs: int) -> str:
    """Say how many runs an arm has, and as how many independent ones they count."""
    if independent == runs:
        return f"{runs} runs per arm"
    return (
        f"{runs} runs per arm that share seeds, worth {independent} independent ones,"
    )


def _reference(comparison: Comparison) -> ArmResult | None:
    """Return the arm in which all is free, else the one with the widest spread."""
    if comparison.advice is None:
        return None
    return next(a for a in comparison.arms if a.name == comparison.advice.arm)
