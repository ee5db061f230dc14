"""Which column of a table is what, by names that programs of the field write.

Only whole names count. Nothing here decides what a row is: a column that counts epochs
or steps makes the comparison ask.
"""

import re
from collections.abc import Sequence

import polars as pl

STEPS = (
    "epoch",
    "step",
    "steps",
    "global_step",
    "_step",
    "iteration",
    "iter",
    "batch",
    "round",
    "training_iteration",
    "timesteps_total",
    "trainer/global_step",
)
STATES = ("state", "status", "run_state", "_state")
ENDED = (
    "finished",
    "completed",
    "complete",
    "success",
    "succeeded",
    "done",
    "terminated",
    "ok",
)
GOING_ON = ("running", "pending", "queued", "scheduled", "created", "preempting")
SEEDS = ("seed", "random_seed", "random_state")
RUN_NAMES = (  # they tell trainings apart
    "run",
    "run_id",
    "run_name",
    "run id",
    "run name",
    "name",
    "id",
    "trial",
    "trial_id",
    "trial_name",
    "experiment_id",
    "file",
    *SEEDS,
    "replicate",
    "rep",
    "fold",
)
SETTINGS = (  # numbers that are no results
    *RUN_NAMES,
    *STEPS,
    "epochs",
    "seeds",
    "index",
    "lr",
    "learning_rate",
    "learning rate",
    "weight_decay",
    "momentum",
    "batch_size",
    "batch size",
    "dropout",
    "dropout_rate",
    "hidden",
    "layers",
    "units",
    "width",
    "depth",
    "n_params",
    "num_params",
    "parameters",
    "runtime",
    "_runtime",
    "wall_time",
    "wall time",
    "time",
    "date",
    "timestamp",
    "_timestamp",
    "created",
    "start_time",
    "end_time",
    "rank",
    "gpu",
    "workers",
    "version",
    "run",
    "example",
)
BEFORE = re.compile(r"^(params?|config|hparams?|hp|tags?|args?|settings?)[./]", re.I)
TWIN = re.compile(r"__(min|max)$", re.I)  # what W&B writes beside a charted mean
UNNAMED = re.compile(r"^(column \d+|unnamed: ?\d+)$", re.I)


def is_index(column: pl.Series) -> bool:
    """Tell whether numbers only count: 0, 1, 2, ... (or from 1), each equally often."""
    if not column.dtype.is_integer() or column.null_count() or len(column) < 8:
        return False
    counts = column.value_counts()
    values, often = counts[column.name].sort(), counts["count"]
    first, last = int(values[0]), int(values[-1])
    whole = first in (0, 1) and last - first + 1 == len(values) > 2
    return whole and often.n_unique() == 1


def unused(frame: pl.DataFrame, taken: Sequence[str]) -> list[str]:
    """Return columns of words that would make groups of rows, and are not asked for."""
    return [
        name
        for name, dtype in frame.schema.items()
        if dtype == pl.String
        and name not in taken
        and name.lower().strip() not in (*RUN_NAMES, *STATES, *SETTINGS)
        and 1 < frame[name].drop_nulls().n_unique() <= len(frame) / 2
    ]


def is_setting(name: str) -> bool:
    """Tell whether numbers under this name are settings or counters, no results."""
    bare = name.lower().strip()
    return (
        bare in SETTINGS
        or bool(BEFORE.match(bare) or TWIN.search(bare) or UNNAMED.match(bare))
        or bare.startswith("_")
    )


def step_column(frame: pl.DataFrame, taken: Sequence[str]) -> str | None:
    """Return the column that counts epochs or steps, if one has more than one value.

    A column that is the same in every row is a setting: how long all were trained.
    """
    found = [
        name
        for name in frame.columns
        if name.lower() in STEPS
        and name not in taken
        and frame[name].dtype.is_numeric()
        and frame[name].drop_nulls().n_unique() > 1
    ]
    return min(found, key=lambda name: STEPS.index(name.lower()), default=None)


def state_column(frame: pl.DataFrame, taken: Sequence[str]) -> str | None:
    """Return the column that says how a run ended, if it holds known words."""
    for name in frame.columns:
        if name.lower() in STATES and name not in taken:
            words = frame[name].cast(pl.String).str.to_lowercase().drop_nulls()
            known = words.is_in((*ENDED, *GOING_ON, "crashed", "failed", "killed"))
            if len(words) and known.any():
                return name
    return None


def run_columns(frame: pl.DataFrame, taken: Sequence[str]) -> list[str]:
    """Return the columns whose names say that they tell trainings apart."""
    return [
        name
        for name in frame.columns
        if name.lower() in RUN_NAMES and name not in taken
    ]


def scores_among(frame: pl.DataFrame, taken: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of numbers that are results.

    MLflow's export calls them metrics.*: where there are such, no other counts.
    """
    numbers = [
        name
        for name, dtype in frame.schema.items()
        if name not in taken and dtype.is_numeric()
    ]
    logged = [name for name in numbers if name.startswith("metrics.")]
    return tuple(
        logged or [n for n in numbers if not is_setting(n) and not is_index(frame[n])]
    )
