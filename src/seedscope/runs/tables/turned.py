"""Tables with a column per run are turned: one row a run.

Known forms are a chart that W&B exports (`run-a - val_loss`) and columns that are
numbered seeds or runs (`seed0`, `seed1`). Others are turned where `turn=` says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import polars as pl

from seedscope.runs.tables.columns import STEPS, TWIN

CHART = re.compile(r"^(?P<run>.+) - (?P<metric>.+)$")
NUMBERED = re.compile(r"^(?P<word>.*?)[ _.-]?(?P<number>\d+)$")
SEEDS = ("seed", "s")
RUNS = ("run", "rep", "replicate", "repeat", "trial", "repetition", "fold", "split")
METRICS = ("metric", "metric_name", "key", "tag", "measure")  # one row for each
VALUES = ("value", "metric_value")
TIMES = ("timestamp", "_timestamp", "wall_time", "wall time", "time")
LEAST = 3  # numbered columns that look like runs, where their word says nothing


@dataclass(frozen=True)
class Turned:
    """A table with one row a run (and step)."""

    frame: pl.DataFrame
    score: tuple[str, ...]
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    run: tuple[str, ...]  # columns that tell its trainings apart
    said: str


def turned(
    frame: pl.DataFrame,
    turn: Sequence[str],
    score: Sequence[str],
    groups: Sequence[str],
    sources: Sequence[str],
    place: str,
) -> Turned | None:
    """Return a table turned, None where its rows are runs already.

    Args:
        frame: the table.
        turn: names or patterns (`acc_*`) of columns that hold a run each.
        score: what the turned numbers are called; empty: `score`.
        groups: columns that make arms.
        sources: columns that hold seeds.
        place: what to call the table in a message.

    Raises:
        ValueError: `turn` names no column, or columns look like runs and may be scores.
    """
    if turn:
        chosen = [n for n in frame.columns if any(fnmatchcase(n, t) for t in turn)]
        missing = [t for t in turn if not any(fnmatchcase(n, t) for n in frame.columns)]
        if missing or len(chosen) < 2:
            raise ValueError(
                f"turn={','.join(turn)}: {place} has no two such columns; it has "
                f"{', '.join(frame.columns[:20])}"
            )
        return _of_columns(frame, chosen, "run", score, groups, sources, place)
    if any(name in frame.columns for name in score):
        return None
    if (chart := _chart(frame, groups)) is not None:
        return chart
    word, chosen = _numbered(frame, (*groups, *sources))
    if len(chosen) > 1 and word in SEEDS:
        return _of_columns(frame, chosen, "seed", score, groups, sources, place)
    if len(chosen) > 1 and word in RUNS:
        return _of_columns(frame, chosen, "run", score, groups, sources, place)
    others = [
        n for n in frame.columns if n not in chosen and frame[n].dtype.is_numeric()
    ]
    if len(chosen) >= LEAST and not others and not score:
        raise ValueError(
            f"{place}: {chosen[0]} ... {chosen[-1]} may be one run each or a score "
            f"each; say turn=[{','.join(chosen[:3])},...] (or a pattern: {word}*), or "
            f"score=[{','.join(chosen[:2])},...]"
        )
    return None


def spread_out(
    frame: pl.DataFrame, taken: Sequence[str], said: tuple[str, ...], place: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Give each metric a column where a table has a row for each run and metric.

    Raises:
        ValueError: a run holds a metric twice.
    """
    kinds = {name.lower(): name for name in frame.columns if name not in taken}
    metric = next((kinds[name] for name in METRICS if name in kinds), None)
    value = next((kinds[name] for name in VALUES if name in kinds), None)
    if metric is None or value is None or frame[metric].dtype != pl.String:
        return frame, said
    names = frame[metric].drop_nulls().unique(maintain_order=True).to_list()
    if len(names) < 2 or not frame[value].dtype.is_numeric():
        return frame, said
    rest = [
        name
        for name in frame.columns
        if name not in (metric, value) and name.lower() not in TIMES
    ]
    twice = frame.group_by(*rest, metric).len().filter(pl.col("len") > 1)
    if not rest or len(twice):
        raise ValueError(
            f"{place}: a row holds one {metric}, and no other column tells the runs "
            "apart; add one, or give each metric a column of its own"
        )
    table = frame.pivot(on=metric, index=rest, values=value, maintain_order=True)
    return table, (*said, f"a row a {metric}: {_some(names)} made columns")


def _chart(frame: pl.DataFrame, groups: Sequence[str]) -> Turned | None:
    steps = [name for name in frame.columns if name.lower() in STEPS]
    named = {n: found for n in frame.columns if (found := CHART.match(n))}
    kept = {n: m for n, m in named.items() if not TWIN.search(n)}
    if not steps or not kept or len(steps) + len(named) < frame.width or groups:
        return None
    runs = list(dict.fromkeys(found["run"] for found in kept.values()))
    metrics = tuple(dict.fromkeys(found["metric"] for found in kept.values()))
    parts = []
    for run in runs:
        columns = [
            pl.col(name).cast(pl.Float64).alias(found["metric"])
            for name, found in kept.items()
            if found["run"] == run
        ]
        part = frame.select(pl.lit(run).alias("run"), pl.col(steps[0]), *columns)
        parts.append(part)
    table = pl.concat(parts, how="diagonal")
    table = table.filter(pl.any_horizontal(pl.col(metrics).is_not_null()))
    left = "; its __MIN and __MAX columns left out" if len(kept) < len(named) else ""
    said = f"a chart of {len(runs)} runs ({_some(runs)}), a column each{left}"
    return Turned(table, metrics, (), (), ("run",), said)


def _numbered(frame: pl.DataFrame, taken: Sequence[str]) -> tuple[str, list[str]]:
    """Return the columns that one word numbers, the most there are, and the word."""
    found: dict[str, list[str]] = {}
    for name, dtype in frame.schema.items():
        part = NUMBERED.match(name)
        if part and name not in taken and dtype.is_numeric():
            found.setdefault(part["word"].lower(), []).append(name)
    word = max(found, key=lambda word: len(found[word]), default="")
    return word, found.get(word, [])


def _of_columns(
    frame: pl.DataFrame,
    chosen: Sequence[str],
    kind: str,
    score: Sequence[str],
    groups: Sequence[str],
    sources: Sequence[str],
    place: str,
) -> Turned:
    rest = [name for name in frame.columns if name not in chosen]
    texts = [name for name in rest if frame[name].dtype == pl.String]
    steps = [name for name in rest if name.lower() in STEPS]
    if any(name not in rest for name in groups):
        raise ValueError(
            f"groups={','.join(groups)}: {place} has beside its columns of runs only "
            f"{', '.join(rest) or 'none'}"
        )
    if len(score) > 1:
        raise ValueError(
            f"score={','.join(score)}: {place} holds one score, a column a run; give "
            "it one name"
        )
    (name,) = score or ("score",)
    arms = tuple(groups) or (() if steps else tuple(texts))
    if name in rest:
        raise ValueError(f"{place}: column {name} and the turned scores share a name")
    table = frame.unpivot(
        on=list(chosen), index=rest, variable_name=kind, value_name=name
    )
    table = table.with_columns(pl.col(name).cast(pl.Float64))
    extra = () if kind in sources or kind != "seed" else (kind,)
    said = f"{len(chosen)} columns ({_some(chosen)}) taken as one {kind} each"
    if arms and not groups:
        said += f", arms by {', '.join(arms)}"
    return Turned(table, (name,), arms, (*sources, *extra), (kind,), said)


def _some(names: Sequence[str]) -> str:
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} ... {names[-1]}"
