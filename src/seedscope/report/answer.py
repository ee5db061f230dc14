"""The answer to a study's question, made once: every place that tells it, tells this.

The terminal, the page, the note in MLflow and Python show the same words: what was
asked, what came out with the number that decides, how sure that is, what to do next.
A control that failed leads everything.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from seedscope.analysis.many import ManyArms
from seedscope.analysis.results import (
    ArmAttribution,
    ArmResult,
    Comparison,
    Contrast,
    SourceEffect,
    TwoGroups,
)
from seedscope.report import asked, levels, many, shape, tables, verdict
from seedscope.report.next_step import (
    Step,
    after_control,
    after_groups,
    after_levels,
    after_repeats,
    more_runs,
)
from seedscope.report.rounding import (
    NONE,
    percent,
    probability,
    ratio,
    rounded,
    with_interval,
)
from seedscope.report.sheet import Sheet
from seedscope.stats.share import ArmPair
from seedscope.stats.spread import FEW as SHOW_A_SHAPE
from seedscope.study.arms import label, short

SHAPES = 2  # arms whose shape is told
WITHIN = 1.96 * 2**0.5  # sds that 95 % of the differences of two normal runs lie in
FEW = 20  # runs; with fewer, an interval of an sd is wide
SOURCES, LEVELS, ATTRIBUTION = "sources", "levels", "attribution"
REPEATS, ASKED, ONE, GROUPS, MANY, NOTHING = (
    *("repeats", "asked", "one", "groups", "many", "nothing"),
)
CONTEXT = ("model", "data", "epochs", "runs", "machine", "date", "commit", "command")


@dataclass(frozen=True)
class Answer:
    """What a study says, in the order in which it is told."""

    kind: str  # SOURCES, LEVELS, ...: which of the figures and tables belongs to it
    warning: str  # a control that failed, which leads all; empty: none did
    cautions: tuple[str, ...]  # on lumps, outliers, ties: before any mean
    question: str
    answer: tuple[str, ...]  # one or two sentences, with the number that decides
    sure: tuple[str, ...]  # sentences: how far that can be relied on
    next: Step  # what to do about it
    context: tuple[tuple[str, str], ...]  # (what, value): model, data, runs, ...
    table: Sheet | None = None  # a ranked line each, where several are compared

    @property
    def context_line(self) -> str:
        """Return the context as one line."""
        return " · ".join(
            value if what in ("date", "command") else f"{what} {value}"
            for what, value in self.context
        )


def of_comparison(comparison: Comparison) -> Answer:
    """Return the answer of a study, or of runs from elsewhere."""
    makers = (_asked, _repeats, _attribution, _levels, _sources, _one, _nothing)
    found = next(made for make in makers if (made := make(comparison)) is not None)
    failed = "" if control_passed(comparison) else control(comparison) or ""
    return replace(
        found,
        warning=failed,
        cautions=tuple(_shapes(comparison)),
        question=comparison.runs.question or found.question,
        sure=(*found.sure, *_how_sure(comparison)),
        next=after_control(comparison) if failed else found.next,
        context=_context(comparison),
    )


def of_groups(found: TwoGroups) -> Answer:
    """Return the answer to A against B in one score."""
    better = "better" if found.direction else "higher"
    level = found.verdict.difference.interval.level
    first, single, *rest = verdict.decisive(found)
    return Answer(
        kind=GROUPS,
        warning="",
        cautions=tuple(shape.sentence(of, verdict.unit(found)) for of in found.shapes),
        question=f"Is {found.a} or {found.b} {better} in {found.score}?",
        answer=(first, single),
        sure=(
            *rest,
            f"Brackets hold at {100 * level:g} %, ≈ where approximate."
            f"{_unseen(min(found.result.replicates))}",
        ),
        next=after_groups(found, verdict.plan(found)),
        context=_ordered(found.context),
    )


def of_many(found: ManyArms) -> Answer:
    """Return the answer of more arms than a table can show."""
    first, *rest = many.sentences(found)
    return Answer(
        kind=MANY,
        warning="",
        cautions=(),
        question=f"Do the arms differ in {found.score}?",
        answer=tuple(rest[:2]) or (first,),
        sure=(first, *rest[2:]) if rest else (),
        next=Step("Write every arm's numbers into a folder", "", "output=<folder>"),
        context=(),
    )


def _unseen(runs: int) -> str:
    """Say why what few runs show is approximate throughout; empty where they are not.

    It stands for a test of the shape, which of so few runs would tell nothing.
    """
    if not 1 < runs < SHOW_A_SHAPE:
        return ""
    return (
        f" From {runs} runs the shape of the scores cannot be seen, so brackets of "
        "means and standard deviations are all ≈: strongly skewed scores would make "
        "them too narrow."
    )


# ---- what failed, and how sure ------------------------------------------------------


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


def _shapes(comparison: Comparison) -> Iterator[str]:
    unit = tables.unit_in(comparison, comparison.score)
    found = [arm.shape for arm in comparison.arms if arm.shape and arm.vary]
    yield from (shape.sentence(of, unit) for of in found[:SHAPES])
    if len(found) > SHAPES:
        yield f"So it is with {len(found) - SHAPES} more arms."


def _how_sure(comparison: Comparison) -> Iterator[str]:
    """Yield what holds for every number: intervals, runs, the control."""
    runs = [arm.runs for arm in comparison.arms if arm.vary]
    if runs and max(runs) > 1:
        few = ", few: the brackets are wide, and that is the result"
        each = str(runs[0]) if len(set(runs)) == 1 else f"{min(runs)} to {max(runs)}"
        whose = "runs" if len(runs) == 1 else "runs each"
        yield (
            f"Brackets hold at {100 * comparison.level:g} %, ≈ where that is "
            f"approximate; {each} {whose}{few if min(runs) < FEW else ''}."
            f"{_unseen(min((n for n in runs if n > 1), default=0))}"
        )
    if control_passed(comparison):
        yield control(comparison) or ""
    elif comparison.control is None and _own(comparison) and not comparison.levels:
        yield (
            "Not tried: whether an exact repeat ends in the same bits (factor=none "
            "does)."
        )


def _own(comparison: Comparison) -> bool:
    return comparison.runs.study_id is not None


def _context(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Return what was run where; what is not known is left out."""
    known = dict(comparison.runs.context)
    known["runs"] = str(sum(arm.runs for arm in comparison.arms))
    if comparison.runs.command:
        known["command"] = comparison.runs.command
    return _ordered(known)


def _ordered(known: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((what, known[what]) for what in CONTEXT if known.get(what))


# ---- sources -------------------------------------------------------------------------


def _sources(comparison: Comparison) -> Answer | None:
    """Say which source moves the score most, where several were varied."""
    score = comparison.score
    arms = [arm for arm in comparison.arms if arm.vary and _spread(arm, score)]
    alone = [arm for arm in arms if not arm.free]
    if len(arms) < 2 or not alone or any(_unknown(arm) for arm in alone):
        return None
    ranked = sorted(alone, key=lambda arm: arm.spreads[score].sd, reverse=True)
    question = f"Which source of randomness moves {score} most?"
    if len(ranked) == 1:
        question = f"How much of the spread of {score} comes from {ranked[0].name}?"
    shown, first = _which_source(comparison, ranked)
    free = next((arm for arm in arms if arm.free), None)
    said = [first, *([_overall(comparison, free)] if free else [])]
    return _made(
        SOURCES,
        question,
        said,
        [] if shown is None else [shown],
        more_runs(comparison),
    )


def _which_source(
    comparison: Comparison, ranked: Sequence[ArmResult]
) -> tuple[str | None, str]:
    """Return how sure the ranking is, and the ranking in a sentence."""
    top, score = ranked[0], comparison.score
    if len(ranked) == 1:
        share = top.shares.get(score)
        part = (
            f", {tables.share_of(share)} of the variance when all vary" if share else ""
        )
        return (
            None,
            f"New seeds for {top.name} alone spread {score} with a standard "
            f"deviation of {_sd(comparison, top)}{part}.",
        )
    if top.spreads[score].sd == 0:
        return None, f"None of them moves {score}: it is the same in every run."
    less, open_, p = [], [], []
    for arm in ranked[1:]:
        test = _test(comparison, top.name, arm.name)
        still = arm.spreads[score].sd == 0
        if still or (test is not None and test.ratio_holm < 1 - comparison.level):
            less.append(arm)
        else:
            open_.append(arm)
        if test is not None and not still:
            p.append(test.ratio_holm)
    count = len(comparison.spread_tests)
    sure = f"The smallest p-value of two sources' spreads being equal is {min(p):.2g}"
    sure += f", after Holm's correction over {count} pairs." if count > 1 else "."
    last = ranked[-1]
    if not less:
        return (
            sure if p else None,
            f"No source is shown to matter more than another: the standard deviation "
            f"of {score} over runs goes from {_sd(comparison, last)} where {last.name} "
            f"alone varies to {_sd(comparison, top)} where {top.name} does.",
        )
    text = (
        f"{top.name} matters {'most' if not open_ else 'more than ' + _names(less)}: "
        f"varied alone, it spreads {score} with a standard deviation of "
        f"{_sd(comparison, top)}, {less[0].name} with {_sd(comparison, less[0])}"
    )
    if open_:
        text += f"; between {top.name} and {_names(open_)} nothing is shown"
    return sure if p else None, f"{text}."


def _test(comparison: Comparison, a: str, b: str) -> ArmPair | None:
    return next(
        (t for t in comparison.spread_tests if {t.first, t.second} == {a, b}), None
    )


def _one(comparison: Comparison) -> Answer | None:
    """Say how far runs lie apart where one arm varies, or none has a question."""
    score = comparison.score
    arms = [a for a in comparison.arms if _spread(a, score) and a.spreads[score].sd > 0]
    if not arms:
        return None
    arm = next((a for a in arms if a.free), None) or max(
        arms, key=lambda a: a.spreads[score].sd
    )
    what = "Runs of this table" if _unknown(arm) else "Repeated trainings"
    return _made(
        ONE,
        f"{what}: how far apart do they end in {score}?",
        [_overall(comparison, arm)],
        [],
        more_runs(comparison),
    )


def _overall(comparison: Comparison, arm: ArmResult) -> str:
    unit = tables.unit_in(comparison, comparison.score)
    spread = arm.spreads[comparison.score]
    mean = [unit.scale * v for v in (spread.mean, spread.mean_low, spread.mean_high)]
    shown = with_interval(
        *mean, unit=unit.of_score, approximate=spread.mean_approximate
    )
    apart = [
        unit.scale * WITHIN * v for v in (spread.sd, spread.sd_low, spread.sd_high)
    ]
    within = with_interval(*apart, unit=unit.of_spread, approximate=spread.approximate)
    what = f"In {arm.name}"
    if arm.free:
        what = "With every source left free"
    elif len(comparison.arms) == 1 or arm.vary == ("unknown",):
        what = f"Over {spread.replicates} runs" + (
            f" of {arm.name}" if len(comparison.arms) > 1 else ""
        )
    return (
        f"{what}, {comparison.score} is {shown} with a standard deviation of "
        f"{_sd(comparison, arm)}; two single runs differ by less than {within} in "
        "95 % of cases, were the scores normal."
    )


def _nothing(comparison: Comparison) -> Answer:
    runs = sum(arm.runs for arm in comparison.arms)
    said = (
        f"{comparison.score} does not vary over the runs of any arm ({runs} runs); "
        "there is no spread to compare."
    )
    if all(arm.runs < 2 for arm in comparison.arms):
        said = f"One run each has no spread: {comparison.score} needs two or more runs."
    question = f"How far apart do runs end in {comparison.score}?"
    still = comparison.control is not None
    step = after_repeats(comparison) if still else more_runs(comparison)
    return _made(NOTHING, question, [said], [], step)


# ---- levels of a setting -------------------------------------------------------------


def _levels(comparison: Comparison) -> Answer | None:
    """Say which level narrows or widens the spread, what it costs, a line for each."""
    found = comparison.contrasts
    if not found:
        return None
    foreign = comparison.runs.study_id is None
    said = [_spread_of_levels(comparison), _cost_of_levels(comparison)]
    if foreign:  # whoever brings a table asks for the better one first
        said.reverse()
    settings = list(dict.fromkeys(short(c.setting) for c in found))
    what = " and ".join(settings)
    question = f"Does {what} change how far runs end apart in {comparison.score}?"
    if foreign:
        question = f"Does {what} change {comparison.score}, and its spread?"
    sure = []
    if len(found) > 1:
        sure = [
            f"“Shown” means p < {1 - comparison.level:.2g} after Holm's correction "
            f"over {len(found)} pairs that differ in one setting only."
        ]
    shown = [
        c
        for c in found
        if min(c.spread_holm, c.mean_holm) < 1 - comparison.level  # NaN: not shown
    ]
    step = more_runs(comparison)
    if shown and not foreign:
        most = min(shown, key=lambda c: _ratio(c) if c.spread else math.inf)
        step = after_levels(comparison, most.base, most.other)
    return _made(
        LEVELS,
        question,
        [text for text in said if text],
        sure,
        step,
        _ranking(comparison),
    )


def _spread_of_levels(comparison: Comparison) -> str:
    score, alpha = comparison.score, 1 - comparison.level
    tested = [c for c in comparison.contrasts if c.spread and c.spread.p == c.spread.p]
    shown = [c for c in tested if c.spread_holm < alpha]
    if not tested:
        return f"No two of them have a spread of {score} that can be compared."
    if not shown:
        least = min(tested, key=lambda c: c.spread_holm)
        text = (
            f"No change of the spread of {score} is shown: nearest to it is "
            f"{_level(comparison, least)} with {_sds(least)} times the standard "
            f"deviation of {_base(comparison, least)} ({_p(least.spread_holm)})"
        )
        return f"{text}."
    parts = []
    for verb, some in (
        ("narrows", [c for c in shown if _ratio(c) < 1]),
        ("widens", [c for c in shown if _ratio(c) > 1]),
    ):
        if some:
            far = max(some, key=lambda c: abs(math.log(_ratio(c))))
            most = " most" if len(some) > 1 else ""
            parts.append(
                f"{_level(comparison, far)} {verb} the spread of {score}{most}, to "
                f"{_sds(far)} times the standard deviation of {_base(comparison, far)}"
            )
    others = len(tested) - len(shown)
    text = "; ".join(parts)
    if others and len(tested) > 1:
        text += f"; for {others} of {len(tested)} no change is shown"
    return f"{text}."


def _cost_of_levels(comparison: Comparison) -> str:
    """Say what the levels that decide do to the mean and to the time."""
    score, alpha = comparison.score, 1 - comparison.level
    about = comparison.runs.about(score)
    better = {"higher": 1, "lower": -1}.get(about.direction or "", 0)
    shown = [c for c in comparison.contrasts if c.mean_holm < alpha]
    narrow = [
        c
        for c in comparison.contrasts
        if c.spread and c.spread_holm < alpha and _ratio(c) < 1
    ]
    if narrow and comparison.runs.study_id is not None:
        far = min(narrow, key=_ratio)
        cost = [_mean_change(comparison, far)]
        if _timed(far):
            cost.append(f"about {_times(far)} the time")
        return f"With {_level(comparison, far)} comes {' and '.join(cost)}."
    if not shown:
        near = min(comparison.contrasts, key=lambda c: (c.mean_holm, c.mean.p))
        return (
            f"No difference of the means of {score} is shown: nearest to it is "
            f"{_level(comparison, near)} with {_difference(comparison, near)} against "
            f"{_base(comparison, near)}."
        )
    far = max(shown, key=lambda c: (better or 1) * c.mean.value)
    if better and better * far.mean.value < 0:
        far = min(shown, key=lambda c: better * c.mean.value)
    word = "higher" if far.mean.value > 0 else "lower"
    if better:
        word += ", better" if better * far.mean.value > 0 else ", worse"
    return (
        f"The mean of {score} is {word}, with {_level(comparison, far)} than with "
        f"{_base(comparison, far)}, by {_size(comparison, far)} "
        f"({_p(far.mean_holm)})."
    )


def _mean_change(comparison: Comparison, c: Contrast) -> str:
    if c.mean_holm < 1 - comparison.level:
        word = "higher" if c.mean.value > 0 else "lower"
        return f"a mean that is {word} by {_size(comparison, c)}"
    return f"no difference of the mean that is shown ({_difference(comparison, c)})"


def _ranking(comparison: Comparison) -> Sheet:
    """Return a line for each pair, the narrowest spread first."""
    alpha = 1 - comparison.level
    ranked = sorted(
        comparison.contrasts,
        key=lambda c: _ratio(c) if c.spread and c.spread.p == c.spread.p else math.inf,
    )
    rows = []
    for c in ranked:
        word, times = "not compared", NONE
        if c.spread is not None and c.spread.p == c.spread.p:
            times = _sds(c)
            word = "not shown"
            if c.spread_holm < alpha:
                word = "narrower" if _ratio(c) < 1 else "wider"
        rows.append(
            (
                _step(comparison, c),
                word,
                times,
                _difference(comparison, c),
                _times(c) if _timed(c) else NONE,
            )
        )
    bases = (
        f"levels against {_base(comparison, ranked[0])}"
        if _one_base(comparison)
        else ("pairs that differ in one setting only")
    )
    heads = ("level", "spread", "sd, times", "mean, difference", "time")
    kept = [i for i in range(5) if i < 3 or any(row[i] != NONE for row in rows)]
    return Sheet(
        f"{comparison.score}: {bases}",
        "sd, times: the standard deviation over that of the first level, here in "
        "front of the arrow. Not shown: may be chance."
        if not _one_base(comparison)
        else "sd, times: the standard deviation over that of the first level. Not "
        "shown: may be chance.",
        tuple(heads[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in rows),
    )


def _one_base(comparison: Comparison) -> bool:
    return len({c.base for c in comparison.contrasts}) == 1


def _step(comparison: Comparison, c: Contrast) -> str:
    """Return which level is held against which, and at what other settings."""
    if _one_base(comparison):
        return _level(comparison, c)
    levels, base = (comparison.runs.keys[a].levels for a in (c.other, c.base))
    rest = [f"{short(s)} {label(v)}" for s, v in levels.items() if s != c.setting]
    step = f"{short(c.setting)} {label(base[c.setting])} → {label(levels[c.setting])}"
    return ", ".join([step, *rest])


def _level(comparison: Comparison, c: Contrast) -> str:
    return _called(comparison, c, c.other)


def _base(comparison: Comparison, c: Contrast) -> str:
    return _called(comparison, c, c.base)


def _called(comparison: Comparison, c: Contrast, arm: str) -> str:
    """Return what to call a level: by its value where that tells it from the others."""
    value = label(comparison.runs.keys[arm].levels[c.setting])
    if not _one_base(comparison):
        return arm
    return f"{short(c.setting)} {value}" if _bare(value) else value


def _bare(value: str) -> bool:
    """Tell whether a value says nothing without its setting: a number, yes or no."""
    try:
        float(value)
    except ValueError:
        return value.lower() in ("true", "false", "none")
    return True


def _ratio(c: Contrast) -> float:
    return math.nan if c.spread is None else c.spread.ratio


def _sds(c: Contrast) -> str:
    """Return the ratio of two standard deviations with its interval."""
    if c.spread is None:
        return NONE
    value, *ends = (math.sqrt(v) for v in (c.spread.ratio, c.spread.low, c.spread.high))
    return ratio(value, ends[0], ends[1], approximate=c.spread.approximate)


def _difference(comparison: Comparison, c: Contrast) -> str:
    return _scaled(comparison, c, 1)


def _size(comparison: Comparison, c: Contrast) -> str:
    return _scaled(comparison, c, 1 if c.mean.value >= 0 else -1)


def _scaled(comparison: Comparison, c: Contrast, sign: int) -> str:
    unit, of = tables.unit_in(comparison, comparison.score), c.mean
    low, high = sorted(sign * v for v in (of.interval.low, of.interval.high))
    values = (unit.scale * v for v in (sign * of.value, low, high))
    return with_interval(
        *values, unit=unit.of_spread, approximate=of.interval.approximate
    )


def _timed(c: Contrast) -> bool:
    return math.isfinite(c.seconds)


def _times(c: Contrast) -> str:
    return f"{rounded(c.seconds, 1)}x"


# ---- attribution, repeats, what was asked beside -------------------------------------


def _attribution(comparison: Comparison) -> Answer | None:
    """Say how the sources share the variance, where runs share seeds by design."""
    found = [a for a in comparison.attributions if _known(a)]
    varying = [arm for arm in comparison.arms if arm.vary]
    if not found or len(found) < len(varying):
        return None
    first = found[0]
    effects = sorted(_known(first), key=lambda e: e.total[0], reverse=True)
    most = effects[0]
    rough = first.approximate
    where = f"In {first.arm}, a" if len(found) > 1 else "A"
    said = [
        f"{where} new seed of {most.source} alone brings back "
        f"{percent(*most.total, rough)} of the variance of {first.score}, and fixing "
        f"it alone removes {percent(*most.first, rough)}."
    ]
    sure = ["Such shares overlap and need not add up to 100 %."]
    if len(effects) > 1:
        second = effects[1]
        its = percent(*second.total, rough)
        if most.total[1] > second.total[2]:
            said.append(
                f"{most.source} matters most: the next, {second.source}, brings "
                f"back {its}."
            )
        else:
            said.append(
                f"That {most.source} matters more than {second.source} is not shown: "
                f"the latter brings back {its}."
            )
    if first.warning:
        sure.append(f"{first.warning[0].upper()}{first.warning[1:]}.")
    return _made(
        ATTRIBUTION,
        f"Where does the variance of {first.score} come from?",
        said,
        sure,
        more_runs(comparison),
        sources_table(first),
    )


def _known(found: ArmAttribution) -> list[SourceEffect]:
    return [e for e in found.effects if not math.isnan(e.total[0])]


def sources_table(found: ArmAttribution) -> Sheet:
    """Return what each source does to the variance of one arm."""
    repeats = found.pairs.nondeterminism
    rows = [
        (
            e.source,
            percent(*e.total, found.approximate),
            percent(*e.first, found.approximate),
        )
        for e in found.effects
    ]
    ends = (repeats.value, repeats.low, repeats.high)
    rough = found.pairs.approximate
    machine = ratio(*(100 * v for v in ends), unit="%", approximate=rough)
    rows.append(("the machine (exact repeats)", machine, NONE))
    caption = (
        f"By {found.method}, {found.pairs.replicates} runs in "
        f"{found.pairs.blocks} independent block(s). The columns are no parts of a "
        "whole and need not add up to 100 %."
    )
    if found.approximate:
        caption += " The intervals are approximate."
    if found.warning:
        caption += f" {found.warning[0].upper()}{found.warning[1:]}."
    return Sheet(
        f"Where the variance of {found.score} comes from: {found.arm}",
        caption,
        ("source", "seen when only its seed varies", "lost when its seed is fixed"),
        tuple(rows),
    )


def _repeats(comparison: Comparison) -> Answer | None:
    said = list(levels.sentences(comparison))
    if not said:
        return None
    setting = next(iter(comparison.runs.keys[comparison.levels[0].arm].levels), "")
    what = f"with each {short(setting)}" if setting else "at each level"
    question = f"Do exact repeats end in the same bits {what}?"
    return _made(REPEATS, question, said, [], after_repeats(comparison))


def _asked(comparison: Comparison) -> Answer | None:
    """Answer what the command asked for by name: a target, sources, tasks."""
    said = list(asked.sentences(comparison))
    if not said:
        return None
    about, score = comparison.asked, comparison.score
    question = f"What does {score} come to over the tasks?"
    if about.targets:
        target = next(iter(about.targets.values())).target
        unit = tables.unit_in(comparison, score)
        goal = f"{rounded(unit.scale * target, None)} {unit.of_score}".strip()
        question = f"Is the mean of {score} above or below {goal}?"
    elif about.one_way or about.nested:
        question = f"Where does the variance of {score} come from?"
    sheet = next(iter(s for s in asked.sheets(comparison) if s.rows), None)
    return _made(ASKED, question, said[:2], said[2:], more_runs(comparison), sheet)


# ---- words ---------------------------------------------------------------------------


def _made(
    kind: str,
    question: str,
    said: Sequence[str],
    sure: Sequence[str],
    step: Step,
    table: Sheet | None = None,
) -> Answer:
    return Answer(kind, "", (), question, tuple(said), tuple(sure), step, (), table)


def _spread(arm: ArmResult, score: str) -> bool:
    return score in arm.spreads and arm.spreads[score].replicates > 1


def _unknown(arm: ArmResult) -> bool:
    return "unknown" in arm.vary


def _sd(comparison: Comparison, arm: ArmResult) -> str:
    unit, spread = (
        tables.unit_in(comparison, comparison.score),
        arm.spreads[comparison.score],
    )
    values = (unit.scale * v for v in (spread.sd, spread.sd_low, spread.sd_high))
    return with_interval(*values, unit=unit.of_spread, approximate=spread.approximate)


def _names(arms: Sequence[ArmResult]) -> str:
    *first, last = [arm.name for arm in arms]
    return f"{', '.join(first)} and {last}" if first else last


def _p(p: float) -> str:
    shown = probability(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"
