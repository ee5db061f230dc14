"""Say in three to seven sentences what a comparison found, every number computed."""

from collections.abc import Iterator

from seedscope.analysis.results import ArmResult, Comparison, Level
from seedscope.report import asked, shape, tables
from seedscope.report.rounding import percent, probability, ratio, with_interval

MOST = 7  # sentences
SHAPES = 5  # arms whose shape is told
WITHIN = 1.96 * 2**0.5  # sds that 95 % of the differences of two normal runs lie in


def control(comparison: Comparison) -> str | None:
    """Return the verdict of the arm in which nothing varies."""
    arm = comparison.control
    repeats = arm.repeats if arm is not None else None
    if arm is None or repeats is None:
        return None
    if repeats.identical:
        return (
            f"Control passed: {repeats.runs} exact repeats ended in the same bits, "
            "so the machine adds nothing to the spreads."
        )
    whose = {
        "machine": "The machine itself is a source of randomness, and it is inside "
        "every spread.",
        "engine": "One by one they end in the same bits: the engine that trains "
        "groups is at fault, not the machine, and it is inside every spread. Train "
        "the study with engine=sequential.",
        "unknown": "They were trained in groups: whether the engine or the machine is "
        "at fault shows engine=sequential.",
    }
    return (
        f"CONTROL FAILED: {repeats.runs} exact repeats ended in "
        f"{repeats.distinct} different sets of weights. "
        f"{whose[comparison.runs.whose_fault(arm.name)]}"
    )


def control_passed(comparison: Comparison) -> bool:
    """Tell whether the arm in which nothing varies repeats bit for bit."""
    arm = comparison.control
    return arm is not None and arm.repeats is not None and arm.repeats.identical


def sentences(comparison: Comparison) -> list[str]:
    """Return three to seven sentences; fewer where hardly anything was measured."""
    parts = (
        _levels,
        _overall,
        _sources,
        _attribution,
        _difference,
        _test_set,
        _churn,
        _ensemble,
        _advice,
    )
    found = [sentence for part in parts for sentence in part(comparison)]
    found = [*asked.sentences(comparison), *found[:MOST]]
    return found or [_nothing(comparison)]


def shapes(comparison: Comparison) -> list[str]:
    """Return what must be known of the runs before any mean: lumps, outliers, ties."""
    unit = tables.unit_in(comparison, comparison.score)
    found = [arm.shape for arm in comparison.arms if arm.shape and arm.vary]
    said = [shape.sentence(of, unit) for of in found[:SHAPES]]
    if len(found) > SHAPES:
        said.append(f"So it is with {len(found) - SHAPES} more arms.")
    return said


def notes(comparison: Comparison) -> list[str]:
    """Return what a reader must know, of the study and of its arms."""
    of_arms = [f"{arm.name}: {note}" for arm in comparison.arms for note in arm.notes]
    return [*comparison.notes, *of_arms]


def _levels(comparison: Comparison) -> Iterator[str]:
    """Say which levels repeat, and which are not where the first one is."""
    found = [level for level in comparison.levels if level.repeats]
    if not found:
        return
    repeats = [(v.arm, v.repeats) for v in found if v.repeats]
    differ = [(arm, of) for arm, of in repeats if not of.identical]
    text = f"{len(found) - len(differ)} of {len(found)} levels repeat bit for bit"
    if differ:
        ways = [f"{arm} ({of.distinct} of {of.runs})" for arm, of in differ]
        text += f"; with equal seeds different weights come from {', '.join(ways)}"
    same = [level.arm for level in found[1:] if _at_baseline(level)]
    if same:
        text += f"; the same bits as {found[0].arm}: {', '.join(same)}"
    yield f"{text}."
    anew = {v.arm: [name for name, same in v.draws.items() if not same] for v in found}
    others = [f"{arm} ({', '.join(names)})" for arm, names in anew.items() if names]
    if others:
        yield f"Drawn anew in each repeat: {'; '.join(others)}."


def _at_baseline(level: Level) -> bool:
    apart = level.distance is not None and level.distance[-1] == 0
    return apart and level.first_step == -1


def _overall(comparison: Comparison) -> Iterator[str]:
    arm = _reference(comparison)
    if arm is None:
        return
    unit, spread = (
        tables.unit_in(comparison, comparison.score),
        arm.spreads[comparison.score],
    )
    mean = [unit.scale * v for v in (spread.mean, spread.mean_low, spread.mean_high)]
    sd = [unit.scale * v for v in (spread.sd, spread.sd_low, spread.sd_high)]
    apart, rough = [WITHIN * v for v in sd], spread.approximate
    shown_mean = with_interval(
        *mean, unit=unit.of_score, approximate=spread.mean_approximate
    )
    shown_sd, shown_apart = (
        with_interval(*v, unit=unit.of_spread, approximate=rough) for v in (sd, apart)
    )
    what = "With every source left free" if arm.free else f"In arm {arm.name}"
    yield (
        f"{what}, {comparison.score} over {spread.replicates} runs is "
        f"{shown_mean} with a standard deviation of {shown_sd}; two single runs differ "
        f"by less than {shown_apart} in 95 % of cases, were the scores normal."
    )


def _sources(comparison: Comparison) -> Iterator[str]:
    """Say which source moves most and which least, of those varied alone."""
    score = comparison.score
    alone = [arm for arm in comparison.arms if score in arm.shares and arm.vary]
    if not alone:
        return
    alone.sort(key=lambda arm: arm.shares[score].ratio, reverse=True)
    text = f"Varied alone, {alone[0].name} makes {_share(alone[0], score)}"
    if len(alone) > 1:
        text += f" and {alone[-1].name}, the least, {_share(alone[-1], score)}"
    yield (
        f"{text} of the variance that all make together; such shares need not add up "
        "to 100 %."
    )


def _share(arm: ArmResult, score: str) -> str:
    return tables.share_of(arm.shares[score])


def _attribution(comparison: Comparison) -> Iterator[str]:
    for found in comparison.attributions:
        effects = [e for e in found.effects if e.total[0] == e.total[0]]
        if not effects:
            continue
        most = max(effects, key=lambda effect: effect.total[0])
        yield (
            f"In arm {found.arm}, a new seed of {most.source} alone brings back "
            f"{percent(*most.total, found.approximate)} of the variance, and fixing it "
            f"alone removes {percent(*most.first, found.approximate)}."
        )
        return


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
    runs = _runs(said.replicates, spread.replicates)
    yield (
        f"With {runs} a difference of two means is seen with "
        f"power {said.power:g} from {with_interval(*least, unit=unit.of_spread)} on; a "
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


def _nothing(comparison: Comparison) -> str:
    runs = sum(arm.runs for arm in comparison.arms)
    return (
        f"{comparison.score} does not vary over the runs of any arm ({runs} runs); "
        "there is no spread to compare."
    )
