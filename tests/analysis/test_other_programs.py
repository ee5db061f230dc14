"""What other programs logged to MLflow: curves, seeds, parents, doubles, failures."""

import math
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from mlflow.entities import Metric

from seedscope.analysis.compare import compare
from seedscope.analysis.two_groups import compare_groups
from seedscope.report import verdict
from seedscope.runs import at
from seedscope.runs.score import falls
from seedscope.store.foreign import Wanted, read_any
from seedscope.store.store import connect
from seedscope.study.words import Tracking

EPOCHS = 4


def logged(client, experiment, curves, status="FINISHED", parent=None, **params):
    tags = {"mlflow.parentRunId": parent} if parent else {}
    run = client.create_run(experiment, tags=tags).info.run_id
    for key, value in params.items():
        client.log_param(run, key, value)
    points = [
        Metric(name, value, 1000 + step, step)
        for name, values in curves.items()
        for step, value in enumerate(np.atleast_1d(values))
    ]
    client.log_batch(run, metrics=points)
    if status != "RUNNING":
        client.set_terminated(run, status)
    return run


@pytest.fixture(scope="module")
def sweep(database, tmp_path_factory):
    """Log a sweep: two rates, three seeds, a parent each, one failed, one going on."""
    folder = tmp_path_factory.mktemp("sweep")
    store = connect(Tracking(database, "sweep", str(folder), None, True))
    log = lambda *a, **k: logged(store.client, store.experiment.experiment_id, *a, **k)  # noqa: E731
    for place, rate in enumerate(("0.1", "0.01")):
        parent = log({"val_accuracy": 0.99}, lr=rate)
        for seed in range(3):
            rise = np.array([0.2, 0.5, 0.8 + 0.01 * seed, 0.6]) - 0.1 * place
            curves = {"val_accuracy": rise, "validation_accuracy": rise}
            curves |= {"accuracy": rise + 0.1, "loss": 1 - rise, "flat": 7.0}
            log(curves, parent=parent, lr=rate, seed=seed)
    log({"val_accuracy": 0.1}, "FAILED", lr="0.1", seed=3)
    log({"val_accuracy": 0.1}, "RUNNING", lr="0.1", seed=4)
    bad = {"val_accuracy": [0.2, 0.1], "loss": [3.0, math.inf]}
    log(bad, lr="0.01", seed=5)
    log({"val_accuracy": [0.2, 0.1], "loss": [3.0, math.nan]}, lr="0.01", seed=6)
    return store


def read(store, condition="", **keys):
    keys = {key: tuple(v) if isinstance(v, list) else v for key, v in keys.items()}
    return read_any(store, Wanted(condition, **keys), falls(None))


BY_RATE = {"group_by": ["params.lr"], "sources": ["params.seed"]}


def test_runs_are_what_was_trained_and_each_metric_counts_once(sweep):
    runs = read(sweep, **BY_RATE)
    assert len(runs.table) == 9  # 6, one that failed, two that diverged
    assert set(runs.scores) == {"val_accuracy", "accuracy", "loss", "flat"}
    assert "2 parent runs left out" in runs.assumed
    assert "validation_accuracy is val_accuracy under another name" in runs.assumed
    assert "1 still going on left out" in runs.assumed
    bad = runs.table.filter(pl.col("diverged"))
    assert sorted(bad["seed.seed"]) == [3, 5, 6]
    assert runs.table.filter(pl.col("arm") == "lr:0.1")["vary"][0] == "seed"


@pytest.mark.parametrize(
    ("where", "accuracy", "loss"),
    [
        (None, 0.6, 0.4),
        ("last", 0.6, 0.4),
        ("best", 0.82, 0.18),
        ("max:val_accuracy", 0.82, 0.18),
        ("min:accuracy", 0.2, 0.8),
        ("step 1", 0.5, 0.5),
    ],
)
def test_a_score_is_read_where_the_question_says(sweep, where, accuracy, loss):
    table = read(sweep, at=where, **BY_RATE).table
    row = table.filter(pl.col("arm") == "lr:0.1", pl.col("seed.seed") == 2)
    assert row["val_accuracy"][0] == pytest.approx(accuracy)
    assert row["loss"][0] == pytest.approx(loss)
    assert row["flat"][0] == 7
    assert sorted(table.filter(pl.col("diverged"))["seed.seed"]) == [3, 5, 6]


def test_a_step_or_key_that_nobody_logged_is_answered_with_what_there_is(sweep):
    with pytest.raises(ValueError, match="at=40: no run has that step; they go from 0"):
        read(sweep, at="step 40")
    with pytest.raises(ValueError, match="no curve has that name; there are"):
        read(sweep, at="max:f1")
    with pytest.raises(ValueError, match="sources: no run has 'params.sed'; there are"):
        read(sweep, sources=["params.sed"])


def test_whole_curves_are_kept_for_the_page(sweep):
    runs = read(sweep, **BY_RATE)
    rows = pl.read_parquet(runs.traces / "epoch" / "*.parquet")
    ids = runs.table["run_id"].to_list()
    first = rows.filter(pl.col("run_id") == ids[0])
    assert first["epoch"].to_list() == [1, 2, 3, 4]
    assert first["val/accuracy"].to_list() == pytest.approx([0.2, 0.5, 0.8, 0.6])


def test_a_and_b_are_paired_by_the_seeds_that_they_logged(sweep, ask, capsys):
    place = Tracking(sweep.uri, "sweep", None, None, True)
    keys = {"tracking": place, "experiment": "sweep", "sources": ["params.seed"]}
    rates = {"a": "params.lr = '0.1'", "b": "params.lr = '0.01'"}
    ask(**keys, **rates, metrics=["val_accuracy"], at="max:val_accuracy")
    printed = " ".join(capsys.readouterr().out.split())
    assert "variance saved by pairing" in printed
    assert "1 parent run left out" in printed
    # Seeds are told by their value: 0, 1, 2 of A are not 1, 2, 3 of B.
    few = read(
        sweep, "params.lr = '0.1' and params.seed != '0'", sources=["params.seed"]
    )
    assert sorted(few.table["seed.seed"])[:2] == [1, 2]


def test_predictions_come_from_a_table_that_each_run_logged(database, tmp_path):
    store = connect(Tracking(database, "logged", str(tmp_path), None, True))
    truth = np.arange(30) % 3
    rng = np.random.default_rng(0)
    labels = [np.where(rng.random(30) < 0.8, truth, (truth + 1) % 3) for _ in range(4)]
    for said in labels:
        run = logged(store.client, store.experiment.experiment_id, {"f1": 0.5})
        table = pl.DataFrame({"prediction": said, "target": truth}).to_pandas()
        store.client.log_table(run, table, "eval.json")
    keys = {"predictions": "eval.json", "label": "prediction", "truth": "target"}
    runs = read(store, **keys)
    wanted = [float((said == truth).mean()) for said in labels]
    assert runs.table["test/accuracy"].to_list() == pytest.approx(wanted)
    (arm,) = compare(runs, (), 0.95).arms
    pairs = [np.mean(a != b) for a, b in combinations(labels, 2)]
    assert arm.test_set.churn.mean == pytest.approx(np.mean(pairs))
    with pytest.raises(ValueError, match="has no column guess; it has prediction"):
        read(store, **(keys | {"label": "guess"}))
    with pytest.raises(ValueError, match="no run logged such a table"):
        read(store, **(keys | {"predictions": "other.json"}))


def test_copies_and_runs_that_share_a_seed_are_named(database, tmp_path):
    store = connect(Tracking(database, "copies", str(tmp_path), None, True))
    for seed, accuracy in [
        (0, 0.5),
        (0, 0.5),
        (1, 0.6),
        (2, 0.7),
        (2, 0.8),
        *((s, s / 100) for s in range(3, 12)),
    ]:
        logged(
            store.client, store.experiment.experiment_id, {"acc": accuracy}, seed=seed
        )
    remarks = " ".join(read(store, sources=["params.seed"]).remarks)
    assert "1 of 14 runs hold the same params and metrics as another" in remarks
    assert "2 runs have the same seed as another run of their arm" in remarks


def test_infinite_and_nan_losses_of_a_database_count_everywhere(sweep):
    # Databases keep infinity as 1.797e308 and NaN as a flagged 0.
    runs = read(sweep, "params.seed != '3'", group_by=["params.lr"])
    held = compare(runs, ["loss"], 0.95)
    assert [(arm.runs, arm.diverged) for arm in held.arms] == [(5, 2), (3, 0)]
    a, b = (runs.arm(arm) for arm in held.runs.arms())
    (found,) = compare_groups(a, b, ("loss",), 0.95)
    assert "left out of every number: 2 of 5 runs of lr:0.01" in " ".join(
        verdict.decisive(found)
    )
    assert all(0 < mean < 1 for mean in found.result.means)


def test_infinity_of_a_database_diverged():
    curves = pl.DataFrame(
        {"run": [0, 0], "score": ["loss"] * 2, "step": [0.0, 1.0]}
    ).with_columns(value=pl.Series([1.0, 1.7976931348623157e308]))
    read_off = at.read_at(curves, at.parse("last"), falls(None))
    assert read_off.diverged == {0}
    assert math.isinf(read_off.table["loss"][0])
