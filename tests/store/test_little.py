"""A run that leaves nothing but scores goes all the way to the page."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from composing import read

from seedscope.analysis.compare import compare
from seedscope.report import files
from seedscope.store import log as log_module
from seedscope.store.log import open_study
from seedscope.store.read import read_study
from seedscope.store.store import connect
from seedscope.study.plan import plan_runs
from seedscope.study.words import Tracking
from seedscope.trace.tables import read_final_weights, read_weights, tables
from seedscope.trace.trace import Predictions, Trace


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("little")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_module.hardware, "machine", lambda: {})
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        uri = f"sqlite:///{folder}/mlflow.db"
        yield connect(Tracking(uri, "little", str(folder / "files"), None, True))


def compared(store, name, trace_of, *overrides):
    study = read(f"name={name}", "replicates=3", *overrides)
    runs = plan_runs(study)
    with open_study(store, study, runs) as log:
        log.add([trace_of(run) for run in runs])
    return compare(read_study(store, name), [], 0.95)


def test_scores_alone_are_compared_shown_and_written(store, tmp_path):
    def trace(run):
        return Trace(run, scores={"bleu": 20.0 + run.replicate})

    found = compared(store, "scores", trace, "factor=init")
    assert found.score == "bleu"
    (arm,) = found.arms
    assert (arm.spreads["bleu"].mean, arm.runs, arm.diverged) == (21.0, 3, 0)
    assert arm.test_set is None
    files.write(found, tmp_path)
    assert "bleu" in (tmp_path / "page.html").read_text()


def test_runs_that_told_no_weights_are_not_called_bit_identical(store):
    found = compared(store, "control", lambda run: Trace(run, {"bleu": 1.0}))
    assert found.control is None
    assert found.arms[0].repeats is None


def test_a_program_that_tested_nothing_is_scored_by_its_last_validation(store):
    def trace(run):
        values = np.array([1.0, 0.5 + run.replicate])
        return Trace(run, scores={}, val={"loss": values}, seconds=2.0)

    found = compared(store, "validated", trace, "factor=init")
    assert found.score == "val/loss"
    assert found.arms[0].spreads["val/loss"].mean == 1.5


def test_curves_and_predictions_may_miss_any_part(store):
    def trace(run):
        outputs = np.eye(3)[[0, 1, run.replicate]]
        labels = outputs.argmax(axis=1)
        told = Predictions(np.arange(3), None, outputs, labels)
        curve = {"loss": np.linspace(1, run.replicate, 4)}
        made = Trace(run, {"test/accuracy": 0.5 + run.replicate / 9}, predictions=told)
        return replace(made, batch=curve, train={"loss": np.ones(2)}, val=curve)

    found = compared(store, "some", trace, "factor=shuffle")
    (arm,) = found.arms
    assert arm.test_set.churn.mean == pytest.approx(1 / 3)
    assert arm.test_set.split is None
    assert found.curves["shuffle"].curve.metric == "val/loss"


def test_a_curve_that_is_shorter_than_another_ends_in_nulls():
    (run,) = plan_runs(read("replicates=1"))
    curves = {"train": {"loss": np.ones(3)}, "val": {"loss": np.ones(2)}}
    made = tables(["a"], [Trace(run, {}, **curves, weights_sha256=("start",))], True)
    assert set(made) == {"epoch"}
    assert made["epoch"]["epoch"].to_list() == [1, 2, 3]
    assert made["epoch"]["val/loss"].to_list() == [1, 1, None]
    assert made["epoch"]["weights_sha256"].null_count() == 3


def test_weights_of_models_of_two_sizes_are_read_beside_each_other(tmp_path):
    (run,) = plan_runs(read("replicates=1"))
    (tmp_path / "weights").mkdir()
    kept = {"a": np.ones((3, 2)), "b": np.ones((2, 5)), "old": np.zeros((2, 2))}
    for run_id, values in kept.items():
        made = tables([run_id], [Trace(run, {}, weights=values)], True)["weights"]
        if run_id == "old":  # version 0.1 wrote arrays of fixed size
            made = made.with_columns(pl.col("values").cast(pl.Array(pl.Float32, 2)))
        made.write_parquet(tmp_path / "weights" / f"{run_id}.parquet")
    found = read_weights(tmp_path, ["b", "old"])
    assert [one.shape for one in found] == [(2, 5), (2, 2)]
    assert read_final_weights(tmp_path, ["a", "b"]) is None
    assert read_final_weights(tmp_path, ["a", "old"]).tolist() == [[1, 1], [0, 0]]
    assert read_weights(tmp_path, ["a", "gone"]) is None
