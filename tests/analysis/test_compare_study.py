"""A study from MLflow to statistics and back: metrics, note, tables, figures, page."""

import re
from dataclasses import replace

import mlflow
import numpy as np
import polars as pl
import pytest
from studies import log_arm, made_trace

from seedscope.analysis.compare import compare
from seedscope.commands.compare import compare_study
from seedscope.report import answer, tables
from seedscope.report import metrics as metrics_of_arm
from seedscope.store import about, cost, links
from seedscope.store.read import read_study
from seedscope.store.store import search


def artifacts(store, study_id, folder="comparison"):
    found = set()
    for item in store.client.list_artifacts(study_id, folder):
        if item.is_dir:
            found |= artifacts(store, study_id, item.path)
        else:
            found.add(item.path.removeprefix("comparison/"))
    return found


def text(store, study_id, path):
    location = store.client.get_run(study_id).info.artifact_uri
    return mlflow.artifacts.load_text(f"{location}/comparison/{path}")


def note_of(store, study_id):
    return store.client.get_run(study_id).data.tags["mlflow.note.content"]


def test_the_study_run_holds_few_metrics_of_each_arm(compared):
    store, study_id = compared
    metrics = store.client.get_run(study_id).data.metrics
    children = search(store, f"tags.`mlflow.parentRunId` = '{study_id}'")
    init = [r for r in children if r.data.tags["seedscope.arm"] == "init"]
    scores = [run.data.metrics["test/accuracy"] for run in init]
    sd = metrics["study/init/test_accuracy/sd"]
    assert sd == pytest.approx(np.std(scores, ddof=1))
    assert metrics["study/init/test_accuracy/sd_pp"] == pytest.approx(100 * sd)
    of_arms = [name for name in metrics if not name.startswith("system/")]
    assert sorted(n for n in of_arms if n.startswith("study/init/")) == sorted(
        f"study/init/test_accuracy/{name}" for name in metrics_of_arm.SHOWN
    )
    assert len(of_arms) <= 8 * 4
    assert metrics["study/none/test_accuracy/sd"] == 0
    assert metrics["study/none/bit_identical"] == 1


def test_the_study_run_holds_note_tables_figures_and_page(compared):
    store, study_id = compared
    note = note_of(store, study_id)
    assert "| init |" in note
    assert "Control passed: 5 exact repeats" in note
    assert {
        "page.html",
        "figures/spreads.png",
        "figures/curves.svg",
        "tables/statistics.csv",
        "tables/statistics.parquet",
        "tables/runs.csv",
    } <= artifacts(store, study_id)


def test_the_page_shows_every_arm_and_needs_no_network(compared):
    page = text(*compared, "page.html")
    for arm in ("none", "init", "shuffle", "all"):
        assert f"<td>{arm}</td>" in page
    assert page.count("<script") == 1  # its own
    assert not re.search(r"<(link|img)\b|@import|url\((?!#)| src=", page)
    assert page.count("<svg") >= 4


def test_a_study_says_what_it_was_and_asks_its_own_question(store):
    study_id = log_arm(store, "factor=batch_size", "replicates=2")
    about.keep_command(store, study_id, "seedscope train factor=batch_size")
    run = store.client.get_run(study_id)
    assert run.data.params["loop.epochs"] == "10"
    assert "loop.batch_size" not in run.data.params  # the arms have others
    assert run.data.tags["mlflow.user"]
    told = answer.of_comparison(compare(read_study(store, study_id), [], 0.95))
    assert told.question == "Are small batches noisier?"
    assert told.next.command == "seedscope train replicates=49 factor=batch_size"
    known = dict(told.context)
    assert (known["model"], known["data"], known["epochs"]) == ("mlp", "digits", "10")
    assert (known["runs"], known["command"]) == ("8", run.data.tags[about.COMMAND])
    (child, *_) = search(store, f"tags.`mlflow.parentRunId` = '{study_id}'")
    assert child.data.tags["mlflow.source.name"].endswith("networks.mlp")
    assert child.data.params["arm"].startswith("batch_size:")


def test_what_runs_took_is_known_to_a_study_that_is_alike_and_to_no_other(store):
    first = log_arm(store, "factor=init", "replicates=2")
    cost.keep_cost(store, first, "batched", cost.Cost(1.5, 2000))
    alike = log_arm(store, "factor=init", "replicates=2", "name=alike", "root_seed=1")
    assert cost.known_cost(store, alike, "batched") == cost.Cost(1.5, 2000)
    assert cost.known_cost(store, alike, "sequential") is None
    longer = log_arm(store, "factor=init", "replicates=2", "name=b", "loop.epochs=30")
    assert cost.known_cost(store, longer, "batched") is None


def test_the_links_open_the_training_view(compared):
    store, study_id = compared
    found = dict(links.links(store, study_id, "made"))
    page = f"http://127.0.0.1:5000/#/experiments/{store.experiment.experiment_id}/runs"
    view = "?workflowType=machine_learning"
    assert found["study"] == f"{page}/{study_id}{view}"
    assert found["studies"].startswith(f"{page}{view}&searchFilter=tags.%60seedscope")
    server = replace(store, uri="https://me:secret@host:8080/mlflow/")
    assert dict(links.links(server, "x", "made"))["study"] == (
        "https://host:8080/mlflow/#/experiments/"
        f"{store.experiment.experiment_id}/runs/x{view}"
    )
    assert links.start_command(server) is None


def test_shares_are_relative_to_all_and_runs_share_a_test_set(compared):
    store, study_id = compared
    found = compare(read_study(store, study_id), [], 0.95)
    arms = {arm.name: arm for arm in found.arms}
    ratio = arms["init"].shares["test/accuracy"].ratio
    sds = [arms[name].spreads["test/accuracy"].sd for name in ("init", "all")]
    assert ratio == pytest.approx((sds[0] / sds[1]) ** 2)
    assert not arms["all"].shares
    assert arms["none"].test_set.churn.mean == 0
    assert arms["init"].test_set.churn.mean > 0.2
    assert arms["init"].test_set.ensemble is not None
    assert any("need not add up to 1" in note for note in found.notes)


def test_curves_come_from_the_traces_with_bands_over_all_runs(compared):
    store, study_id = compared
    found = compare(read_study(store, study_id), [], 0.95)
    curves = found.curves["init"]
    assert curves.curve.metric == "val/accuracy"
    assert curves.curve.values.shape == (5, 3)
    assert (curves.curve.band.mean_low <= curves.curve.band.mean).all()
    assert (found.curves["none"].parting.first_steps == -1).all()
    assert (curves.parting.first_steps == 1).all()


def test_a_second_comparison_replaces_the_first(store, tracking):
    study_id = log_arm(store, "factor=init", "replicates=3")
    compare_study(tracking, study_id)
    store.client.log_text(study_id, "old", "comparison/figures/old.svg")
    first = store.client.get_run(study_id).data.metrics
    compare_study(tracking, study_id)
    assert store.client.get_run(study_id).data.metrics == first
    name = "study/init/test_accuracy/mean"
    assert len(store.client.get_metric_history(study_id, name)) == 1
    assert "figures/old.svg" not in artifacts(store, study_id)
    log_arm(store, "factor=init", "replicates=4")
    compare_study(tracking, study_id)
    assert store.client.get_run(study_id).data.metrics[name] != first[name]


def test_compare_says_where_to_look_next(store, tracking, capsys):
    compare_study(tracking, log_arm(store, "factor=init", "replicates=2"))
    printed = capsys.readouterr().out
    assert f"mlflow ui --backend-store-uri {store.uri}" in printed
    assert "comparison/page.html" in printed


def test_a_control_that_is_not_bit_identical_is_reported_loudly(
    store, tracking, capsys
):
    def trace(run):
        return made_trace(run, bits=str(run.replicate % 2))

    study_id = log_arm(store, "factor=none", "replicates=3", trace=trace)
    compare_study(tracking, study_id)
    printed = " ".join(capsys.readouterr().out.split())
    assert "CONTROL FAILED: 3 exact repeats ended in 2 different sets" in printed
    assert "CONTROL FAILED" in text(store, study_id, "page.html")
    run = store.client.get_run(study_id)
    assert "CONTROL FAILED" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["study/none/bit_identical"] == 0


def test_diverged_runs_are_counted_and_left_out_of_every_score(store, tracking):
    def trace(run):
        return made_trace(run, float("nan") if run.replicate == 1 else 0.9)

    study_id = log_arm(store, "factor=init", "replicates=4", trace=trace)
    (arm,) = compare(read_study(store, "latest"), [], 0.95).arms
    assert (arm.runs, arm.diverged) == (4, 1)
    assert arm.spreads["test/accuracy"].replicates == 3
    assert arm.spreads["seconds"].replicates == 3  # diverged in any way: left out
    compare_study(tracking, study_id)
    assert "| init | 4 (1 diverged) |" in note_of(store, study_id)


def test_an_arm_of_which_all_runs_diverged_is_still_shown(store, tracking):
    def trace(run):
        return made_trace(run, float("nan"))

    study_id = log_arm(store, "factor=init", "replicates=2", trace=trace)
    compare_study(tracking, study_id)
    assert "2 diverged" in text(store, study_id, "page.html")


def test_one_run_has_no_spread_and_says_so(store, tracking, capsys):
    study_id = log_arm(store, "factor=init", "replicates=3", first=1)
    compare_study(tracking, study_id)
    printed = " ".join(capsys.readouterr().out.split())
    assert "one run has no spread: train two or more" in printed
    assert "2 of 3 planned runs are missing" in printed
    assert (
        "study/init/test_accuracy/sd" not in store.client.get_run(study_id).data.metrics
    )


def test_what_does_not_exist_is_answered_with_what_there_is(store, ask):
    log_arm(store, "factor=init", "replicates=2")
    with pytest.raises(ValueError, match="nobody logged test/f1; there are .*/loss"):
        ask(metrics=["test/f1"])
    with pytest.raises(ValueError, match="study=other: there is no such study.*made"):
        ask(name="other")
    with pytest.raises(ValueError, match=r"'none' is no arm of made \(init\)"):
        ask(a="init", b="none")
    with pytest.raises(ValueError, match="study made has no arm 'none'; it has init"):
        ask(a="init", b="made:none")


def test_a_study_without_a_finished_run_is_refused(store, ask):
    log_arm(store, "factor=init", "replicates=2", first=0)
    with pytest.raises(ValueError, match="study made holds no finished run yet"):
        ask()


def test_tables_are_written_with_all_digits(store, tmp_path, ask):
    log_arm(store, "factor=init", "replicates=3")
    ask(output=str(tmp_path / "out"))
    table = pl.read_parquet(tmp_path / "out/tables/statistics.parquet")
    runs = pl.read_csv(tmp_path / "out/tables/runs.csv")
    row = table.filter(pl.col("score") == "test/accuracy")
    sd = runs["test/accuracy"].to_numpy().std(ddof=1)
    assert row["sd"].item() == pytest.approx(sd, rel=1e-12)


def test_an_output_folder_that_cannot_be_made_is_named(store, tmp_path, ask):
    log_arm(store, "factor=init", "replicates=2")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="output=.*file/out cannot be made"):
        ask(output=str(tmp_path / "file" / "out"))


def test_kept_weights_give_the_distance_of_two_runs(store):
    def trace(run):
        ends = [[0.0, 0.0], [3.0, 4.0 * run.replicate]]  # start, end
        return replace(made_trace(run), weights=np.array(ends, np.float32))

    log_arm(store, "factor=init", "replicates=2", trace=trace)
    (arm,) = compare(read_study(store, "latest"), [], 0.95).arms
    assert arm.weight_distance["l2"].mean == pytest.approx(4)
    assert arm.weight_distance["cosine"].mean == pytest.approx(1 - 3 / 5)


def test_squared_errors_of_a_regression_are_split_like_accuracies(store, tracking):
    def trace(run):
        made = made_trace(run)
        rng = np.random.default_rng(run.seeds["init"])
        outputs = rng.normal(size=(40, 1)).astype(np.float32)
        found = replace(
            made.predictions, targets=np.zeros(40), outputs=outputs, labels=None
        )
        return replace(
            made, predictions=found, scores={"test/loss": float((outputs**2).mean())}
        )

    log_arm(store, "factor=init", "replicates=6", trace=trace)
    (arm,) = compare(read_study(store, "latest"), [], 0.95).arms
    split, spread = arm.test_set.split, arm.spreads["test/loss"]
    assert arm.test_set.churn is None
    assert split.observed == pytest.approx(spread.sd**2, rel=1e-5)
    made = compare(read_study(store, "latest"), [], 0.95)
    row = tables.frame(made).row(0, named=True)
    assert row["test_set_share"] == pytest.approx(split.share)


def test_a_stars_study_is_attributed_from_what_mlflow_holds(store, tracking):
    study_id = log_arm(
        store,
        "factor=sources",
        "factor.vary=[init,shuffle]",
        "design=stars",
        "replicates=3",
    )
    (found,) = compare(read_study(store, "latest"), [], 0.95).attributions
    assert {effect.source for effect in found.effects} == {"init", "shuffle"}
    compare_study(tracking, study_id)
    assert "| init | " in note_of(store, study_id)
    assert "seen when only its seed varies" in note_of(store, study_id)


def test_runs_on_data_of_their_own_are_never_compared_example_by_example(store):
    def trace(run):
        made = made_trace(run)
        return replace(made, digests={**made.digests, "data": f"d{run.replicate}" * 9})

    log_arm(store, "factor=data", "data=synthetic", "replicates=3", trace=trace)
    (arm,) = compare(read_study(store, "made"), (), 0.95).arms
    assert arm.test_set is None
    assert any("a test set of its own" in note for note in arm.notes)


def test_what_two_runs_disagree_on_is_marked_where_runs_share_seeds(store):
    log_arm(store, "factor=sources", "factor.vary=[init,shuffle]", "design=crossed",
            "design.levels=3", "replicates=9")  # fmt: skip
    (arm,) = compare(read_study(store, "made"), (), 0.95).arms
    assert arm.test_set.churn.approximate
    assert arm.test_set.split.approximate
    assert any("runs share seeds" in note for note in arm.notes)
