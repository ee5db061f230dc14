"""What finished stays, whatever happens: real stores, traces made by hand."""

import os
import stat
from dataclasses import replace

import mlflow
import numpy as np
import polars as pl
import pytest
from composing import read

from seedscope.analysis.arms import everything
from seedscope.store import log as log_module
from seedscope.store import opening
from seedscope.store.log import open_study
from seedscope.store.read import read_study
from seedscope.store.store import connect, search
from seedscope.study.plan import plan_runs
from seedscope.trace.trace import Predictions, Trace


def trace(run, loss=1.0):
    losses = np.linspace(2, loss, 6, dtype=np.float32)
    return Trace(
        run=run,
        steps_per_epoch=3,
        batch={"loss": losses},
        batch_reported={"loss": losses + 1},
        train={"loss": np.array([1.5, loss])},
        val={"loss": np.array([1.6, loss])},
        scores={"test/loss": loss, "test/accuracy": 0.5 + run.replicate / 100},
        weights_sha256=("start", "one", f"end{run.seeds['init']}"),
        predictions=Predictions(
            np.arange(4), np.array([0, 1, 0, 1]), np.full((4, 2), 0.5), np.zeros(4, int)
        ),
        digests={"data": "d" * 64, "split": "s", "order": "o"},
        seconds=0.5,
        facts={"engine": "sequential", "tensorflow": "2", "keras": "3", "python": "3"},
    )


def study(*overrides):
    made = read("factor=init", "replicates=3", *overrides)
    return made, plan_runs(made)


def logged(store):
    return search(store, "tags.`seedscope.role` = 'run'")


def train_all(store, made, runs):
    with open_study(store, made, runs) as log:
        trained = list(log.missing)
        for run in trained:
            log.add([trace(run)])
    return trained


def test_a_run_holds_its_curves_seeds_settings_and_tags(store):
    train_all(store, *study())
    run = logged(store)[0]
    history = store.client.get_metric_history(run.info.run_id, "batch/loss")
    assert (history[0].step, history[0].value) == (1, 2.0)
    assert len(history) == 6
    reported = store.client.get_metric_history(run.info.run_id, "batch_reported/loss")
    assert reported[0].value == 3.0
    assert run.data.metrics["test/accuracy"] == 0.5
    assert run.data.params["loop.batch_size"] == "32"
    assert run.data.params["model.hidden"] == "[64]"
    assert {f"seed.{s}" for s in ("init", "shuffle", "split")} <= set(run.data.params)
    wanted = ("study", "factor", "arm", "replicate", "engine", "fingerprint")
    assert all(f"seedscope.{tag}" in run.data.tags for tag in wanted)
    assert run.data.tags["seedscope.weights_sha256"].startswith("end")
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("digits", "d" * 36)
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 500


def test_runs_are_nested_under_one_study_which_holds_plan_and_config(store):
    made, runs = study()
    train_all(store, made, runs)
    (parent,) = search(store, "tags.`seedscope.role` = 'study'")
    assert {run.data.tags["mlflow.parentRunId"] for run in logged(store)} == {
        parent.info.run_id
    }
    assert "seedscope.factor" not in parent.data.tags  # it would join the UI's groups
    result = read_study(store, "latest")
    assert result.planned == {"init": 3}
    assert result.table["replicate"].sort().to_list() == [0, 1, 2]
    names = {f.path for f in store.client.list_artifacts(parent.info.run_id)}
    assert {"plan", "config", "traces", "packages.txt"} <= names


def test_a_study_that_is_started_again_trains_only_what_is_missing(store):
    made, runs = study()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117
        with open_study(store, made, runs) as log:
            log.add([trace(runs[1])])
            raise ZeroDivisionError
    (parent,) = search(store, "tags.`seedscope.role` = 'study'")
    assert parent.info.status == "FAILED"
    assert train_all(store, made, runs) == [runs[0], runs[2]]
    assert train_all(store, made, runs) == []
    assert len(logged(store)) == 3
    more, more_runs = study("replicates=5")
    assert [r.replicate for r in train_all(store, more, more_runs)] == [3, 4]


def test_a_killed_process_leaves_no_finished_run_and_no_duplicate(store, monkeypatch):
    made, runs = study()

    def killed(*_):
        raise KeyboardInterrupt  # after the run was created, before it was filled

    with monkeypatch.context() as patch:
        patch.setattr(log_module.StudyLog, "_fill", killed)
        with pytest.raises(KeyboardInterrupt), open_study(store, made, runs) as log:
            log.add([trace(runs[0])])
    assert [run.info.status for run in logged(store)] == ["RUNNING"]
    with pytest.raises(ValueError, match="holds no finished run yet"):
        read_study(store, "latest")
    assert len(train_all(store, made, runs)) == 3
    assert [run.info.status for run in logged(store)] == ["FINISHED"] * 3
    assert read_study(store, "latest").table.height == 3


def test_diverged_runs_are_kept_and_marked(store):
    made, runs = study()
    with open_study(store, made, runs) as log:
        log.add([trace(runs[0], float("nan")), trace(runs[1]), trace(runs[2])])
    table = read_study(store, "latest").table.sort("replicate")
    assert table["diverged"].to_list() == [True, False, False]
    assert np.isnan(table["test/loss"][0])


def test_long_curves_are_thinned_in_mlflow_and_whole_in_parquet(store):
    made, runs = study("tracking.curve_points=4")
    train_all(store, made, runs)
    run = logged(store)[0]
    history = store.client.get_metric_history(run.info.run_id, "batch/loss")
    assert [m.step for m in history] == [1, 3, 4, 6]
    parts = read_study(store, "latest").traces
    rows = pl.read_parquet(parts / "batch" / "*.parquet")
    mine = rows.filter(pl.col("run_id") == run.info.run_id)
    assert mine["step"].to_list() == [1, 2, 3, 4, 5, 6]
    assert mine["batch_reported/loss"][0] == 3.0


def test_inside_mlflow_run_its_run_becomes_the_study(store, monkeypatch):
    project_run = store.client.create_run(store.experiment.experiment_id)
    store.client.log_param(project_run.info.run_id, "overrides", "loop.epochs=5")
    monkeypatch.setenv("MLFLOW_RUN_ID", project_run.info.run_id)
    train_all(store, *study())
    (parent,) = search(store, "tags.`seedscope.role` = 'study'")
    assert parent.info.run_id == project_run.info.run_id
    assert parent.info.run_name == parent.data.tags["seedscope.study"]
    assert "MLFLOW_RUN_ID" not in os.environ
    second = store.client.create_run(store.experiment.experiment_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", second.info.run_id)
    train_all(store, *study())
    assert len(search(store, "tags.`seedscope.role` = 'study'")) == 1
    note = store.client.get_run(second.info.run_id).data.tags["mlflow.note.content"]
    assert project_run.info.run_id in note


def test_an_empty_run_in_another_experiment_says_where_the_study_is(store, monkeypatch):
    default = store.client.create_run("0")
    monkeypatch.setenv("MLFLOW_RUN_ID", default.info.run_id)
    made, runs = study()
    with open_study(store, made, runs) as log:
        assert any(f"--experiment-name {store.experiment.name}" in n for n in log.notes)
    note = store.client.get_run(default.info.run_id).data.tags["mlflow.note.content"]
    assert log.study_id in note


def test_an_unwritable_artifact_folder_is_named_and_keeps_finished_runs(
    store, tmp_path
):
    made, runs = study()
    with open_study(store, made, runs) as log:
        log.add([trace(runs[0])])
    folder = tmp_path / "mlartifacts"
    target = next(folder.iterdir()) / "artifacts" / "traces" / "batch"
    target.rename(tmp_path / "kept")
    target.write_text("in the way")  # root may write to any folder, but not to a file
    with (
        pytest.raises(ValueError, match="could not be stored.*mlartifacts"),
        open_study(store, made, runs) as log,
    ):
        log.add([trace(runs[1])])
    finished = [r for r in logged(store) if r.info.status == "FINISHED"]
    assert len(finished) == 1


def test_a_server_that_does_not_answer_is_named_at_once(tracking, monkeypatch):
    monkeypatch.setattr(opening, "PATIENCE", 1)
    with pytest.raises(ValueError, match=r"tracking.uri=http://127.0.0.1:9 does not"):
        connect(replace(tracking, uri="http://127.0.0.1:9"))


def test_a_store_that_cannot_be_opened_is_named(tracking, tmp_path):
    (tmp_path / "file").touch()
    bad = replace(tracking, uri=f"sqlite:///{tmp_path}/file/x.db")
    with pytest.raises(ValueError, match=r"tracking.uri=sqlite:.*cannot be used"):
        connect(bad)


def test_reading_names_the_experiments_and_studies_there_are(store, tracking):
    with pytest.raises(ValueError, match=f"'other' does not.*{tracking.experiment}"):
        connect(replace(tracking, experiment="other"), create=False)
    made, runs = study("name=mine")
    train_all(store, made, runs)
    with pytest.raises(ValueError, match="study=yours: there is no such.*holds mine"):
        read_study(store, "yours")


def test_the_environment_names_the_store_else(tracking, database, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    assert connect(replace(tracking, uri=None)).uri == database
    mlflow.set_tracking_uri(None)


def test_artifacts_lie_beside_a_local_database(tracking, database):
    made = connect(replace(tracking, experiment="beside", artifacts=None)).experiment
    folder = database.removeprefix("sqlite:///").removesuffix("/mlflow.db")
    assert made.artifact_location.startswith(f"file://{folder}/mlartifacts")


def test_parts_of_the_study_are_world_readable_parquet(store):
    train_all(store, *study())
    parts = read_study(store, "latest").traces
    assert {p.name for p in parts.iterdir()} == {"batch", "epoch", "predictions"}
    for part in parts.glob("*/*.parquet"):
        assert stat.S_IMODE(part.stat().st_mode) & 0o400


def test_mlflow_holds_the_whole_key_of_an_arm_and_gives_it_back(store):
    made, runs = study("factor=batch_size", "replicates=1")
    train_all(store, made, runs)
    read_back = read_study(store, "latest")
    (run, *_) = logged(store)
    assert run.data.params["arm"] == run.data.tags["seedscope.arm"]
    names = [f"batch_size:{size}" for size in (8, 32, 128, "none")]
    assert list(read_back.arms()) == names
    key = read_back.keys["batch_size:8"]
    assert (key.vary, key.levels) == (("init", "shuffle"), {"loop.batch_size": 8})
    assert len({key.settings for key in read_back.keys.values()}) == 4
    assert read_back.find("8") == "batch_size:8"


def test_a_share_needs_equal_settings_in_mlflow(store):
    for factor in ("all", "init", "batch_size"):
        train_all(store, *study(f"factor={factor}", "replicates=2", "name=shares"))
    runs = read_study(store, "shares")
    found = {arm: everything(runs, arm) for arm in runs.arms()}
    assert found == {
        "all": None,
        "init": "all",
        "batch_size:8": None,
        "batch_size:32": "all",  # the size at which `all` was trained
        "batch_size:128": None,
        "batch_size:none": None,
    }


def test_arms_of_one_name_and_two_settings_both_stay(store):
    for setting in ("loop.epochs", "model.epochs"):
        levels = f"factor.levels={{{setting}:[2]}}"
        more = ["+model.epochs=1", "factor=init", f"++{levels}", "factor.name=x"]
        made = read(*more, "replicates=2", "name=both")
        train_all(store, made, plan_runs(made))
    arms = read_study(store, "both").arms()
    assert [len(table) for table in arms.values()] == [2, 2]
    assert all(name.startswith("x epochs:2") for name in arms)


def test_a_store_of_version_0_1_has_no_levels_and_is_read_by_its_arms_names(store):
    train_all(store, *study("factor=batch_size", "replicates=2", "name=old"))
    for run in logged(store):
        store.client.delete_tag(run.info.run_id, "seedscope.levels")
    runs = read_study(store, "old")
    names = [f"batch_size:{size}" for size in (8, 32, 128, "none")]
    assert list(runs.arms()) == names
    assert {key.vary for key in runs.keys.values()} == {("init", "shuffle")}
