"""The runs that a comparison looks at, wherever they were logged, as one table.

A row is a run. Columns without a slash say what it is (`run_id`, `arm`, `factor`,
`vary`, `levels`, `settings`, `replicate`, `block`, `diverged`, `seed.<source>`, ...),
the columns in `scores` are what it reached. A run that does not hold a score has null
there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from seedscope.runs.score import Score, score
from seedscope.study.arms import decode, label, short
from seedscope.study.seeds import FREE


@dataclass(frozen=True)
class ArmKey:
    """What makes an arm: data, never its name."""

    factor: str
    vary: tuple[str, ...]  # the sources that vary
    levels: Mapping[str, Any]  # setting -> value; empty where none is known
    settings: str | None  # equal where all settings are equal; None: not known

    @property
    def free(self) -> bool:
        """Tell whether all varies that varies where nobody fixes a seed."""
        return set(FREE) <= set(self.vary)

    def beside(self, other: "ArmKey") -> bool:
        """Tell whether two arms differ in what they vary alone."""
        if self.settings is None or other.settings is None:
            return self.settings == other.settings and self.levels == other.levels
        return self.settings == other.settings


def places(keys: Sequence[ArmKey], factors: Sequence[str]) -> list[int]:
    """Return the order in which to show arms that were planned in this one.

    Args:
        keys: of the arms.
        factors: in the order in which they were trained.
    """
    ranks = {}
    for setting in {setting for key in keys for setting in key.levels}:
        ranks[setting] = _ranks([key.levels.get(setting) for key in keys])

    def place(number: int) -> tuple:
        key = keys[number]
        levels = [ranks[setting][number] for setting in key.levels]
        return factors.index(key.factor), levels if key.vary else [], number

    return sorted(range(len(keys)), key=place)


def _ranks(values: Sequence[Any]) -> list[float]:
    """Return numbers as they are, none last; else the order of first appearance."""
    numbers = [_number(value) for value in values]
    if all(number is not None for number in numbers):
        return [number for number in numbers if number is not None]
    seen: list[str] = list(dict.fromkeys(repr(value) for value in values))
    return [float(seen.index(repr(value))) for value in values]


def _number(value: Any) -> float | None:
    if value is None:
        return math.inf  # a full batch, all examples
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


@dataclass(frozen=True)
class Runs:
    """Runs to be compared, and where their traces are, if anywhere."""

    title: str
    table: pl.DataFrame
    scores: tuple[str, ...]  # the columns that are scores
    traces: Path | None = None  # a folder with the Parquet parts of each table
    study_id: str | None = None  # the MLflow run of the study
    planned: dict[str, int] = field(default_factory=dict)  # arm -> runs
    remarks: tuple[str, ...] = ()  # what a reader must know about these runs
    assumed: str = ""  # how they were read where that was not said, in one line
    score: str | None = None  # the one that the study asks to lead with
    control: str | None = None  # why it failed, found one by one: engine or machine
    base: str | None = None  # a study's name before code, data and engine entered it
    figure: str | None = None  # the figure that answers the study's question
    question: str | None = None  # the study's own, where it has one
    command: str | None = None  # that trained or compared these runs, as it was typed
    context: Mapping[str, str] = field(default_factory=dict)  # what was run, in words
    server: str | None = None  # the MLflow UI that shows the runs
    nested: tuple[str, ...] = ()  # batch/cask: each batch has casks of its own
    better: Mapping[str, str] = field(default_factory=dict)  # score -> direction, told

    @cached_property
    def known(self) -> dict[str, Score]:
        """Return what is known of each score and of the last value of each curve."""
        names = [c for c in self.table.columns if c in self.scores or "/" in c]
        return {name: score(name, self._extremes(name), self.better) for name in names}

    def about(self, name: str) -> Score:
        """Return what is known of a score or curve, also of one that no row holds."""
        return self.known.get(name) or score(name, (), self.better)

    def _extremes(self, name: str) -> list[float]:
        """Return the smallest and largest value of the runs that did not diverge."""
        column = self.table[name]
        if "diverged" in self.table.columns:
            column = column.filter(~self.table["diverged"])
        if column.dtype.is_float():
            column = column.filter(column.is_finite())
        return [v for v in (column.min(), column.max()) if isinstance(v, int | float)]

    @cached_property
    def keys(self) -> dict[str, ArmKey]:
        """Return what makes each arm, by its name."""
        held = [c for c in ("factor", "vary", "levels", "settings") if c in self.table]
        first = self.table.group_by("arm", maintain_order=True).agg(
            pl.col(held).drop_nulls().first()
        )
        return {row.pop("arm"): _key(row) for row in first.iter_rows(named=True)}

    def arms(self) -> dict[str, pl.DataFrame]:
        """Return the runs of each arm: groups of runs end in any.

        Factors come in the order in which they were trained; levels that are numbers
        by size, the others as planned. Where nothing varies the plan stays, because
        its first level is the baseline of the others.
        """
        groups = self.table.partition_by("arm", maintain_order=True)
        found = {group["arm"][0]: group for group in groups}
        plan = [arm for arm in self.planned if arm in found]
        plan += [arm for arm in found if arm not in self.planned]
        trained = list(dict.fromkeys(self.keys[arm].factor for arm in found))
        order = places([self.keys[arm] for arm in plan], trained)
        return {plan[place]: found[plan[place]] for place in order}

    def find(self, name: str) -> str | None:
        """Return the arm that is called so, also by the short name that tables show."""
        arms = list(self.arms())
        if name in arms:
            return name
        _, shown = self.short_names(arms)
        return arms[shown.index(name)] if name in shown else None

    def short_names(self, arms: Sequence[str]) -> tuple[str, list[str]]:
        """Return what to call arms below a head: without the setting that all share."""
        levels = [dict(self.keys[arm].levels) for arm in arms]
        settings = {setting for own in levels for setting in own}
        factors = {self.keys[arm].factor for arm in arms}
        if len(arms) < 2 or not all(levels) or len(settings) > 1 or len(factors) > 1:
            return "arm", list(arms)
        (setting,) = settings
        names = [label(own[setting]) for own in levels]
        if len(set(names)) < len(names):
            return "arm", list(arms)
        return short(setting), names

    def without_runs(self) -> list[tuple[str, int]]:
        """Return the arms that hold no run, and how many were planned of each."""
        held = set(self.table["arm"])
        return [(arm, n) for arm, n in self.planned.items() if arm not in held]

    def whose_fault(self, arm: str) -> str:
        """Return what makes exact repeats of an arm end apart: engine or machine.

        Unknown where they were trained in groups and never one by one.
        """
        engines = (
            set(self.arm(arm).table["engine"]) if "engine" in self.table else set()
        )
        return self.control or ("unknown" if "batched" in engines else "machine")

    def arm(self, name: str) -> "Runs":
        """Return one arm as runs of their own."""
        rows = self.table.filter(pl.col("arm") == name)
        return replace(self, title=name, table=rows)


def _key(row: Mapping[str, str | None]) -> ArmKey:
    return ArmKey(
        factor=row.get("factor") or "",
        vary=tuple((row.get("vary") or "").split()),
        levels=decode(row.get("levels")),
        settings=row.get("settings"),
    )
