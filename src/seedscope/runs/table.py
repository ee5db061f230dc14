"""The runs that a comparison looks at, wherever they were logged, as one table.

A row is a run. Columns without a slash say what it is (`run_id`, `arm`, `factor`,
`vary`, `replicate`, `block`, `diverged`, `seed.<source>`, ...), the columns in `scores`
are what it reached. A run that does not hold a score has null there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from seedscope.runs.score import Score, score


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
    base: str | None = None  # a study's name before code, data and engine entered it
    figure: str | None = None  # the figure that answers the study's question
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
        column = self.table[name]
        finite = (
            column.filter(column.is_finite()) if column.dtype.is_float() else column
        )
        return [v for v in (finite.min(), finite.max()) if isinstance(v, int | float)]

    def arms(self) -> dict[str, pl.DataFrame]:
        """Return the runs of each arm, in planned order: groups of runs end in any.

        Factors come in the order in which they were trained, as do runs without a plan.
        """
        groups = self.table.partition_by("arm", maintain_order=True)
        found = {group["arm"][0]: group for group in groups}
        if not self.planned:
            return found
        plan = {arm: place for place, arm in enumerate(self.planned)}
        factors = list(dict.fromkeys(self.table["factor"]))

        def place(arm: str) -> tuple[int, int]:
            return factors.index(found[arm]["factor"][0]), plan.get(arm, len(plan))

        return {arm: found[arm] for arm in sorted(found, key=place)}

    def arm(self, name: str) -> "Runs":
        """Return one arm as runs of their own."""
        rows = self.table.filter(pl.col("arm") == name)
        return replace(self, title=name, table=rows)
