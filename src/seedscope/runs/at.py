"""The score of a training that has a curve: where on the curve it is read.

`last`: the last value. `best`: each score's own best. `max:val_accuracy` (or `min:`):
all scores where that one was best, as a checkpoint keeps them. `epoch 10`: there.
A training whose last value of any score is NaN or infinite diverged, wherever the score
is read.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

FORMS = "last, best, max:<score>, min:<score> or 'epoch <number>'"
HUGE = 1.797e308  # what MLflow's databases make of infinity

Falls = Callable[[str], bool | None]  # a score's name -> lower is better; None: unknown


@dataclass(frozen=True)
class At:
    """Where on a curve a score is read."""

    kind: str  # last, best, max, min, step, rows
    score: str = ""
    step: float = 0.0


@dataclass(frozen=True)
class Read:
    """One row a run: its scores, and what a reader must know about them."""

    runs: list[int]  # in order, the run of each row
    table: pl.DataFrame  # a column a score
    diverged: frozenset[int]  # runs
    said: str


def parse(text: str) -> At:
    """Read what `at=` says.

    Raises:
        ValueError: it is none of the forms.
    """
    bare = text.strip()
    if bare in ("last", "best", "rows"):
        return At(bare)
    if found := re.fullmatch(r"(max|min):(.+)", bare):
        return At(found[1], found[2].strip())
    if found := re.fullmatch(r"(?:[a-z_/]+\s+)?(\d+(?:\.\d+)?)", bare):
        return At("step", step=float(found[1]))
    raise ValueError(f"at={text}: say at={FORMS}")


def read_at(curves: pl.DataFrame, at: At, falls: Falls) -> Read:
    """Return the scores of each run at one place of its curves.

    Args:
        curves: columns run (integer), score (name), step and value; one row a value.
        at: where.
        falls: tells whether lower is better.

    Raises:
        ValueError: no run has that step or score, or a direction is not known.
    """
    held = curves.filter(pl.col("value").is_not_null()).with_columns(
        pl.when(pl.col("value").abs() >= HUGE)
        .then(math.inf)
        .otherwise(pl.col("value"))
        .alias("value")
    )
    ends = held.sort("step").group_by("run", "score", maintain_order=True).last()
    diverged = frozenset(ends.filter(~pl.col("value").is_finite())["run"].to_list())
    runs = curves.select("run").unique().sort("run")
    if at.kind == "last":
        found, said = ends, f"the last value of each curve{_steps(ends)}"
    elif at.kind == "best":
        found, said = _best(held, ends, falls)
    elif at.kind in ("max", "min"):
        found, said = _where(held, runs, at)
    else:
        found, said = _step(held, runs, at)
    return Read(runs["run"].to_list(), _wide(found, runs), diverged, said)


def _best(
    held: pl.DataFrame, ends: pl.DataFrame, falls: Falls
) -> tuple[pl.DataFrame, str]:
    names = held["score"].unique(maintain_order=True).to_list()
    known = {name: down for name in names if (down := falls(name)) is not None}
    if not known:
        raise ValueError(
            f"at=best: whether higher or lower {', '.join(names[:5])} is better is not "
            "known; say at=max:<score> or at=min:<score>, or better="
        )
    finite = held.filter(
        pl.col("value").is_finite(), pl.col("score").is_in(list(known))
    )
    down = pl.col("score").is_in([name for name, falls_ in known.items() if falls_])
    best = finite.group_by("run", "score", maintain_order=True).agg(
        pl.when(down.first())
        .then(pl.col("value").min())
        .otherwise(pl.col("value").max())
        .alias("value")
    )
    # A run without one finite value keeps what it ended with: it is counted, not lost.
    rest = ends.join(best, on=["run", "score"], how="anti").filter(
        pl.col("score").is_in(list(known))
    )
    found = pl.concat([best, rest.select("run", "score", "value")])
    said = "each score at its own best step (the best of many is no typical one)"
    if left := [name for name in names if name not in known]:
        said += f"; left out, direction unknown: {', '.join(left[:5])}"
    return found, said


def _where(held: pl.DataFrame, runs: pl.DataFrame, at: At) -> tuple[pl.DataFrame, str]:
    lead = held.filter(pl.col("score") == at.score)
    if lead.is_empty():
        names = held["score"].unique(maintain_order=True).to_list()
        raise ValueError(
            f"at={at.kind}:{at.score}: no curve has that name; there are "
            f"{', '.join(names[:20])}"
        )
    finite = lead.filter(pl.col("value").is_finite())
    order = finite.sort(
        ["value", "step"], descending=[at.kind == "max", False], maintain_order=True
    )
    top = order.group_by("run", maintain_order=True).first().select("run", "step")
    found = held.join(top, on=["run", "step"], how="inner")
    found = found.group_by("run", "score", maintain_order=True).last()
    without = runs.height - top.height
    said = f"all scores at the step where {at.score} is {at.kind}imal"
    if without:
        said += f"; {without} of {runs.height} runs have no finite {at.score}"
    return found, said


def _step(held: pl.DataFrame, runs: pl.DataFrame, at: At) -> tuple[pl.DataFrame, str]:
    found = held.filter(pl.col("step") == at.step)
    found = found.group_by("run", "score", maintain_order=True).last()
    if found.is_empty():
        low, high = held["step"].min(), held["step"].max()
        raise ValueError(
            f"at={at.step:g}: no run has that step; they go from {low:g} to {high:g}"
        )
    without = runs.height - found["run"].n_unique()
    said = f"all scores at step {at.step:g}"
    if without:
        said += f", which {without} of {runs.height} runs do not have"
    return found, said


def _steps(ends: pl.DataFrame) -> str:
    steps = ends.group_by("run").agg(pl.col("step").max())["step"]
    if steps.is_empty():
        return ""
    low, high = steps.min(), steps.max()
    return f" (step {low:g})" if low == high else f" (steps {low:g} to {high:g})"


def _wide(found: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    """Return one row a run and one column a score; names are data, never looked up."""
    columns = []
    for name in found["score"].unique(maintain_order=True).to_list():
        part = found.filter(pl.col("score") == name).select("run", "value")
        joined = runs.join(part, on="run", how="left", maintain_order="left")
        columns.append(joined["value"].alias(name))
    return pl.DataFrame(columns)
