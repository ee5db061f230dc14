"""What is compared and what is left out, on runs made by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from composing import plan

from seedscope.analysis.compare import compare
from seedscope.report import summary
from seedscope.report.plots.draw import draw
from seedscope.report.plots.spreads import plot_spreads
from seedscope.runs.table import Runs
from seedscope.study.seeds import FREE
from seedscope.trace import curves as traces


def runs_of(arms, score="test/accuracy", **extra):
    """Return runs with {arm: scores}."""
    vary = {"all": " ".join(FREE)}
    rows = [
        {
            "arm": arm,
            "block": 0,
            "vary": vary.get(arm, arm),
            "diverged": False,
            score: float(value),
        }
        for arm, values in arms.items()
        for value in values
    ]
    table = pl.DataFrame(rows).with_row_index("run_id").cast({"run_id": pl.String})
    return Runs("made", table, (score,), **extra)


def designed(design, effect, *overrides):
    """Return the planned runs of a design, scored by `effect(seeds)`."""
    planned = plan("factor=sources", f"design={design}", *overrides)
    rows = [
        {
            "run_id": str(i),
            "arm": run.arm,
            "vary": " ".join(run.vary),
            "block": run.block,
            "diverged": False,
            "score": effect(run.seeds),
            **{f"seed.{s}": v for s, v in run.seeds.items()},
        }
        for i, run in enumerate(planned)
    ]
    return Runs("made", pl.DataFrame(rows), ("score",))


def normal(seed):
    return float(np.random.default_rng(seed).normal())


@pytest.mark.parametrize(
    ("design", "replicates"), [("blocks", 40), ("stars", 12), ("crossed", 1)]
)
def test_the_source_that_causes_the_variance_is_found(design, replicates):
    def effect(seeds):
        return 3 * normal(seeds["init"]) + 0.3 * normal(seeds["shuffle"])

    runs = designed(
        design,
        effect,
        "factor.vary=[init,shuffle]",
        f"replicates={replicates}",
        "design.levels=12",
    )
    (found,) = compare(runs, [], 0.95).attributions
    total = {e.source: e.total[0] for e in found.effects}
    assert total["init"] > 0.75
    assert total["shuffle"] < 0.25
    assert "attribution_init_shuffle" in draw(compare(runs, [], 0.95))


def test_arms_without_shared_seeds_attribute_nothing():
    runs = designed("vary", lambda s: normal(s["init"]), "factor.vary=[init,shuffle]")
    assert compare(runs, [], 0.95).attributions == ()


def test_one_background_gives_a_warning():
    rng = np.random.default_rng(3)
    arms = {"init": rng.normal(size=8), "all": rng.normal(size=8)}
    found = compare(runs_of(arms), [], 0.95)
    assert any("only one background was used" in note for note in found.notes)


def test_different_spreads_are_told_apart_after_holm():
    rng = np.random.default_rng(3)
    arms = {"narrow": rng.normal(size=40), "wide": 10 * rng.normal(size=40)}
    arms["also narrow"] = rng.normal(size=40)
    found = compare(runs_of(arms), [], 0.95)
    p = {frozenset((t.first, t.second)): t.permutation_holm for t in found.spread_tests}
    assert p[frozenset(("narrow", "wide"))] < 0.05
    assert p[frozenset(("narrow", "also narrow"))] > 0.05


def test_the_same_runs_give_the_same_numbers_again():
    rng = np.random.default_rng(3)
    runs = runs_of({"init": rng.normal(size=9), "all": rng.normal(size=9)})
    first, second = (compare(runs, [], 0.95) for _ in range(2))
    assert first.spread_tests == second.spread_tests


def test_an_axis_of_spreads_begins_at_0_with_the_widest_on_top():
    runs = runs_of({"a": [0.1, 0.2, 0.3], "b": [0.1, 0.5, 0.9], "c": [0.1, 0.1, 0.11]})
    (ax,) = plot_spreads(compare(runs, [], 0.95), "test/accuracy").axes
    assert ax.get_xlim()[0] == 0
    names = [label.get_text().split()[0] for label in ax.get_yticklabels()]
    assert names == ["c", "a", "b"]  # from the bottom up


def test_long_curves_are_read_at_few_steps_in_whole_blocks():
    steps = traces.picked_steps(1_000_000)
    assert len(steps) <= traces.POINTS
    assert (steps[0], steps[-1]) == (1, 1_000_000)
    assert (steps.reshape(-1, traces.BLOCK)[:, -1] - steps[:: traces.BLOCK] == 9).all()
    assert traces.picked_steps(7).tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_batch_noise_and_spread_between_runs_are_told_apart(tmp_path):
    rng = np.random.default_rng(1)
    runs, steps = 20, 5000
    level = rng.normal(size=(runs, 1))  # sd 1 between runs, 0.1 within
    values = level + 0.1 * rng.normal(size=(runs, steps))
    for name in ("batch", "epoch"):
        (tmp_path / name).mkdir()
    ids = np.repeat([str(i) for i in range(runs)], steps)
    number = np.tile(np.arange(1, steps + 1, dtype=np.uint32), runs)
    batch = {"run_id": ids, "step": number, "batch/loss": values.ravel()}
    pl.DataFrame(batch).write_parquet(tmp_path / "batch" / "part.parquet")
    epoch = {"run_id": ids, "epoch": number, "val/loss": values.ravel()}
    rows = pl.DataFrame(epoch).filter(pl.col("epoch") <= 3)
    rows.write_parquet(tmp_path / "epoch" / "part.parquet")
    made = runs_of({"init": level[:, 0]}, traces=tmp_path)
    noise = compare(made, [], 0.95).curves["init"].noise
    assert noise.within.mean() == pytest.approx(0.1, rel=0.05)
    assert noise.between.sd.mean() == pytest.approx(level.std(ddof=1), rel=0.05)


def test_a_run_that_stops_early_shortens_the_band_and_not_the_runs(tmp_path):
    (tmp_path / "epoch").mkdir()
    rows = {"run_id": ["0", "0", "0", "1", "1"], "epoch": [1, 2, 3, 1, 2]}
    rows["val/accuracy"] = [0.1, 0.2, 0.3, 0.1, 0.3]
    pl.DataFrame(rows).write_parquet(tmp_path / "epoch" / "part.parquet")
    made = runs_of({"init": [0.3, 0.3]}, traces=tmp_path)
    curve = compare(made, [], 0.95).curves["init"].curve
    assert curve.values.shape == (2, 3)
    assert curve.values[0].tolist() == [0.1, 0.2, 0.3]
    assert curve.band.mean.tolist() == pytest.approx([0.1, 0.25])


def test_mean_and_sd_at_every_step_match_numpy(tmp_path):
    rng = np.random.default_rng(4)
    values = 1e3 + rng.normal(size=(6, 50))
    for part in range(
        2
    ):  # a part is a group of three runs; the second has a metric more
        ids = np.repeat([str(3 * part + i) for i in range(3)], 50)
        rows = {"run_id": ids, "step": np.tile(np.arange(1, 51), 3)}
        rows["batch/loss"] = values[3 * part : 3 * part + 3].ravel()
        if part:
            rows["batch/accuracy"] = rows["batch/loss"]
        (tmp_path / "batch").mkdir(exist_ok=True)
        pl.DataFrame(rows).write_parquet(tmp_path / f"batch/part-{part}.parquet")
    arms = {"even": ["0", "2", "4"], "odd": ["1", "3", "5"]}
    found = traces.curve_moments(tmp_path, arms)
    even = found.filter(pl.col("arm") == "even").sort("step")
    assert even["batch/loss mean"].to_numpy() == pytest.approx(values[::2].mean(axis=0))
    sds = values[::2].std(axis=0, ddof=1)
    assert even["batch/loss sd"].to_numpy() == pytest.approx(sds)
    assert even["batch/accuracy runs"].unique().to_list() == [1]


def test_arms_of_different_length_are_read_at_their_own_steps(tmp_path):
    rows = [
        {"run_id": run, "step": step, "batch/loss": float(step)}
        for run, last in (("short", 5), ("middle", 2000), ("long", 3000))
        for step in range(1, last + 1)
    ]
    (tmp_path / "batch").mkdir()
    pl.DataFrame(rows).write_parquet(tmp_path / "batch/part.parquet")
    arms = {"a": ["short"], "b": ["long"], "c": ["nothing"], "d": ["middle"]}
    found = traces.read_curves(tmp_path, "batch", arms, ("batch/",))
    steps, values = found["a"]["batch/loss"]
    assert (steps.tolist(), values.tolist()) == ([1, 2, 3, 4, 5], [[1, 2, 3, 4, 5]])
    for arm, last in (("b", 3000), ("d", 2000)):
        steps, values = found[arm]["batch/loss"]
        assert (len(steps), steps[-1]) == (traces.POINTS, last)
        assert (values[0] == steps).all()
    assert found["c"] == {}


def test_the_best_of_k_grows_with_k_and_the_best_loss_is_the_lowest():
    values = np.random.default_rng(5).normal(size=30)
    for score, sign in (("test/accuracy", 1), ("test/loss", -1)):
        (arm,) = compare(runs_of({"init": values}, score), [], 0.95).arms
        best = [sign * arm.beyond[score].best_of[k] for k in (3, 5, 10, 30)]
        assert best == sorted(best)
        assert best[-1] == pytest.approx((sign * values).max())
    assert arm.beyond[score].sd_bootstrap.contains(values.std(ddof=1))


def test_a_design_is_recommended_for_the_runs_there_were_and_for_more():
    rng = np.random.default_rng(5)
    arms = {name: rng.normal(size=20) for name in ("init", "shuffle", "dropout")}
    advice = compare(runs_of(arms), [], 0.95).advice
    assert advice.budgets == (60, 240, 960)
    assert advice.designs[0].advice.design == "blocks"
    widths = [found.advice.half_width for found in advice.designs]
    assert widths == sorted(widths, reverse=True)


def test_plans_count_runs_that_share_seeds_as_the_independent_ones_they_are_worth():
    runs = designed(
        "crossed",
        lambda s: normal(s["init"]) + 0.1 * normal(s["shuffle"]),
        "factor.vary=[init,shuffle]",
        "replicates=1",
        "design.levels=8",
    )
    found = compare(runs, [], 0.95)
    spread = found.advice.spread
    assert spread.replicates == 64
    assert spread.mean_method == "variance components"
    assert 5 <= found.advice.said.replicates <= 12  # eight seeds of init, no more
    told = " ".join(summary.sentences(found))
    assert "64 runs per arm that share seeds, worth" in told


def test_no_number_depends_on_the_order_in_which_runs_come():
    rng = np.random.default_rng(3)
    runs = runs_of({"init": rng.normal(size=9), "all": rng.lognormal(size=25)})
    mixed = replace(runs, table=runs.table.sample(fraction=1, shuffle=True, seed=1))
    one, other = (compare(r, [], 0.95) for r in (runs, mixed))
    of_other = {arm.name: arm for arm in other.arms}
    for arm in one.arms:
        assert arm.spreads == of_other[arm.name].spreads
        assert arm.beyond == of_other[arm.name].beyond
    (test,), (turned,) = one.spread_tests, other.spread_tests
    assert test.ratio_holm == pytest.approx(turned.ratio_holm)
