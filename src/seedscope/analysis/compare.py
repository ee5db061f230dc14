"""Turn a table of runs into one result: what `report` shows and `tracking` stores."""

from collections.abc import Sequence

import polars as pl

from seedscope.analysis import (
    advice,
    arms,
    asked,
    attribution,
    beyond,
    contrasts,
    curves,
    levels,
    notes,
    predictions,
    shapes,
    spread_tests,
    weights,
)
from seedscope.analysis.results import ArmResult, Comparison
from seedscope.runs.table import Runs
from seedscope.stats.interval import check_level


def compare(
    runs: Runs, scores: Sequence[str], level: float, target: float | None = None
) -> Comparison:
    """Compare the arms of a table of runs.

    Args:
        runs: as read from MLflow or a file.
        scores: columns to compare; empty: all of them, accuracy first.
        level: coverage of the intervals, in (0, 1).
        target: a number to hold the means of the leading score against.

    Raises:
        ValueError: nobody logged one of the scores, or `level` is no coverage.
    """
    check_level(level)
    chosen = choose(runs, scores)
    beside = asked.answers(runs, chosen[0], level, target)
    tables = runs.arms()
    results = tuple(
        _arm(name, table, tables, chosen, runs, level) for name, table in tables.items()
    )
    alone = [(other, base) for _, base, other in contrasts.pairs(runs)]
    tests = spread_tests.compare_spreads(tables, chosen[0], level, alone)
    shares, remarks = attribution.attributions(runs, chosen[0], level)
    return Comparison(
        title=runs.title,
        score=chosen[0],
        scores=chosen,
        level=level,
        arms=results,
        curves=curves.curves_of(runs, level),
        attributions=tuple(shares),
        spread_tests=tests,
        advice=advice.advise(results, chosen[0], level),
        notes=(
            *runs.remarks,
            *beside.notes,
            *notes.of_study(runs, results),
            *remarks,
        ),
        runs=runs,
        asked=beside,
        levels=levels.compare_levels(runs, chosen[0]),
        contrasts=contrasts.contrasts(runs, chosen[0], level, tests),
    )


def choose(runs: Runs, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the scores to compare, the one to lead with first.

    Raises:
        ValueError: there is no score, or one that is wanted is missing.
    """
    known = {*runs.scores, *(c for c in runs.table.columns if "/" in c)}
    missing = [score for score in wanted if score not in known]
    if missing:
        raise ValueError(
            f"metrics: nobody logged {', '.join(missing)}; there are "
            f"{', '.join(runs.scores) or 'none'}"
        )
    if not runs.scores:
        raise ValueError("these runs logged no metric; there is nothing to compare")
    if wanted:
        return tuple(wanted)
    ranked = sorted(runs.scores, key=lambda name: runs.about(name).rank)
    return tuple(sorted(ranked, key=lambda name: name != runs.score))


def _arm(
    name: str,
    table: pl.DataFrame,
    tables: dict[str, pl.DataFrame],
    scores: Sequence[str],
    runs: Runs,
    level: float,
) -> ArmResult:
    key, whole = runs.keys[name], arms.everything(runs, name)
    everything = None if whole is None else tables[whole]
    lead, (held, diverged) = scores[0], arms.scores_of(table, scores[0])
    seeds = arms.seed_table(arms.finished(table, lead))
    test_set, remarks = predictions.on_test_set(runs, table, level)
    return ArmResult(
        name=name,
        vary=key.vary,
        free=key.free,
        runs=len(table),
        diverged=diverged,
        planned=runs.planned.get(name, len(table)),
        spreads=arms.spreads(table, [runs.about(s) for s in scores], level),
        shares=arms.shares(table, everything, scores, level),
        beyond={lead: beyond.of_scores(runs.about(lead), held, level, seeds)}
        if held.size
        else {},
        test_set=test_set,
        weight_distance=weights.distances(runs, table, level),
        repeats=None if key.vary else arms.repeats(table),
        notes=(*notes.of_arm(name, table, runs), *remarks),
        shape=shapes.of_arm(name, table, lead),
    )
