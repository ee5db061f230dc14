"""A against B: two groups of runs, whatever they are arms of."""

from dataclasses import replace

from seedscope.analysis import shapes
from seedscope.analysis.arms import finished, scores_of, seed_table
from seedscope.analysis.compare import choose
from seedscope.analysis.matching import matched, without_partner
from seedscope.analysis.results import TwoGroups
from seedscope.analysis.seeding import generator
from seedscope.runs.table import Runs
from seedscope.stats.compare import compare
from seedscope.stats.verdict import decide


def compare_groups(
    a: Runs,
    b: Runs,
    scores: tuple[str, ...],
    level: float,
    difference: float | None = None,
) -> list[TwoGroups]:
    """Compare two groups of runs by each score that both hold.

    Args:
        a: the first group, all of its arms taken together.
        b: the second group.
        scores: which; empty: all that both were tested on, accuracy first.
        level: coverage of the intervals.
        difference: the one that matters, in the unit of the score.

    Raises:
        ValueError: no score in common, or fewer than two finished runs in a group.
    """
    common = tuple(score for score in a.scores if score in b.scores)
    tested = tuple(score for score in common if a.about(score).part == "test")
    if not common:
        raise ValueError(
            f"{a.title} and {b.title} have no score in common: "
            f"{', '.join(a.scores) or 'none'} against {', '.join(b.scores) or 'none'}"
        )
    shared = replace(a, scores=common if scores else tested or common)
    return [_one(a, b, s, level, difference) for s in choose(shared, scores)]


def _one(
    a: Runs, b: Runs, score: str, level: float, difference: float | None
) -> TwoGroups:
    good = [finished(runs.table, score) for runs in (a, b)]
    for runs, table in zip((a, b), good, strict=True):
        if len(table) < 2:
            raise ValueError(
                f"{runs.title} has {len(table)} finished run(s) with {score}; a "
                "comparison needs two or more"
            )
    rows = matched(good[0], good[1], score)
    tables = (rows, rows) if rows is not None else tuple(good)
    columns = (score, "b") if rows is not None else (score, score)
    first, second = (t[c].to_numpy() for t, c in zip(tables, columns, strict=True))
    about = a.about(score)
    direction = about.direction or b.about(score).direction
    result = compare(
        first,
        second,
        generator(),
        level,
        paired=rows is not None,
        margin=difference,
        lower=direction == "lower",
        seeds=(seed_table(tables[0]), seed_table(tables[1])),
        bounds=_both(about.bounds, b.about(score).bounds),
    )
    alone = [0, 0] if rows is None else [without_partner(t, rows) for t in good]
    diverged = [scores_of(runs.table, score)[1] for runs in (a, b)]
    return TwoGroups(
        a=a.title,
        b=b.title,
        score=score,
        about=about,
        direction=direction,
        runs=(len(good[0]) + diverged[0], len(good[1]) + diverged[1]),
        diverged=(diverged[0], diverged[1]),
        without_partner=(alone[0], alone[1]),
        result=result,
        verdict=decide(result, direction),
        shapes=tuple(
            found
            for runs in (a, b)
            if (found := shapes.of_arm(runs.title, runs.table, score)) is not None
        ),
        context={**_context(a, b), "runs": f"{len(good[0])} and {len(good[1])}"},
    )


def _context(a: Runs, b: Runs) -> dict[str, str]:
    """Return what both were; of what they differ in, A's and B's."""
    if a.context == b.context:
        known = dict(a.context)
    else:
        what = dict.fromkeys([*a.context, *b.context])
        both = {w: [r.context.get(w, "unknown") for r in (a, b)] for w in what}
        known = {w: " and ".join(dict.fromkeys(pair)) for w, pair in both.items()}
    if a.command is not None and a.command == b.command:
        known["command"] = a.command
    return known


def _both(
    first: tuple[float, float], second: tuple[float, float]
) -> tuple[float, float]:
    """Return bounds that neither group passes."""
    return min(first[0], second[0]), max(first[1], second[1])
