"""What people ask beside the table: targets, groups of runs, nested sources, tasks."""

import io
import json
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from composing import ROOT
from rich.console import Console
from scipy import stats

from seedscope.analysis.compare import compare
from seedscope.report import answer, details, harmless, tables, terminal
from seedscope.report.asked import components
from seedscope.report.plots.draw import draw
from seedscope.runs.files import Keys, read_table
from seedscope.stats.robust import trimmed_means
from seedscope.stats.target import against_target

REFERENCE = ROOT / "tests" / "reference"


def asked(path, target=None, **keys):
    keys = {k: tuple(v) if isinstance(v, list) else v for k, v in keys.items()}
    return compare(read_table(Keys(path, **keys)), (), 0.95, target)


def written(folder, rows, head):
    path = folder / "scores.csv"
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([head, *lines]))
    return path


def sheet(comparison, title):
    return next(s for s in details.sheets(comparison) if s.title.startswith(title))


def said(comparison):
    told = answer.of_comparison(comparison)
    return " ".join([*told.answer, *told.sure])


def test_a_mean_is_held_against_a_target_exactly(tmp_path):
    rng = np.random.default_rng(0)
    losses = rng.normal(3.276, 0.002, 12)
    found = asked(written(tmp_path, [(v,) for v in losses], "val_loss"), target=3.28)
    test = stats.ttest_1samp(losses, 3.28)
    row = tables.frame(found).row(0, named=True)
    assert row["target_t"] == pytest.approx(test.statistic, rel=1e-12)
    assert row["target_df"] == 11
    assert row["target_p"] == pytest.approx(test.pvalue, rel=1e-9)
    below = stats.ttest_1samp(losses, 3.28, alternative="less").pvalue
    assert row["target_p_below"] == pytest.approx(below, rel=1e-9)
    low, high = test.confidence_interval(0.95)
    assert row["target_low"] == pytest.approx(low - 3.28, rel=1e-9)
    assert row["target_high"] == pytest.approx(high - 3.28, rel=1e-9)
    assert "the mean of val_loss is below 3.28, better, by" in said(found)
    assert f"one-sided p = {below:.2g}, 12 runs" in said(found)
    assert sheet(found, "Against the target").rows[0][1] == "below"


def test_a_target_that_is_not_decided_says_what_it_would_take(tmp_path):
    scores = 0.8 + 0.01 * np.array([-1.1, 0.2, 1.0, -0.6, 0.9])
    found = asked(written(tmp_path, [(v,) for v in scores], "accuracy"), target=0.796)
    text = said(found)
    assert "undecided against 79.6 %" in text
    runs = int(text.split("takes ")[1].split(" runs")[0])
    effect = abs(scores.mean() - 0.796) / scores.std(ddof=1)
    power = stats.nct.sf(stats.t.ppf(0.975, runs - 1), runs - 1, effect * runs**0.5)
    assert 0.79 < power < 0.84


def test_runs_that_do_not_vary_are_not_tested(tmp_path):
    path = written(tmp_path, [(0.5,)] * 3, "accuracy")
    assert "all 3 runs have the same accuracy, exactly 50 %" in said(asked(path, 0.5))
    assert "above 40 %; there is no chance" in said(asked(path, 0.4))


def test_one_source_that_runs_share_gets_its_f_and_component():
    answers = json.loads((REFERENCE / "answers.json").read_text())["R"]["dyestuff"]
    names = pl.read_csv(REFERENCE / "dyestuff.csv").columns
    batch = next(n for n in names if n.lower() == "batch")
    score = next(n for n in names if n != batch)
    found = asked(REFERENCE / "dyestuff.csv", score=[score], sources=[batch])
    row = tables.frame(found).row(0, named=True)
    assert row["f"] == pytest.approx(11271.5 / 2451.25, rel=1e-12)
    assert (row["f_df_between"], row["f_df_within"]) == (5, 24)
    assert row["component_between"] == pytest.approx(answers["mom"]["Batch"])
    assert row["mean_se"] == pytest.approx(answers["mean_se"], rel=1e-6)
    assert row["source_share"] == pytest.approx(1764.05 / (1764.05 + 2451.25))
    assert f"{batch} makes 40 % [8, 80]" in said(found)
    kept = components(found)
    assert kept["variance"].to_list() == pytest.approx([1764.05, 2451.25])


def nested_rows(batches, casks, runs, sds, seed):
    rng = np.random.default_rng(seed)
    for batch in range(batches):
        a = sds[0] * rng.normal()
        for cask in range(casks):
            b = sds[1] * rng.normal()
            for _ in range(runs):
                yield batch, cask, 10 + a + b + sds[2] * rng.normal()


def test_nested_sources_are_taken_apart_and_labels_used_again_are_named(tmp_path):
    rows = list(nested_rows(10, 3, 2, (1.0, 2.0, 0.5), 3))
    path = written(tmp_path, rows, "batch,cask,strength")
    found = asked(path, score=["strength"], sources=["batch/cask"])
    # Balanced: the components follow from the three mean squares.
    cells = np.array([v for _, _, v in rows]).reshape(10, 3, 2)
    within = cells.var(axis=2, ddof=1).mean()
    cask = 2 * cells.mean(axis=2).var(axis=1, ddof=1).mean()
    batch = 6 * cells.mean(axis=(1, 2)).var(ddof=1)
    row = tables.frame(found).row(0, named=True)
    assert row["component_residual"] == pytest.approx(within)
    assert row["component_cask"] == pytest.approx((cask - within) / 2)
    assert row["component_batch"] == pytest.approx((batch - cask) / 6)
    assert row["f_batch"] == pytest.approx(batch / cask)
    assert (row["df_batch"], row["df_cask"], row["df_residual"]) == (9, 20, 30)
    assert any(
        "3 labels of cask stand in more than one batch" in n for n in found.notes
    )
    assert sheet(found, "Variance by nested source").rows[1][0] == "cask"


def test_nested_components_of_pastes_are_lme4s():
    found = asked(REFERENCE / "pastes.csv", score=["strength"], sources=["batch/cask"])
    stages = found.asked.nested["every run"].stages
    # lme4's REML fit, strength ~ 1 + (1|batch/cask): its vignette prints these.
    sds = [stage.variance**0.5 for stage in stages]
    assert [s.name for s in stages] == ["batch", "cask", "residual"]
    assert sds == pytest.approx([1.2874, 2.9041, 0.8234], abs=5e-5)
    assert [s.groups for s in stages] == [10, 30, 60]


def test_a_target_near_a_bound_is_not_said_to_be_passed_where_intervals_part():
    scores = np.array([0.999, 0.97, 0.996])
    plain = against_target(scores, 0.9485)
    inside = against_target(scores, 0.9485, bounds=(0.0, 1.0))
    assert (plain.apart, plain.shown) == (False, "above")
    assert (inside.apart, inside.shown) == (True, None)
    assert inside.p == plain.p  # the t test is exact; the interval has another scale
    assert 0 < inside.of_mean[0] < scores.mean() < inside.of_mean[1] < 1
    far = against_target(scores, 0.5, bounds=(0.0, 1.0))
    assert (far.apart, far.shown) == (False, "above")


def test_means_without_the_ends_stay_in_their_bounds_and_know_of_shared_seeds():
    scores = np.array([0.999, 0.998, 0.93, 0.9995])
    plain = {m.name: m for m in trimmed_means(scores)}["olympic"]
    inside = {m.name: m for m in trimmed_means(scores, bounds=(0, 1))}["olympic"]
    assert plain.high > 1 > inside.high > inside.value == plain.value
    many = np.random.default_rng(0).normal(size=12)
    assert not trimmed_means(many)[0].approximate
    assert trimmed_means(many, shared=True)[0].approximate


def test_nested_components_of_uneven_tables_are_right_on_average(tmp_path):
    kept = np.random.default_rng(4).random(400) < 0.7
    sums = []
    for seed in range(40):
        rows = [
            r
            for r, k in zip(nested_rows(20, 4, 5, (1, 2, 0.5), seed), kept, strict=True)
            if k
        ]
        path = written(tmp_path, rows, "batch,cask,strength")
        found = asked(path, score=["strength"], sources=["batch/cask"])
        row = tables.frame(found).row(0, named=True)
        sums.append([row[f"component_{n}"] for n in ("batch", "cask", "residual")])
    assert np.mean(sums, axis=0) == pytest.approx([1, 4, 0.25], rel=0.25)


def test_sources_that_are_nested_and_named_as_crossed_are_told(tmp_path):
    rows = [(b, f"{b}{c}", v) for b, c, v in nested_rows(4, 3, 2, (1, 1, 1), 5)]
    path = written(tmp_path, rows, "batch,cask,strength")
    found = asked(path, score=["strength"], sources=["batch", "cask"])
    assert any("sources=[batch/cask]" in note for note in found.notes)


def test_means_without_the_ends():
    scores = (
        pl.read_csv(REFERENCE / "aircondit.csv").to_series().to_numpy().astype(float)
    )
    path = REFERENCE / "aircondit.csv"
    row = tables.frame(asked(path)).row(0, named=True)
    assert row["iqm"] == pytest.approx(stats.trim_mean(scores, 0.25))
    assert row["trimmed_mean"] == pytest.approx(stats.trim_mean(scores, 0.2))
    assert row["olympic_mean"] == pytest.approx(np.sort(scores)[1:-1].mean())
    # Yuen's test of one sample is scipy's of two with the same trimming.
    shifted = stats.ttest_ind(scores, scores + 50, trim=0.2)
    cut = int(0.2 * scores.size)
    half = row["trimmed_mean_high"] - row["trimmed_mean"]
    error = half / stats.t.ppf(0.975, scores.size - 2 * cut - 1)
    assert 50 / (2**0.5 * error) == pytest.approx(abs(shifted.statistic))


def tasks_table(folder, effect=0.0):
    rng = np.random.default_rng(6)
    rows = [
        (method, f"game{task}", seed, task + effect * (method == "new") + rng.normal())
        for method in ("old", "new")
        for task in range(8)
        for seed in range(10)
    ]
    return written(folder, rows, "method,game,seed,return")


def test_scores_over_tasks(tmp_path):
    path = tasks_table(tmp_path, effect=2)
    keys = {"groups": ["method"], "score": ["return"], "sources": ["seed"]}
    found = asked(path, tasks="game", **keys)
    rows = pl.read_csv(path)
    frame = tables.frame(found)
    for row in frame.iter_rows(named=True):
        own = rows.filter(pl.col("method") == row["arm"].removeprefix("method:"))
        assert row["tasks_iqm"] == pytest.approx(stats.trim_mean(own["return"], 0.25))
        assert row["tasks_mean"] == pytest.approx(own["return"].mean())
        assert row["tasks_iqm_low"] < row["tasks_iqm"] < row["tasks_iqm_high"]
        # The error of a mean over fixed tasks is that of the runs alone: 1 / sqrt(80).
        width = row["tasks_mean_high"] - row["tasks_mean_low"]
        assert width == pytest.approx(2 * 1.96 / 80**0.5, rel=0.25)
    drawn = draw(found)["profiles"].axes[0]
    shares = [line.get_ydata() for line in drawn.lines if line.get_alpha() is None]
    assert np.array(shares)[:, -1].tolist() == [0, 0]  # none is above the highest
    profile = sheet(found, "Performance profiles")
    assert profile.heads[1:] == ("method:old", "method:new")
    assert float(profile.rows[-1][1].split()[0]) == 0
    assert "over 8 tasks" in said(found)
    assert any("holds the differences between tasks" in note for note in found.notes)


def test_tasks_with_unequal_runs_have_no_pooled_mean(tmp_path):
    rows = [(f"g{t}", s, t + s) for t in range(3) for s in range(2 + t)]
    found = asked(written(tmp_path, rows, "game,seed,f1"), tasks="game", score=["f1"])
    assert found.asked.tasks["every run"].iqm is None
    assert any("unequal numbers of runs" in note for note in found.notes)


def example_rows(runs, examples, seed=7):
    """Yield method, seed, example, label and truth; each run errs in its own way."""
    rng = np.random.default_rng(seed)
    hard = rng.random(examples)
    for method, skill in (("old", 0.7), ("new", 0.9)):
        for run in range(runs):
            for example in range(examples):
                right = rng.random() < skill * (1 - hard[example] / 2)
                truth = "abc"[example % 3]
                yield method, run, example, truth if right else "d", truth


def test_runs_times_examples_give_churn_split_and_new_examples(tmp_path):
    rows = list(example_rows(12, 50))
    path = written(tmp_path, rows, "method,seed,example,said,truth")
    keys = {"groups": ["method"], "sources": ["seed"], "example": "example"}
    found = asked(path, label="said", truth="truth", **keys)
    for arm, method in zip(found.arms, ("new", "old"), strict=True):
        labels = np.array([r[3] for r in rows if r[0] == method]).reshape(12, 50)
        truth = np.array([r[4] for r in rows if r[0] == method]).reshape(12, 50)
        right = labels == truth
        assert arm.name == f"method:{method}"
        assert arm.spreads["test/accuracy"].mean == pytest.approx(right.mean())
        pairs = [np.mean(a != b) for a, b in combinations(labels, 2)]
        assert arm.test_set.churn.mean == pytest.approx(np.mean(pairs))
        assert arm.test_set.split.examples == 50
        ways = found.asked.examples[arm.name]
        for ends, error in (
            (ways.over_runs, right.mean(axis=1).std() / 12**0.5),
            (ways.over_examples, right.mean(axis=0).std() / 50**0.5),
        ):
            assert ends[1] - ends[0] == pytest.approx(2 * 1.96 * error, rel=0.15)
        assert ways.over_both[1] - ways.over_both[0] > ends[1] - ends[0]
    ((names, difference),) = found.asked.differences.items()
    assert names == ("method:old", "method:new")
    assert difference.over_both[1] < 0
    assert (
        sheet(found, "Accuracy over new runs").rows[2][0] == "method:old - method:new"
    )


def test_right_and_wrong_alone_give_the_published_split(tmp_path):
    answers = json.loads((REFERENCE / "answers.json").read_text())["R"]
    known = answers["runs_by_examples_weak"]
    right = np.loadtxt(
        REFERENCE / "correctness_weak_40x60.csv", delimiter=",", dtype=int
    )
    rows = [(r, e, right[r, e]) for r in range(40) for e in range(60)]
    path = written(tmp_path, rows, "seed,example,correct")
    found = asked(path, score=["correct"], sources=["seed"], example="example")
    (arm,) = found.arms
    disagree = known["mean_pairwise_disagreement"]
    assert arm.test_set.churn.mean == pytest.approx(disagree, rel=1e-9)
    row = tables.frame(found).row(0, named=True)
    assert row["churn"] == pytest.approx(disagree, rel=1e-9)
    assert "test_set_share" in row


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        ([(0, 1, 2)], {"score": ["right"]}, "must be 1 for right and 0 for wrong"),
        ([(0, 1, 1), (0, 1, 1)], {"score": ["right"]}, "example 1 stands 2 times"),
        ([(0, 1, 1)], {}, "say what a run said and what is right"),
        ([(0, 1, "")], {"label": "right", "truth": "seed"}, "right has empty cells"),
    ],
)
def test_examples_that_are_not_clear_say_what_to_give(tmp_path, rows, keys, message):
    path = written(tmp_path, rows, "seed,example,right")
    with pytest.raises(ValueError, match=message):
        asked(path, run=["seed"], example="example", **keys)


def test_what_was_asked_stands_in_the_terminal(tmp_path):
    path = written(tmp_path, [(0.5,), (0.6,), (0.7,)], "accuracy")
    console = Console(file=io.StringIO(), width=200)
    terminal.show(asked(path, target=0.9), console)
    assert "the mean of accuracy is below 90 %, worse" in console.file.getvalue()


def test_names_of_data_are_no_emoji(tmp_path, capsys):
    rows = [
        (f"{name}:a:", v) for name in ("fire", "optimizer:fire") for v in (0.1, 0.2)
    ]
    path = written(tmp_path, rows, "env,accuracy")
    console = harmless.console()
    terminal.show(asked(path, target=0.5, groups=["env"], score=["accuracy"]), console)
    printed = capsys.readouterr().out
    assert "env:fire:a:: undecided" in " ".join(printed.split())
    assert "optimizer:fire:a:" in printed
