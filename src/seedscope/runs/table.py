"""The runs that a comparison looks at, wherever they were logged, as one table.

A row is a run. Columns without a slash say what it is (`run_id`, `arm`, `factor`,
`vary`, `replicate`, `block`, `diverged`, `seed.<source>`, ...), the columns in `scores`
are what it reached. A run that does not hold a score has null there.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl


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
    figure: str | None = None  # the figure that answers the study's question

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
