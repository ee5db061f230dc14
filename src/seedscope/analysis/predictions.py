"""What the runs of an arm do differently on the test set that they share.

Predictions are read arm by arm, and outputs only where they are needed, so a study of
many arms needs the memory of one.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from seedscope.analysis.arms import seed_table
from seedscope.analysis.results import OnTestSet
from seedscope.runs.table import Runs
from seedscope.stats import pairs
from seedscope.stats.shared import share_seeds
from seedscope.stats.test_set import finite_test_set, finite_test_set_error
from seedscope.trace.tables import read_outputs, read_predictions

FLIPS = 10  # examples that are named
MOST_CELLS = 50_000_000  # runs x examples x classes read at once: 200 MB


def on_test_set(
    runs: Runs, table: pl.DataFrame, level: float
) -> tuple[OnTestSet | None, list[str]]:
    """Return what the runs of an arm do on their test set, and remarks for the reader.

    Args:
        runs: where the predictions are.
        table: the runs of one arm; diverged ones are left out.
        level: coverage of the intervals.
    """
    held = table.filter(~pl.col("diverged")).sort("run_id")
    good, seeds = held["run_id"].to_list(), seed_table(held)
    rows = read_predictions(runs.traces, good)
    if rows is None or len(good) < 2:
        return None, []
    if rows["run_id"].n_unique() < len(good):
        return None, ["some runs stored no predictions"]
    if test_set(rows, held) is None:
        said = "each run has a test set of its own: no two runs' labels are compared"
        return None, [said]
    found = _on_one_test_set(runs, rows, good, seeds, level)
    if not share_seeds(seeds):
        return found, []
    return _approximate(found), [
        "runs share seeds: what two of them do differently is over all pairs, also "
        "those with seeds in common, and its intervals are approximate"
    ]


def test_set(rows: pl.DataFrame, table: pl.DataFrame) -> tuple | None:
    """Return what tells one test set from another; None where runs have several.

    Example numbers are rows of the data set, so the data have to be the same too: where
    the source `data` varies, example 7 is another one in each run.

    Args:
        rows: predictions, as `read_predictions` returns them.
        table: the runs that made them.
    """
    data = "digest.data"
    known = data in table.columns and not table[data].null_count()
    if known and table[data].n_unique() > 1:
        return None
    truth = "target" in rows.columns and not rows["target"].null_count()
    names = ["example", "target"] if truth else ["example"]
    tests = rows.group_by("run_id").agg(
        pl.len(), pl.struct(names).hash().sum().alias("content")
    )
    found = tests.drop("run_id").unique()
    if len(found) != 1:
        return None
    return (*found.row(0), table[data][0] if known else None)


def _approximate(found: OnTestSet) -> OnTestSet:
    """Mark every interval over runs: it counts each run as independent."""
    marked = {
        name: replace(part, approximate=True)
        for name in ("split", "churn", "error_correlation")
        if (part := getattr(found, name)) is not None
    }
    return replace(found, **marked)


def _on_one_test_set(
    runs: Runs, rows: pl.DataFrame, good: list[str], seeds: np.ndarray, level: float
) -> OnTestSet:
    shape = (len(good), len(rows) // len(good))
    if "target" not in rows.columns or rows["target"].null_count():
        churn = None
        if "label" in rows.columns and not rows["label"].null_count():
            churn = pairs.churn(rows["label"].to_numpy().reshape(shape), level)
        return OnTestSet(shape[1], None, churn, None, None, ())
    if "label" in rows.columns:
        return _classified(runs, rows, good, shape, seeds, level)
    errors = (rows["output"] - rows["target"].cast(pl.Float64)) ** 2
    each = errors.to_numpy().reshape(shape)
    split = finite_test_set_error(each, level) if shape[1] > 1 else None
    given = _given_again(runs, good, each.mean(axis=1))
    return OnTestSet(shape[1], split, None, None, None, (), given)


def _classified(
    runs: Runs,
    rows: pl.DataFrame,
    ids: list[str],
    shape: tuple,
    seeds: np.ndarray,
    level: float,
) -> OnTestSet:
    labels = rows["label"].to_numpy().reshape(shape)
    target = rows["target"].to_numpy().reshape(shape)
    correct = (labels == target).astype(np.int8)
    some = correct.any(axis=1) & ~correct.all(axis=1)
    like = pairs.error_correlation(correct, level).mean if some.all() else None
    one_truth = bool((target == target[0]).all())
    return OnTestSet(
        examples=shape[1],
        split=finite_test_set(correct, level) if shape[1] > 1 else None,
        churn=pairs.churn(labels, level),
        error_correlation=like,
        ensemble=_ensemble(runs, ids, target[0], level) if one_truth else None,
        classes=pairs.class_spread(correct, target[0], level, seeds)
        if one_truth
        else (),
        scores=_given_again(runs, ids, correct.mean(axis=1)),
        flips=_flips(labels, rows["example"][: shape[1]].to_list()),
    )


def _flips(labels: np.ndarray, examples: list) -> tuple[tuple[str, float], ...]:
    """Return the examples that two runs most often label differently, and how often."""
    rates = pairs.flip_rates(labels)
    order = np.argsort(-rates, kind="stable")[:FLIPS]
    return tuple((str(examples[i]), float(rates[i])) for i in order if rates[i] > 0)


def _given_again(runs: Runs, ids: list[str], means: np.ndarray) -> tuple[str, ...]:
    """Return the scores that equal the means over the predictions, run by run.

    What predictions say of chance they say of these scores alone: a loss of another
    kind, or with a penalty of the weights, is not the mean of these errors.
    """
    table = runs.table.filter(pl.col("run_id").is_in(ids)).sort("run_id")
    return tuple(
        name
        for name in runs.scores
        if table[name].null_count() == 0
        and np.allclose(table[name].to_numpy(), means, rtol=1e-4, atol=1e-6)
    )


def _ensemble(
    runs: Runs, ids: list[str], target: np.ndarray, level: float
) -> pairs.EnsembleGain | None:
    """Return the gain of averaging all runs, where their probabilities are stored."""
    outputs = read_outputs(runs.traces, ids, len(target), MOST_CELLS)
    return None if outputs is None else pairs.ensemble_gain(outputs, target, level)
