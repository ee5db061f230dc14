"""Runs of any origin from a table: one row a run, or curves of which a score is read.

Columns are scores, groups (equal values make an arm) or sources (their values stand for
seeds). An empty cell in a score means that the run does not hold it; NaN or infinity
means that it diverged; an empty cell in a group makes an arm `<column>:missing`. What a
row is, is asked where a column counts epochs or steps; what was assumed is said in one
line, `Runs.assumed`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, permutations
from pathlib import Path

import polars as pl

from seedscope.runs import at as places
from seedscope.runs import examples
from seedscope.runs.curves import keep_curves
from seedscope.runs.diverged import judged
from seedscope.runs.duplicates import repeated_rows, shared_seeds
from seedscope.runs.question import Question
from seedscope.runs.score import falls
from seedscope.runs.table import Runs
from seedscope.runs.tables import columns, formats
from seedscope.runs.tables.cells import wrong_cell
from seedscope.runs.tables.folder import Folder, read_folder
from seedscope.runs.tables.turned import spread_out, turned
from seedscope.study.arms import encode, names_of
from seedscope.study.direction import Better

OWN = (  # columns that say what a run is
    "run_id",
    "arm",
    "factor",
    "vary",
    "levels",
    "settings",
    "design",
    "replicate",
    "block",
    "engine",
    "diverged",
    "machine",
    "versions",
    "seeding",
    "fingerprint",
    "task",
)
SHOWN = 8  # names in a line


@dataclass(frozen=True)
class Keys:
    """What a question says about its table."""

    path: Path
    score: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    step: str | None = None
    at: str | None = None
    tasks: str | None = None
    separator: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    nested: tuple[str, ...] = ()  # of the sources, as they were named
    example: str | None = None
    label: str | None = None
    truth: str | None = None
    better: Better = None

    @property
    def taken(self) -> tuple[str, ...]:
        """The columns that are spoken for."""
        columns = (self.step, self.tasks, self.example, self.label, self.truth)
        named = [name for name in columns if name]
        return (*self.score, *self.groups, *self.sources, *named)


@dataclass(frozen=True)
class _Rows:
    """A table whose rows are runs, on the way to `Runs`."""

    frame: pl.DataFrame
    keys: Keys
    names: list[str]  # of the runs
    diverged: frozenset[int] = frozenset()  # rows
    said: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    curves: pl.DataFrame | None = None  # run (a row's number), score, step, value
    traces: Path | None = None  # with predictions
    ended: pl.Series | None = field(default=None)  # false: crashed


def read(question: Question) -> Runs:
    """Return the runs of the table that a question names."""
    return read_table(
        Keys(
            path=Path(str(question.table)),
            score=tuple(question.score),
            groups=tuple(question.groups),
            sources=tuple(question.sources),
            turn=tuple(question.turn),
            run=tuple(question.run),
            step=question.step,
            at=question.at,
            tasks=question.tasks,
            separator=question.separator,
            decimal={"point": ".", "comma": ","}.get(
                str(question.decimal), question.decimal
            ),
            sheet=question.sheet,
            example=question.example,
            label=question.label,
            truth=question.truth,
            better=question.better,
        )
    )


def read_file(
    path: Path, scores: Sequence[str], groups: Sequence[str], sources: Sequence[str]
) -> Runs:
    """Return the runs of a table whose columns are named; see `read_table`."""
    return read_table(Keys(path, tuple(scores), tuple(groups), tuple(sources)))


def read_table(keys: Keys) -> Runs:
    """Return the runs that a file or a folder of logs holds.

    Raises:
        ValueError: it cannot be read, a column is missing or holds no numbers, or what
            a row is must be said.
    """
    keys = _unfolded(keys)
    if keys.path.is_dir():
        found = read_folder(keys.path, keys.separator, keys.decimal)
        rows = _of_folder(found, keys)
    else:
        cells = formats.load(keys.path, keys.separator, keys.decimal, keys.sheet)
        rows = _of_frame(cells.frame, keys, cells.said)
    return _runs(rows)


def _unfolded(keys: Keys) -> Keys:
    """Take nested sources, `batch/cask`, as two columns, one within the other."""
    chains = tuple(name for name in keys.sources if "/" in name.strip("/"))
    if not chains:
        return keys
    flat = [part for name in keys.sources for part in _parts(name)]
    return replace(keys, sources=tuple(dict.fromkeys(flat)), nested=chains)


def _parts(name: str) -> list[str]:
    return [part.strip() for part in name.split("/")] if "/" in name else [name]


def _around(keys: Keys, source: str) -> list[str]:
    """Return the sources that a source is nested in, and itself."""
    for chain in map(_parts, keys.nested):
        if source in chain:
            return chain[: chain.index(source) + 1]
    return [source]


def _of_folder(found: Folder, keys: Keys) -> _Rows:
    if found.kind == "events":
        return _of_events(found, keys)
    extra = [n for n in found.paths.columns if n not in found.frame.columns]
    frame = found.frame.join(
        found.paths.select("file", *extra), on="file", how="left", maintain_order="left"
    )
    if found.kind == "curves":
        return _of_frame(frame, replace(keys, run=keys.run or ("file",)), found.said)
    if not keys.groups:
        keys = replace(keys, groups=("file",))
        return _of_frame(frame, keys, (*found.said, "arms by file"))
    return _of_frame(frame, keys, found.said)


def _of_events(found: Folder, keys: Keys) -> _Rows:
    _check(keys, [*found.paths.columns, *found.frame["score"].unique().to_list()])
    names = found.paths["file"].to_list()
    numbers = {name: number for number, name in enumerate(names)}
    curves = found.frame.select(
        pl.col("run").replace_strict(numbers, return_dtype=pl.Int64),
        "score",
        "step",
        "value",
    )
    if keys.score:
        curves = curves.filter(pl.col("score").is_in(keys.score))
    chosen = tuple(curves["score"].unique(maintain_order=True).to_list())
    steps = curves["step"].n_unique()
    if keys.at is None and steps > 1:
        raise ValueError(_ask(keys.path, len(names), steps, "step", chosen))
    return _read_at(curves, keys, names, found.paths, found.said)


def _of_frame(frame: pl.DataFrame, keys: Keys, said: tuple[str, ...]) -> _Rows:
    """Return the rows of a table as runs; turned, or read off their curves."""
    place = f"table={keys.path}"
    _check_listed(keys.turn, keys.path)
    other = None
    if not keys.example:
        frame, said = spread_out(frame, keys.taken, said, place)
        other = turned(frame, keys.turn, keys.score, keys.groups, keys.sources, place)
    if other is not None:
        frame, said = other.frame, (*said, other.said)
        keys = replace(
            keys,
            score=other.score,
            groups=other.groups,
            sources=other.sources,
            run=keys.run or other.run,
        )
    _check(keys, frame.columns)
    if keys.example:
        return _of_examples(frame, keys, said)
    step = keys.step or columns.step_column(frame, keys.taken)
    if step and keys.at != "rows":
        return _of_curves(frame, step, keys, said)
    if keys.at not in (None, "rows"):
        raise ValueError(
            f"at={keys.at}: {place} has no column that counts epochs or steps; name it "
            "with step=, or leave at= where each row is a run"
        )
    names = [f"row {number}" for number in range(1, len(frame) + 1)]
    if not keys.score:
        keys, line = _chosen(frame, keys)
        said = (*said, line)
    if mixed := columns.unused(frame, (*keys.taken, *keys.run)):
        count = frame[mixed[0]].drop_nulls().n_unique()
        said = (
            *said,
            f"not told apart by {_some(mixed)} (groups=[{mixed[0]}] would compare "
            f"{count} values)",
        )
    return _stated(_Rows(frame, keys, names, said=said, remarks=repeated_rows(frame)))


def _check_listed(turn: Sequence[str], path: Path) -> None:
    if "*" in turn:
        raise ValueError(f"turn=*: say which columns of {path.name} hold a run each")


def _check(keys: Keys, names: Sequence[str]) -> None:
    """Raise ValueError where a column is missing, named twice or named as our own."""
    taken = keys.taken
    missing = [name for name in (*taken, *keys.run) if name not in names]
    if missing:
        raise ValueError(
            f"table={keys.path} has no column {', '.join(missing)}; it has "
            f"{', '.join(list(names)[:30])}"
        )
    if twice := sorted({name for name in taken if taken.count(name) > 1}):
        raise ValueError(f"score, groups and sources share {', '.join(twice)}")
    own = [n for n in keys.score if n in OWN or n.startswith(("seed.", "digest."))]
    if own:
        raise ValueError(
            f"score={own[0]}: this name says what a run is; rename the column of "
            f"{keys.path.name}"
        )


def _chosen(frame: pl.DataFrame, keys: Keys) -> tuple[Keys, str]:
    """Take the columns of numbers that are results, and say which."""
    found = tuple(
        name
        for name in columns.scores_among(frame, (*keys.taken, *keys.run))
        if name not in OWN and not name.startswith(("seed.", "digest."))
    )
    numbers = [
        name
        for name, dtype in frame.schema.items()
        if dtype.is_numeric() and name not in (*found, *keys.taken)
    ]
    if not found:
        left = f"; settings by their names: {_some(numbers)}" if numbers else ""
        raise ValueError(
            f"table={keys.path} has no column of numbers to take as score={left}"
        )
    line = f"scores: {_some(found)}"
    if numbers:
        line += f" (not {_some(numbers)}: settings)"
    seeds = [name for name in frame.columns if name.lower() in columns.SEEDS]
    if seeds and not set(seeds) & set(keys.sources):
        line += f"; seeds not used (sources=[{seeds[0]}] pairs by them)"
    return replace(keys, score=found), line


def _of_curves(
    frame: pl.DataFrame, step: str, keys: Keys, said: tuple[str, ...]
) -> _Rows:
    """Read one score a training off a table with a row an epoch."""
    if not frame[step].dtype.is_numeric():
        raise ValueError(f"step={step}: {wrong_cell(frame[step])}")
    keys = replace(keys, step=step)
    naming = _naming(frame, keys)
    frame = frame.with_columns(
        (pl.struct(naming).rank("dense").cast(pl.Int64) - 1).alias(_NUMBER)
        if naming
        else pl.lit(0, pl.Int64).alias(_NUMBER)
    )
    trainings, steps = frame[_NUMBER].n_unique(), frame[step].n_unique()
    scores = keys.score or _chosen(frame.drop(_NUMBER), keys)[0].score
    if keys.at is None:
        raise ValueError(_ask(keys.path, trainings, steps, step, scores))
    frame = _one_row_a_step(frame, step, scores)
    _check_once(frame, step, naming, keys.path)
    numbers = {name: _score(frame[name], keys.path) for name in scores}
    values = pl.DataFrame(
        [frame[_NUMBER], frame[step].cast(pl.Float64), *numbers.values()]
    )
    curves = pl.concat(
        [
            pl.DataFrame(
                {
                    "run": values[_NUMBER],
                    "score": pl.Series([name], dtype=pl.String).new_from_index(
                        0, len(values)
                    ),
                    "step": values[step],
                    "value": values[name],
                }
            )
            for name in scores
        ]
    )
    rest = [n for n in frame.columns if n not in (*scores, step)]
    about = frame.select(rest).group_by(_NUMBER, maintain_order=True).last()
    about = about.sort(_NUMBER).drop(_NUMBER)
    names = [" ".join(map(str, row)) for row in about.select(naming).iter_rows()]
    keys = replace(keys, score=tuple(scores))
    by = f" by {', '.join(naming)}" if naming else ""
    line = f"{trainings} training{'s' * (trainings != 1)}{by}, a row an {step}"
    line = line if step == "epoch" else line.replace("a row an", "a row a")
    return _read_at(curves, keys, names or ["training 1"], about, (*said, line))


_NUMBER = "seedscope: number of the training"


def _of_examples(frame: pl.DataFrame, keys: Keys, said: tuple[str, ...]) -> _Rows:
    """Read runs off a table with a row for each run and example."""
    place = f"table={keys.path}"
    if len(keys.score) > 1:
        raise ValueError(f"score={','.join(keys.score)}: example= takes one score")
    naming = _naming(frame, keys)
    if not naming:
        raise ValueError(
            f"{place}: example={keys.example} needs the columns that tell runs apart: "
            "run=, groups= or sources="
        )
    frame = frame.with_columns(
        (pl.struct(naming).rank("dense").cast(pl.Int64) - 1).alias(_NUMBER)
    )
    named = examples.Columns(
        _NUMBER,
        str(keys.example),
        keys.label,
        keys.truth,
        keys.score[0] if keys.score else None,
    )
    found = examples.of_rows(frame, named, place)
    about = frame.group_by(_NUMBER).first().sort(_NUMBER)
    names = [" ".join(map(str, row)) for row in about.select(naming).iter_rows()]
    own = (_NUMBER, *keys.score, keys.example, keys.label, keys.truth)
    about = about.drop([name for name in own if name], strict=False)
    about = about.with_columns(
        pl.Series(examples.SCORE, found.accuracy, dtype=pl.Float64)
    )
    tested = frame[str(keys.example)].n_unique()
    line = f"{len(names)} runs by {', '.join(naming)}, tested on {tested:,} examples"
    keys = replace(keys, score=(examples.SCORE,), example=None, label=None, truth=None)
    traces = examples.kept(found, names)
    return _Rows(about, keys, names, said=(*said, line, found.said), traces=traces)


def _naming(frame: pl.DataFrame, keys: Keys) -> list[str]:
    """Return the columns that tell trainings apart."""
    tasks = (keys.tasks,) if keys.tasks else ()
    named = [*keys.run, *keys.groups, *keys.sources, *tasks]
    if not keys.run:
        named += columns.run_columns(frame, (*keys.score, keys.step or "", *named))
    return list(dict.fromkeys(named))


def _one_row_a_step(
    frame: pl.DataFrame, step: str, scores: Sequence[str]
) -> pl.DataFrame:
    """Join rows of one training and step that hold different scores.

    Lightning writes what it trained on and what it validated on in rows of their own.
    """
    names = frame.columns  # they are data, never looked up: by number from here on
    plain = frame.rename({name: str(i) for i, name in enumerate(names)})
    place = [str(names.index(name)) for name in (_NUMBER, step)]
    if not plain.select(place).is_duplicated().any():
        return frame
    held = [pl.col(str(names.index(name))).is_not_null().sum() for name in scores]
    if max(plain.group_by(place).agg(held).drop(place).max().row(0)) > 1:
        return frame
    rest = [name for name in plain.columns if name not in place]
    joined = plain.group_by(place, maintain_order=True).agg(
        pl.col(name).drop_nulls().first() for name in rest
    )
    return joined.select(plain.columns).rename(
        dict(zip(plain.columns, names, strict=True))
    )


def _check_once(
    frame: pl.DataFrame, step: str, naming: Sequence[str], path: Path
) -> None:
    twice = frame.group_by(_NUMBER, step).len().filter(pl.col("len") > 1)
    if twice.is_empty():
        return
    first = frame.join(
        twice.sort(_NUMBER, step).head(1), on=[_NUMBER, step], how="semi"
    )
    who = " ".join(str(first[name][0]) for name in naming)
    raise ValueError(
        f"table={path}: {step} {first[step][0]:g} stands {len(first)} times in one "
        f"training{who and f' ({who})'}; name the column that tells trainings apart: "
        "run="
    )


def _ask(
    path: Path, trainings: int, steps: int, step: str, scores: Sequence[str]
) -> str:
    runs = "one training" if trainings == 1 else f"{trainings} trainings"
    lead = next((s for s in scores if s.startswith("val")), [*scores, "score"][0])
    return (
        f"table={path}: column {step} makes it {runs} of {steps} {step}s, not a run a "
        f"row; say which value counts: at=last, at=best, at=max:{lead}, "
        f"at='{step} <number>', or at=rows where each row is a run"
    )


def _read_at(
    curves: pl.DataFrame,
    keys: Keys,
    names: list[str],
    about: pl.DataFrame,
    said: tuple[str, ...],
) -> _Rows:
    read = places.read_at(curves, places.parse(keys.at or "last"), falls(keys.better))
    places_of = [names[number] for number in read.runs]
    about = about[read.runs]
    frame = about.drop(n for n in read.table.columns if n in about.columns)
    frame = frame.hstack(read.table.get_columns())
    row = {number: place for place, number in enumerate(read.runs)}
    curves = curves.with_columns(
        pl.col("run").replace_strict(row, return_dtype=pl.Int64)
    )
    return _stated(
        _Rows(
            frame,
            replace(keys, score=tuple(read.table.columns)),
            places_of,
            frozenset(row[number] for number in read.diverged),
            (*said, read.said),
            curves=curves,
        )
    )


def _stated(rows: _Rows) -> _Rows:
    """Tell finished runs from crashed ones, where a column says so."""
    frame = rows.frame
    state = columns.state_column(frame, rows.keys.taken)
    if state is None:
        return rows
    words = frame[state].cast(pl.String).str.to_lowercase().fill_null("unknown")
    counts = words.value_counts(sort=True).sort(
        "count", words.name, descending=[True, False]
    )
    told = ", ".join(f"{count} {word}" for word, count in counts.iter_rows())
    going = words.is_in(columns.GOING_ON)
    ended = words.is_in(columns.ENDED)
    said = f"{state}: {told}"
    if (~ended & ~going).any():
        said += "; runs that did not finish are counted apart like diverged ones"
    if going.any():
        said += f"; {int(going.sum())} still going on left out"
        kept = (~going).arg_true().to_list()
        place = {old: new for new, old in enumerate(kept)}
        rows = replace(
            rows,
            frame=frame[kept],
            names=[rows.names[number] for number in kept],
            diverged=frozenset(place[n] for n in rows.diverged if n in place),
            curves=None
            if rows.curves is None
            else rows.curves.filter(pl.col("run").is_in(kept)).with_columns(
                pl.col("run").replace_strict(place, return_dtype=pl.Int64)
            ),
        )
        ended = ended.filter(~going)
    return replace(rows, ended=ended, said=(*rows.said, said))


def _runs(rows: _Rows) -> Runs:
    keys, frame = rows.keys, rows.frame
    if frame.is_empty():
        raise ValueError(f"table={keys.path}: none of its runs has ended")
    diverged = pl.Series(
        [n in rows.diverged for n in range(len(frame))], dtype=pl.Boolean
    )
    if rows.ended is not None:
        diverged = diverged | ~rows.ended
    if "diverged" in frame.columns and "diverged" not in keys.taken:
        told = frame["diverged"].cast(pl.String).str.to_lowercase()
        diverged = diverged | told.is_in(["true", "1", "yes"]).fill_null(False)
    table = _arms(frame, keys.groups).select(
        pl.Series("run_id", rows.names),
        pl.all(),
        pl.Series("replicate", range(len(frame))),
        pl.lit(0, pl.Int64).alias("block"),
        diverged.alias("diverged"),
    )
    scores = {name: _score(frame[name], keys.path) for name in keys.score}
    scores, ended_badly, empty = judged(scores)
    if empty:
        said = f"{_some(empty)} left out: NaN or infinite in every run"
        rows = replace(rows, said=(*rows.said, said))
    diverged = diverged | ended_badly
    table = table.with_columns(
        diverged.alias("diverged"),
        *(_codes(frame, name, _around(keys, name)) for name in keys.sources),
        *scores.values(),
    )
    if keys.tasks:
        task = frame[keys.tasks].cast(pl.String).fill_null("missing")
        table = table.with_columns(task.alias("task"))
    return Runs(
        title=keys.path.name,
        table=_with_vary(table, keys.sources),
        scores=tuple(scores),
        remarks=(*rows.remarks, *shared_seeds(table), *_nesting(frame, keys)),
        nested=keys.nested,
        traces=rows.traces
        if rows.curves is None
        else keep_curves(rows.curves, rows.names),
        assumed="; ".join(rows.said),
    )


def _arms(rows: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    """Return the name of each row's arm, and the levels that it is made of."""
    if not groups:
        return pl.DataFrame({"arm": ["every run"] * len(rows)})
    own = rows.select(groups).rows()
    distinct = list(dict.fromkeys(own))
    levels = [dict(zip(groups, values, strict=True)) for values in distinct]
    place = {values: number for number, values in enumerate(distinct)}
    made = pl.DataFrame(
        {
            "arm": names_of(levels),
            "levels": [encode(level) for level in levels],
        }
    )
    return made[[place[values] for values in own]]


def _codes(frame: pl.DataFrame, source: str, around: list[str]) -> pl.Series:
    """Return seeds as integers: equal values of any type are equal seeds."""
    column = frame[source]
    if column.null_count():
        raise ValueError(f"sources: column {source} has empty cells; fill every seed")
    if len(around) > 1:
        column = frame.select(pl.struct(around)).to_series()
    codes = column.rank("dense").cast(pl.Int64) - 1
    return codes.alias(f"seed.{source}")


def _score(column: pl.Series, path: Path) -> pl.Series:
    if column.dtype.is_numeric() or column.dtype in (pl.Null, pl.Boolean):
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        raise ValueError(
            f"table={path}: column {column.name} holds {column.dtype}, not numbers"
        )
    raise ValueError(f"table={path}: {wrong_cell(column)}")


def _nesting(frame: pl.DataFrame, keys: Keys) -> Iterator[str]:
    """Say where labels start anew inside another source, or where none ever does."""
    for chain in map(_parts, keys.nested):
        for outer, inner in pairwise(chain):
            if (again := _reused(frame, outer, inner)) > 0:
                yield (
                    f"{again} labels of {inner} stand in more than one {outer}; they "
                    f"are taken as different ones, as {outer}/{inner} says"
                )
    if keys.nested:
        return
    for outer, inner in permutations(keys.sources, 2):
        within = frame.select(outer, inner).unique()
        counts = within[outer].n_unique(), within[inner].n_unique()
        if counts[0] < counts[1] == len(within) < len(frame):
            yield (
                f"each {inner} stands in one {outer} only: nested, not crossed; "
                f"sources=[{outer}/{inner}] takes their variance apart"
            )


def _reused(frame: pl.DataFrame, outer: str, inner: str) -> int:
    within = frame.group_by(inner).agg(pl.col(outer).n_unique().alias("n"))
    return int((within["n"] > 1).sum())


def _with_vary(table: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Say which sources vary in each arm; unknown where no source is named."""
    if not sources:
        return table.with_columns(vary=pl.lit("unknown"))
    varied = [
        pl.when(pl.col(f"seed.{name}").n_unique().over("arm") > 1)
        .then(pl.lit(name))
        .otherwise(None)
        for name in sources
    ]
    return table.with_columns(
        vary=pl.concat_str(varied, separator=" ", ignore_nulls=True)
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
