"""The tables behind the first one: attribution, tests, pairs, curves."""

from collections.abc import Iterator, Sequence

import numpy as np

from seedscope.analysis.results import ArmCurves, ArmResult, Comparison
from seedscope.report import advice, asked, levels
from seedscope.report.answer import sources_table
from seedscope.report.rounding import (
    NONE,
    mark,
    percent,
    probability,
    ratio,
    rounded,
    with_interval,
)
from seedscope.report.sheet import Sheet
from seedscope.report.tables import unit_in
from seedscope.stats.pairs import PairMean


def sheets(comparison: Comparison) -> list[Sheet]:
    """Return every table that the comparison has data for."""
    makers = (
        _levels,
        asked.sheets,
        _attribution,
        _components,
        _pairs,
        _flips,
        _classes,
        _tests,
        _reach,
        advice.what_can_be_said,
        advice.which_design,
        _beyond,
    )
    found = [sheet for make in makers for sheet in make(comparison)]
    found += [_numbers(comparison, score) for score in comparison.scores]
    return [sheet for sheet in found if sheet.rows]


def _levels(comparison: Comparison) -> Iterator[Sheet]:
    body = levels.rows(comparison)
    shown = levels.columns(body)
    heads = tuple(levels.HEADS[i] for i in shown)
    cells = tuple(tuple(row[i] for i in shown) for row in body)
    yield Sheet(levels.TITLE, levels.CAPTION, heads, cells)


def _attribution(comparison: Comparison) -> Iterator[Sheet]:
    yield from map(sources_table, comparison.attributions)


def _components(comparison: Comparison) -> Iterator[Sheet]:
    for found in comparison.attributions:
        if found.components is None:
            continue
        unit = unit_in(comparison, found.score)
        scale = unit.scale**2
        rows = [
            (
                c.name,
                ratio(
                    *(scale * v for v in (c.variance, c.low, c.high)),
                    unit="",
                    approximate=found.components.approximate,
                ),
            )
            for c in found.components.components
        ]
        square = f" [{unit.of_spread}²]" if unit.of_spread else ""
        last = "Repeated cells: the residual is the machine alone."
        if not found.components.repeated:
            last = (
                "No cell was repeated: the highest interaction and the machine are "
                "both in the residual."
            )
        yield Sheet(
            f"Variance components of {found.score}: {found.arm}",
            f"{found.components.method.upper()}. {last}",
            ("component", f"variance{square}"),
            tuple(rows),
        )


def _pairs(comparison: Comparison) -> Iterator[Sheet]:
    rows = []
    for arm in comparison.arms:
        on = arm.test_set
        if on is None and not arm.weight_distance:
            continue
        gain = NONE
        if on and on.ensemble:
            ends = (on.ensemble.gain, on.ensemble.low, on.ensemble.high)
            rough = on.ensemble.approximate
            gain = with_interval(*(100 * v for v in ends), unit="pp", approximate=rough)
        rows.append(
            (
                arm.name,
                _pair(on.churn if on else None, 100, "%"),
                _pair(on.error_correlation if on else None),
                gain,
                _pair(arm.weight_distance.get("l2")),
                _pair(arm.weight_distance.get("cosine")),
            )
        )
    heads = (
        "arm",
        "labels differ",
        "correlation of errors",
        "gain of the ensemble",
        "weights, L2",
        "weights, 1 - cosine",
    )
    kept = [i for i in range(len(heads)) if i == 0 or any(r[i] != NONE for r in rows)]
    yield Sheet(
        "What two runs of an arm do differently",
        "Means over all pairs of runs; intervals are jackknifes over runs, that of the "
        "ensemble over test examples.",
        tuple(heads[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in rows),
    )


def _flips(comparison: Comparison) -> Iterator[Sheet]:
    """Yield the examples whose label flips most between runs, arm by arm."""
    rows = [
        (arm.name, ", ".join(_flip(*flip) for flip in arm.test_set.flips))
        for arm in comparison.arms
        if arm.vary and arm.test_set and arm.test_set.flips
    ]
    yield Sheet(
        "Test examples whose label flips most between runs",
        "Each example by its number as it was stored, and in how many of all pairs of "
        "runs the two give it different labels.",
        ("arm", "examples"),
        tuple(rows),
    )


def _flip(example: str, rate: float) -> str:
    return f"{example} ({rounded(100 * rate, 0)} %)"


def _classes(comparison: Comparison) -> Iterator[Sheet]:
    arms = [a for a in comparison.arms if a.test_set and a.test_set.classes and a.vary]
    if not arms:
        return
    known = [arm.test_set.classes for arm in arms if arm.test_set]
    labels = sorted({c.label for classes in known for c in classes})[:100]
    rows = [(arm.name, *_class_cells(arm, labels)) for arm in arms]
    yield Sheet(
        "Spread of the accuracy on each class",
        "Standard deviation over runs in percentage points, with its interval.",
        ("arm", *(f"class {label}" for label in labels)),
        tuple(rows),
    )


def _class_cells(arm: ArmResult, labels: Sequence[int]) -> list[str]:
    classes = arm.test_set.classes if arm.test_set else ()
    spreads = {c.label: c.spread for c in classes}
    cells = []
    for label in labels:
        s = spreads.get(label)
        if s is None or s.replicates < 2:
            cells.append(NONE)
            continue
        values = [100 * v for v in (s.sd, s.sd_low, s.sd_high)]
        cells.append(with_interval(*values, unit="", approximate=s.approximate))
    return cells


def _tests(comparison: Comparison) -> Iterator[Sheet]:
    rows = []
    for test in comparison.spread_tests:
        found = test.result.ratio
        ends = (found.ratio, found.low, found.high)
        rows.append(
            (
                f"{test.first} / {test.second}",
                ratio(*ends, approximate=found.approximate),
                probability(found.p),
                probability(test.ratio_holm),
            )
        )
    yield Sheet(
        f"Do arms differ in the spread of {comparison.score}?",
        "Ratio of variances with its interval (not adjusted), then the p-value of the "
        "same method as it is and after Holm's correction over all rows.",
        ("arms", "variance ratio", "p", "after Holm"),
        tuple(rows),
    )


def _reach(comparison: Comparison) -> Iterator[Sheet]:
    rows = [(name, *_reach_cells(c)) for name, c in comparison.curves.items()]
    found = next(iter(comparison.curves.values()), None)
    if found is None or found.threshold is None:
        return
    unit = unit_in(comparison, found.curve.metric)
    height = rounded(unit.scale * found.threshold, 1 if unit.of_score else None)
    yield Sheet(
        "The way there",
        f"Epoch in which {found.curve.metric} first reaches {height} {unit.of_score} "
        "(90 % of the way of the median run); mean and standard deviation over the "
        "runs that did. Then the first batch whose loss differs from that of the "
        "arm's first run.",
        ("arm", "reached by", "epoch, mean", "epoch, sd", "runs part at batch"),
        tuple(rows),
    )


def _reach_cells(curves: ArmCurves) -> tuple[str, ...]:
    reach, parting = curves.reach, curves.parting
    reached = mean = sd = apart = NONE
    if reach is not None:
        share = reach.reached / reach.replicates
        reached = percent(share, reach.rate_low, reach.rate_high)
        if (s := reach.spread) is not None:
            mean = with_interval(s.mean, s.mean_low, s.mean_high)
            if s.replicates > 1:
                sd = with_interval(s.sd, s.sd_low, s.sd_high, approximate=s.approximate)
    if parting is not None:
        left = parting.first_steps[parting.first_steps > 0]
        apart = "never"
        if left.size:
            apart = f"{left.min()} … {left.max()}" if np.ptp(left) else f"{left[0]}"
    return reached, mean, sd, apart


def _beyond(comparison: Comparison) -> Iterator[Sheet]:
    score = comparison.score
    unit = unit_in(comparison, score)
    found = {a.name: a.beyond[score] for a in comparison.arms if score in a.beyond}
    sizes = sorted({k for beyond in found.values() for k in beyond.best_of})
    rows = []
    for name, beyond in found.items():
        ends = beyond.sd_bootstrap
        shown = NONE
        if ends is not None:
            low, high = unit.scale * ends.low, unit.scale * ends.high
            shown = mark(ends.approximate) + ratio(low, low, low)
            shown += f" … {ratio(high, high, high)} {unit.of_spread}".rstrip()
        best = [
            rounded(unit.scale * beyond.best_of[k], None)
            if k in beyond.best_of
            else NONE
            for k in sizes
        ]
        rows.append((name, *best, shown))
    heads = ("arm", *(f"best of {k}" for k in sizes), "sd, bootstrap")
    if all(row[-1] == NONE for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    if len(heads) == 1:
        return
    title = f"The best of k runs: {score}"
    caption = (
        "Expected best of k runs (unbiased; it grows with k by chance alone, so a best "
        "run says as much about k as about the model), and the bootstrap interval of "
        "the standard deviation from 20 runs on."
    )
    if not sizes:
        title = f"Bootstrap of the spread: {score}"
        caption = (
            "The bootstrap interval of the standard deviation. There is no best of k "
            "runs: whether higher or lower is better is not known; better= says it."
        )
    yield Sheet(title, caption, heads, tuple(rows))


METHODS = {
    "bonett": "Bonett's, for scores that are not normal",
    "constant": "nothing varies",
    "none": "one run",
}
_NO_ENDS = (float("nan"), float("nan"))


def _numbers(comparison: Comparison, score: str) -> Sheet:
    rows = []
    unit = unit_in(comparison, score)
    for arm in comparison.arms:
        s = arm.spreads.get(score)
        if s is None:
            continue
        values = (s.median, s.iqr, s.mad, s.minimum, s.maximum, s.range)
        cells = [rounded(unit.scale * v, None) for v in values]
        cv = ratio(100 * s.cv, *_NO_ENDS, "%")
        method = METHODS.get(s.sd_method, s.sd_method)
        method += ", approximate" if s.approximate else ""
        n = f"{s.replicates}" + (f" + {s.diverged} diverged" if s.diverged else "")
        rows.append((arm.name, n, *cells, cv, method))
    heads = ("arm", "n", "median", "IQR", "MAD", "min", "max", "range", "CV")
    of = f" in {unit.of_score}" if unit.of_score else ""
    return Sheet(
        f"More numbers: {score}",
        f"As observed{of}; these describe the runs and carry no interval. MAD is not "
        "rescaled.",
        (*heads, "interval of the sd"),
        tuple(rows),
    )


def _pair(pair: PairMean | None, scale: float = 1, unit: str = "") -> str:
    if pair is None:
        return NONE
    values = [scale * v for v in (pair.mean, pair.low, pair.high)]
    return with_interval(*values, unit=unit, approximate=pair.approximate)
