"""Turn a table of runs into one result: what `report` shows and `tracking` stores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from seedscope.runs import Runs
from seedscope.stats.pairs import PairMean, churn
from seedscope.stats.share import Share, variance_share
from seedscope.stats.spread import Spread, spread
from seedscope.stats.test_set import (
    FiniteTestSet,
    finite_test_set,
    finite_test_set_error,
)

ROUGH_BELOW = 20  # runs; with fewer, an interval of an sd is wide


@dataclass(frozen=True)
class Repeats:
    """Whether runs with the same settings and seeds gave the same bits."""

    runs: int
    distinct: int  # different final weights; 1: bit-identical

    @property
    def identical(self) -> bool:
        """Tell whether every run ended in the same bits."""
        return self.distinct == 1


@dataclass(frozen=True)
class ArmResult:
    """What one arm's runs say."""

    name: str
    vary: tuple[str, ...]
    runs: int  # finished, diverged ones included
    diverged: int
    planned: int
    spreads: dict[str, Spread]  # score -> spread; none where no run holds the score
    shares: dict[str, Share]  # score -> variance relative to the arm `all`
    churn: PairMean | None  # classification on one shared test set, two or more runs
    test_set: FiniteTestSet | None  # likewise
    repeats: Repeats | None  # where nothing varies
    notes: tuple[str, ...]  # what a reader must know about this arm


@dataclass(frozen=True)
class Curves:
    """The curves of one arm; a run that stopped early ends in NaN."""

    epochs: dict[str, np.ndarray]  # train/<name>, val/<name> -> (runs, epochs)
    batch: dict[str, np.ndarray]  # batch/<name> -> (runs, steps)
    steps_per_epoch: int


@dataclass(frozen=True)
class Comparison:
    """The comparison of all arms."""

    title: str
    score: str  # the one that tables and figures lead with
    scores: tuple[str, ...]
    level: float  # of every interval
    arms: tuple[ArmResult, ...]
    curves: dict[str, Curves]  # arm -> curves; empty without traces
    notes: tuple[str, ...]  # what a reader must know about the study
    runs: Runs


def compare(runs: Runs, scores: Sequence[str], level: float) -> Comparison:
    """Compare the arms of a table of runs.

    Args:
        runs: as read from MLflow or a file.
        scores: columns to compare; empty: all of them, accuracy first.
        level: coverage of the intervals, in (0, 1).

    Raises:
        ValueError: nobody logged one of the scores.
    """
    chosen = _chosen(runs, scores)
    arms = runs.arms()
    predictions = _predictions(runs)
    results = tuple(
        _arm(name, table, arms, chosen, runs, predictions, level)
        for name, table in arms.items()
    )
    return Comparison(
        title=runs.title,
        score=chosen[0],
        scores=chosen,
        level=level,
        arms=results,
        curves=_curves(runs),
        notes=tuple(_study_notes(runs, results)),
        runs=runs,
    )


def _chosen(runs: Runs, wanted: Sequence[str]) -> tuple[str, ...]:
    missing = [score for score in wanted if score not in runs.scores]
    if missing:
        raise ValueError(
            f"metrics: nobody logged {', '.join(missing)}; there are "
            f"{', '.join(runs.scores) or 'none'}"
        )
    if not runs.scores:
        raise ValueError("these runs logged no metric; there is nothing to compare")
    if wanted:
        return tuple(wanted)
    return tuple(sorted(runs.scores, key=lambda s: ("accuracy" not in s, s)))


def _arm(
    name: str,
    table: pl.DataFrame,
    arms: dict[str, pl.DataFrame],
    scores: Sequence[str],
    runs: Runs,
    predictions: pl.DataFrame | None,
    level: float,
) -> ArmResult:
    vary = tuple(str(table["vary"][0]).split())
    diverged = int(table["diverged"].sum())
    everything = arms.get(_everything(name))
    spreads, shares = {}, {}
    for score in scores:
        values, bad = _scores_of(table, score)
        if not len(values):
            continue
        spreads[score] = spread(values, level, diverged=bad)
        if everything is not None and _everything(name) != name and len(values) > 1:
            whole, _ = _scores_of(everything, score)
            if len(whole) > 1:
                shares[score] = variance_share(values, whole, level)
    labels, split, notes = _on_test_set(table, predictions, level)
    return ArmResult(
        name=name,
        vary=vary,
        runs=len(table),
        diverged=diverged,
        planned=runs.planned.get(name, len(table)),
        spreads=spreads,
        shares=shares,
        churn=labels,
        test_set=split,
        repeats=None if vary else _repeats(table),
        notes=(*_arm_notes(name, table, runs), *notes),
    )


def _everything(arm: str) -> str:
    """Return the name of the arm that varies every source at the same levels."""
    _, space, level = arm.partition(" ")
    return f"all{space}{level}"


def _scores_of(table: pl.DataFrame, score: str) -> tuple[np.ndarray, int]:
    """Return the finite scores of the runs that held, and how many diverged.

    A run that diverged in any way is left out of every score: its accuracy may be a
    number, but not the accuracy of a training that worked.
    """
    held = table.filter(pl.col(score).is_not_null() | pl.col("diverged"))
    good = held.filter(~pl.col("diverged") & pl.col(score).is_finite())
    return good[score].to_numpy(), len(held) - len(good)


def _repeats(table: pl.DataFrame) -> Repeats | None:
    """Count different final weights; two engines may differ in the last digit."""
    if "weights_sha256" not in table.columns or len(table) < 2:
        return None
    per_engine = table.group_by("engine").agg(pl.col("weights_sha256").n_unique())
    return Repeats(len(table), int(per_engine["weights_sha256"].max()))


def _on_test_set(
    table: pl.DataFrame, predictions: pl.DataFrame | None, level: float
) -> tuple[PairMean | None, FiniteTestSet | None, list[str]]:
    """Return churn and the test set's part, where all runs share one test set."""
    good = table.filter(~pl.col("diverged"))["run_id"]
    if predictions is None or len(good) < 2:
        return None, None, []
    rows = predictions.filter(pl.col("run_id").is_in(good.implode()))
    rows = rows.sort("run_id", "example")
    tests = rows.group_by("run_id").agg(pl.col("example").hash().sum(), pl.len())
    if len(tests) < len(good):
        return None, None, ["some runs stored no predictions"]
    if tests["example"].n_unique() > 1 or tests["len"].n_unique() > 1:
        return None, None, ["each run has a test set of its own: no churn"]
    shape = (len(good), -1)
    target = rows["target"].to_numpy().reshape(shape)
    if "label" in rows.columns:
        labels = rows["label"].to_numpy().reshape(shape)
        correct = (labels == target).astype(np.int8)
        return churn(labels, level), finite_test_set(correct, level), []
    output = rows["output"].to_numpy().reshape(target.shape)
    return None, finite_test_set_error((output - target) ** 2, level), []


def _predictions(runs: Runs) -> pl.DataFrame | None:
    if runs.traces is None or not (runs.traces / "predictions").is_dir():
        return None
    scan = pl.scan_parquet(runs.traces / "predictions" / "*.parquet")
    names = scan.collect_schema().names()
    if "label" in names:
        scan = scan.select("run_id", "example", "target", "label")
    return scan.collect()


def _curves(runs: Runs) -> dict[str, Curves]:
    """Read the traces of every arm, as arrays with one row per run."""
    if runs.traces is None:
        return {}
    epoch = pl.read_parquet(runs.traces / "epoch" / "*.parquet")
    batch = pl.read_parquet(runs.traces / "batch" / "*.parquet")
    curves = {}
    for name, table in runs.arms().items():
        ids = table["run_id"].to_list()
        epochs = _by_run(epoch, ids, "epoch", ("train/", "val/"))
        steps = _by_run(batch, ids, "step", ("batch/",))
        if epochs and steps:
            length = next(iter(epochs.values())).shape[1]
            total = next(iter(steps.values())).shape[1]
            curves[name] = Curves(epochs, steps, total // length)
    return curves


def _by_run(
    rows: pl.DataFrame, ids: list[str], counter: str, groups: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return column -> (runs, counter), NaN where a run has no such row."""
    order = pl.DataFrame({"run_id": ids, "row": range(len(ids))})
    rows = rows.join(order, on="run_id").sort("row", counter)
    if rows.is_empty():
        return {}
    width = int(rows[counter].max())
    row, column = rows["row"].to_numpy(), rows[counter].to_numpy() - 1
    result = {}
    for name in (c for c in rows.columns if c.startswith(groups)):
        values = np.full((len(ids), width), np.nan)
        values[row, column] = rows[name].to_numpy()
        result[name] = values
    return result


def _arm_notes(name: str, table: pl.DataFrame, runs: Runs) -> list[str]:
    notes = []
    planned = runs.planned.get(name, len(table))
    if len(table) < planned:
        notes.append(f"{planned - len(table)} of {planned} planned runs are missing")
    if len(table) == 1:
        notes.append("one run has no spread: train two or more")
    for column, what in (("machine", "machines"), ("versions", "versions")):
        if column in table.columns and table[column].n_unique() > 1:
            notes.append(f"its runs come from different {what}")
    return notes


def _study_notes(runs: Runs, arms: Sequence[ArmResult]) -> list[str]:
    notes = []
    few = [arm.name for arm in arms if 1 < arm.runs < ROUGH_BELOW and arm.vary]
    if few:
        notes.append(
            f"fewer than {ROUGH_BELOW} runs in {', '.join(few)}: read the intervals, "
            "not the numbers"
        )
    for arm in arms:
        if arm.repeats and not arm.repeats.identical:
            notes.append(
                f"{arm.name}: {arm.repeats.runs} exact repeats ended in "
                f"{arm.repeats.distinct} different sets of weights: the machine itself "
                "is a source of randomness here, inside every other spread"
            )
    for column, what in (("machine", "machines"), ("versions", "versions")):
        if column in runs.table.columns and runs.table[column].n_unique() > 1:
            notes.append(f"the runs come from different {what}")
    return notes
