"""What people ask beside the table, told: sentences, tables, columns of all digits."""

from collections.abc import Iterator

import polars as pl

from seedscope.analysis.results import Comparison
from seedscope.report.rounding import (
    NONE,
    Unit,
    mark,
    percent,
    probability,
    ratio,
    rounded,
    unit_of,
    with_interval,
)
from seedscope.report.sheet import Sheet
from seedscope.stats.multi_bootstrap import TwoWays
from seedscope.stats.tasks import Aggregate

SAID = 5  # arms in sentences; the tables hold all


def sentences(comparison: Comparison) -> Iterator[str]:
    """Yield the answers to what was asked, the most direct first."""
    yield from _targets(comparison)
    yield from _sources(comparison)
    yield from _tasks(comparison)


def sheets(comparison: Comparison) -> Iterator[Sheet]:
    """Yield a table for each kind of answer."""
    yield from _target_sheet(comparison)
    yield from _one_way_sheet(comparison)
    yield from _nested_sheets(comparison)
    yield from _task_sheets(comparison)
    yield from _example_sheet(comparison)
    yield from _robust_sheet(comparison)


def columns(comparison: Comparison, arm: str) -> dict[str, float | str | None]:
    """Return every number about one arm and the leading score, unrounded."""
    asked = comparison.asked
    found: dict[str, float | str | None] = {}
    if (t := asked.targets.get(arm)) is not None:
        found |= {"target": t.target, "target_difference": t.difference}
        found |= {"target_low": t.low, "target_high": t.high, "target_t": t.t}
        found |= {"target_df": t.dof, "target_se": t.error, "target_p": t.p}
        found |= {"target_p_above": t.p_above, "target_p_below": t.p_below}
        found |= {"target_verdict": t.shown or "undecided"}
    if arm in asked.one_way:
        source, o = asked.one_way[arm]
        found |= {"source": source, "f": o.f, "f_df_between": o.dof_between}
        found |= {"f_df_within": o.dof_within, "f_p": o.p}
        found |= {"ms_between": o.mean_square_between}
        found |= {"ms_within": o.mean_square_within}
        found |= {"component_between": o.between, "component_within": o.within}
        found |= {"source_share": o.share, "source_share_low": o.share_low}
        found |= {"source_share_high": o.share_high, "mean_se": o.mean_error}
    if arm in asked.nested:
        for stage in asked.nested[arm].stages:
            name = f"component_{stage.name}"
            found |= {name: stage.variance, f"{name}_low": stage.low}
            found |= {f"{name}_high": stage.high, f"f_{stage.name}": stage.f}
            found |= {f"df_{stage.name}": stage.dof, f"p_{stage.name}": stage.p}
    for mean in asked.robust.get(arm, ()):
        name = f"{mean.name}_mean" if mean.name != "iqm" else "iqm"
        found |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
    if arm in asked.tasks:
        for name in ("mean", "median", "iqm"):
            if (a := getattr(asked.tasks[arm], name)) is not None:
                key = f"tasks_{name}"
                found |= {key: a.value, f"{key}_low": a.low, f"{key}_high": a.high}
    if arm in asked.examples:
        e = asked.examples[arm]
        found |= {"new_runs_low": e.over_runs[0], "new_runs_high": e.over_runs[1]}
        found |= {"new_examples_low": e.over_examples[0]}
        found |= {"new_examples_high": e.over_examples[1]}
        found |= {"new_both_low": e.over_both[0], "new_both_high": e.over_both[1]}
    return found


def components(comparison: Comparison) -> pl.DataFrame:
    """Return every variance component, unrounded: one row an arm and component."""
    rows = [
        (
            found.arm,
            found.score,
            found.components.method,
            c.name,
            c.variance,
            c.low,
            c.high,
        )
        for found in comparison.attributions
        if found.components is not None
        for c in found.components.components
    ]
    rows += [
        (arm, comparison.asked.score, "nested", s.name, s.variance, s.low, s.high)
        for arm, nested in comparison.asked.nested.items()
        for s in nested.stages
    ]
    for arm, (source, o) in comparison.asked.one_way.items():
        nan = float("nan")
        lead = (arm, comparison.asked.score, "one-way")
        rows.append((*lead, source, o.between, nan, nan))
        rows.append((*lead, "residual", o.within, nan, nan))
    schema = ["arm", "score", "method", "component", "variance", "low", "high"]
    return pl.DataFrame(rows, schema, orient="row")


def _unit(comparison: Comparison) -> Unit:
    return unit_of(comparison.runs.about(comparison.asked.score))


def _scaled(
    unit: Unit, value: float, low: float, high: float
) -> tuple[float, float, float]:
    return unit.scale * value, unit.scale * low, unit.scale * high


def _targets(comparison: Comparison) -> Iterator[str]:
    unit, score = _unit(comparison), comparison.asked.score
    about = comparison.runs.about(score)
    better = {"higher": "above", "lower": "below"}.get(about.direction or "")
    for arm, t in list(comparison.asked.targets.items())[:SAID]:
        goal = f"{rounded(unit.scale * t.target, None)} {unit.of_score}".strip()
        ends = _scaled(unit, abs(t.difference), *_sizes(t.low, t.high))
        apart = with_interval(*ends, unit.of_spread, t.approximate)
        if t.error == 0:
            where = {1: "above", -1: "below"}.get(
                (t.difference > 0) - (t.difference < 0)
            )
            yield (
                f"{arm}: all {t.runs} runs have the same {score}, "
                f"{where or 'exactly'} {goal}; there is no chance to judge."
            )
            continue
        test = f"t({t.dof:.4g}) = {t.t:.3g}, p = {_exact(t.p)}"
        if t.shown is None:
            need = f"; showing a difference of this size takes {t.runs_needed} runs"
            if t.apart:
                need = (
                    "; t and the interval of the mean, which stays in the bounds of "
                    "the score, point apart so near to a bound"
                )
            ends = _scaled(unit, t.difference, t.low, t.high)
            off = with_interval(*ends, unit.of_spread, t.approximate)
            yield (
                f"{arm}: undecided against {goal}; the mean of {score} minus the "
                f"target is {off} ({test})"
                f"{need if t.runs_needed or t.apart else ''}."
            )
            continue
        praise = f", {'better' if t.shown == better else 'worse'}" if better else ""
        one = t.p_above if t.shown == "above" else t.p_below
        yield (
            f"{arm}: the mean of {score} is {t.shown} {goal}{praise}, by {apart} "
            f"({test}; one-sided p = {_exact(one)}, {t.runs} runs)."
        )


def _sizes(low: float, high: float) -> tuple[float, float]:
    """Return the ends of an interval of one sign as sizes."""
    return min(abs(low), abs(high)), max(abs(low), abs(high))


def _exact(p: float) -> str:
    """Return a p-value with two digits, however small: a rule may ask for p < .001."""
    return f"{p:.2g}"


def _sources(comparison: Comparison) -> Iterator[str]:
    score = comparison.asked.score
    for arm, (source, o) in list(comparison.asked.one_way.items())[:SAID]:
        share = percent(o.share, o.share_low, o.share_high, o.approximate)
        yield (
            f"{arm}: {source} makes {share} of the variance of {score} "
            f"(F({o.dof_between}, {o.dof_within}) = {o.f:.4g}, p {_equals(o.p)}; "
            f"{o.groups} values of {source}, {o.runs} runs)."
        )
    for arm, nested in list(comparison.asked.nested.items())[:SAID]:
        parts = [f"{s.name} {100 * s.share:.2g} %" for s in nested.stages]
        yield f"{arm}: the variance of {score} by nested source: {', '.join(parts)}."


def _tasks(comparison: Comparison) -> Iterator[str]:
    unit = _unit(comparison)
    for arm, found in list(comparison.asked.tasks.items())[:SAID]:
        iqm = f", interquartile mean {_aggregate(found.iqm, unit)}" if found.iqm else ""
        yield (
            f"{arm}, over {found.tasks} tasks: mean of {comparison.asked.score} "
            f"{_aggregate(found.mean, unit)}{iqm}."
        )


def _target_sheet(comparison: Comparison) -> Iterator[Sheet]:
    unit = _unit(comparison)
    rows = []
    for arm, t in comparison.asked.targets.items():
        ends = _scaled(unit, t.difference, t.low, t.high)
        shown = with_interval(*ends, unit.of_spread, t.approximate)
        tests = (rounded(t.t, None), f"{t.dof:.4g}")
        ps = [NONE if p != p else _exact(p) for p in (t.p, t.p_above, t.p_below)]
        rows.append((arm, t.shown or "undecided", shown, *tests, *ps))
    yield Sheet(
        "Against the target",
        "One-sample t test of the mean: two sided, then one sided for a mean above and "
        "for one below the target.",
        ("arm", "the mean is", "mean - target", "t", "df", "p", "p above", "p below"),
        tuple(rows),
    )


def _one_way_sheet(comparison: Comparison) -> Iterator[Sheet]:
    unit = _unit(comparison)
    rows = []
    for arm, (source, o) in comparison.asked.one_way.items():
        sds = [
            rounded(unit.scale * max(v, 0) ** 0.5, None) for v in (o.between, o.within)
        ]
        mean = with_interval(
            *_scaled(unit, o.mean, o.mean_low, o.mean_high), unit.of_score
        )
        share = percent(o.share, o.share_low, o.share_high, o.approximate)
        f = f"{o.f:.6g} ({o.dof_between}, {o.dof_within})"
        rows.append((arm, source, f, probability(o.p), *sds, share, mean))
    yield Sheet(
        "Variance between and within the values of a source",
        "One-way random effects: F with its degrees of freedom, the standard deviation "
        "between and within (0 where the estimate is negative), the share of the "
        "variance that lies between, and the mean with an interval that counts the "
        "values of the source, not the runs.",
        ("arm", "source", "F (df)", "p", "sd between", "sd within", "share", "mean"),
        tuple(rows),
    )


def _nested_sheets(comparison: Comparison) -> Iterator[Sheet]:
    unit = _unit(comparison)
    for arm, nested in comparison.asked.nested.items():
        rows = []
        for s in nested.stages:
            ends = (unit.scale**2 * v for v in (s.variance, s.low, s.high))
            variance, low, high = ends
            f = NONE if s.f != s.f else f"{s.f:.4g}"
            shown = ratio(variance, low, high, approximate=nested.approximate)
            share = f"{100 * s.share:.2g} %"
            cells = (str(s.groups), str(s.dof), f, probability(s.p), shown, share)
            rows.append((s.name, *cells))
        yield Sheet(
            f"Variance by nested source: {arm}",
            "Moments; F of each stage over the next"
            + (
                ", approximate: groups are of unequal size."
                if nested.approximate
                else "."
            ),
            ("source", "groups", "df", "F", "p", "variance", "share"),
            tuple(rows),
        )


def _task_sheets(comparison: Comparison) -> Iterator[Sheet]:
    unit, asked = _unit(comparison), comparison.asked
    rows = []
    for arm, t in asked.tasks.items():
        few, most = t.runs
        runs = f"{few}" if few == most else f"{few} … {most}"
        sign = mark(t.approximate)
        cells = [
            sign + _aggregate(a, unit) if a else NONE for a in (t.iqm, t.mean, t.median)
        ]
        rows.append((arm, str(t.tasks), runs, *cells))
    yield Sheet(
        "Over all tasks",
        "Interquartile mean of all runs, mean and median of the tasks' means; "
        "intervals by a bootstrap of the runs within each task.",
        ("arm", "tasks", "runs each", "interquartile mean", "mean", "median"),
        tuple(rows),
    )
    if not asked.profiles:
        return
    first = next(iter(asked.profiles.values()))
    reach = "at most" if comparison.runs.about(asked.score).falls else "more than"
    body = [
        (
            rounded(unit.scale * point, None),
            *(
                percent(p.share[place], p.low[place], p.high[place])
                for p in asked.profiles.values()
            ),
        )
        for place, point in enumerate(first.thresholds)
    ]
    yield Sheet(
        f"Performance profiles of {asked.score}",
        f"Share of runs that reach {reach} the number on the left, each task counting "
        "alike, with a pointwise band.",
        (f"{asked.score} {unit.of_score}".strip(), *asked.profiles),
        tuple(body),
    )


def _example_sheet(comparison: Comparison) -> Iterator[Sheet]:
    asked = comparison.asked
    rows = [(arm, *_two_ways(found, "%")) for arm, found in asked.examples.items()]
    rows += [
        (f"{a} - {b}", *_two_ways(found, "pp"))
        for (a, b), found in asked.differences.items()
    ]
    yield Sheet(
        "Accuracy over new runs and new test examples",
        "Intervals where only the runs, only the examples, or both are drawn anew "
        "(multi-bootstrap); a difference is taken on the same examples.",
        ("arm", "accuracy", "new runs", "new examples", "both"),
        tuple(rows),
    )


def _two_ways(found: TwoWays, unit: str) -> tuple[str, ...]:
    ways = (found.over_runs, found.over_examples, found.over_both)
    cells = [
        with_interval(100 * found.value, 100 * low, 100 * high).partition(" ")[2]
        or NONE
        for low, high in ways
    ]
    sign = mark(found.approximate)
    return f"{rounded(100 * found.value, None)} {unit}", *(
        sign + cell for cell in cells
    )


def _robust_sheet(comparison: Comparison) -> Iterator[Sheet]:
    unit = _unit(comparison)
    names = ("trimmed", "olympic", "iqm")
    rows = []
    for arm, means in comparison.asked.robust.items():
        by_name = {mean.name: mean for mean in means}
        cells = []
        for name in names:
            if (m := by_name.get(name)) is None:
                cells.append(NONE)
                continue
            ends = _scaled(unit, m.value, m.low, m.high)
            cells.append(with_interval(*ends, unit.of_score, m.approximate))
        rows.append((arm, *cells))
    yield Sheet(
        f"Means without the ends: {comparison.asked.score}",
        "A fifth, one, or a quarter of the runs is left out at each end; intervals by "
        "t over the winsorized standard error.",
        ("arm", "trimmed mean", "Olympic mean", "interquartile mean"),
        tuple(rows),
    )


def _aggregate(found: Aggregate, unit: Unit) -> str:
    return with_interval(
        *_scaled(unit, found.value, found.low, found.high), unit.of_score
    )


def _equals(p: float) -> str:
    shown = probability(p)
    return shown if shown.startswith("<") else f"= {shown}"
