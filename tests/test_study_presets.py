"""Every factor and every preset composes, plans and trains, tiny.

Runtime settings need processes of their own: each is started once, and what the runs
say of their process is compared with what was asked for.
"""

import re
from dataclasses import replace
from functools import cache

import pytest
import yaml
from composing import ROOT, plan, read
from hydra.errors import MissingConfigException

from seedscope.study.words import Engine, Launcher
from seedscope.training.launch import launchers
from seedscope.training.sequential import loops as sequential
from seedscope.training.sequential import naive

FACTORS = sorted(path.stem for path in (ROOT / "conf/factor").glob("*.yaml"))
FACTORS.remove("script")  # it needs a program; tests/training/test_script_study.py
PRESETS = sorted(path.stem for path in (ROOT / "conf/study").glob("*.yaml"))
EXAMPLES = (
    "batch_history", "shuffle_on_off", "fixed_seeds",
    "gradient_descent_rates", "sgd_batch_on_a_line", "polynomial_degree",
    "fit_average_loss", "epoch_mean_of_batches", "raw_batch_losses",
    "free_or_fixed_initializer", "batch_size_and_shuffle", "dropout_or_none",
    "dataset_shuffle_seed", "initial_weights_seed", "cross_device_reduction",
)  # fmt: skip
IMAGES = ("data=digits", "model=cnn", "split.train_size=100")
NEEDS = {
    "augmentation": IMAGES,
    "sources": ("factor.vary=[init]",),
}
SMALL = ("data=synthetic", "data.examples=300", "replicates=2", "model.hidden=[8]")


@cache
def small(factor):
    """Return the runs of a factor on little data."""
    options = NEEDS.get(factor, SMALL)
    options = (*SMALL, *options) if factor == "sources" else options
    return plan(f"factor={factor}", "replicates=2", "loop.epochs=2", *options)


def tiny(run):
    """Return a run cut to a single epoch of fewer steps."""
    loop = replace(run.settings.loop, epochs=1, patience=0)
    return replace(run, settings=replace(run.settings, loop=loop))


def in_this_process(run):
    runtime = run.settings.runtime
    return (runtime.intra_op_threads, runtime.distribution) == (0, "none") and not (
        runtime.op_determinism or runtime.precision != "float32"
    )


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_plans_one_arm_per_level(name):
    study = read(f"factor={name}", *NEEDS.get(name, ()))
    runs = small(name)
    assert len({run.arm for run in runs}) == len(study.arms)
    assert len({run.fingerprint for run in runs}) == len(runs) == 2 * len(study.arms)


@pytest.mark.long
def test_every_factor_that_is_no_runtime_setting_trains():
    for name in set(FACTORS) - set(RUNTIME):
        trace = sequential.train(tiny(small(name)[0]))
        assert not trace.diverged, name


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_plans_and_says_what_it_asks(name):
    study = read(f"study={name}")
    assert study.replicates >= 2
    text = (ROOT / "conf/study" / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_\n# ")
    if name in EXAMPLES:
        assert re.search(r"^# Article .*\n(# .*\n)*# Asks: ", text, re.M), name
        assert "# Mended: " in text
        assert study.answer.figure


def test_the_fifteen_examples_are_there():
    assert len(EXAMPLES) == 15
    assert set(EXAMPLES) <= set(PRESETS)


@pytest.mark.long
def test_every_preset_trains():
    for name in PRESETS:
        runs = [run for run in plan(f"study={name}") if in_this_process(run)]
        if not runs:  # polynomial_degree
            continue
        own = runs[-1].settings.runtime.seeding == "sources"
        (sequential if own else naive).train(tiny(runs[-1]))


# ---- what a process really has -------------------------------------------------------

RUNTIME = ("threads", "op_determinism", "precision", "compilation", "onednn",
           "distribution", "input_pipeline", "determinism", "seeding")  # fmt: skip


def test_these_are_all_factors_that_need_fresh_processes():
    found = {
        path.stem
        for path in (ROOT / "conf/factor").glob("*.yaml")
        if yaml.safe_load(path.read_text())["fresh_process"]
    }
    assert found == set(RUNTIME)


REDUCTIONS = {
    "default": "CollectiveAllReduce",
    "hierarchical_copy": "HierarchicalCopyAllReduce",
    "reduction_to_one": "ReductionToOneDevice",
}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_run_of_every_runtime_factor_trains_in_a_process_that_has_its_level():
    runs = [tiny(small(name)[-1]) for name in RUNTIME]
    runs += [tiny(r) for r in small("distribution") if r.arm.endswith("2_hierarchical")]
    runs += [tiny(r) for r in small("compilation") if r.arm.endswith("jit")]
    engine = Engine(
        "sequential", workers=2, group_size=None, keep_weights="none", again=False
    )
    groups = launchers.train(runs, engine, Launcher("here"), False, lambda _: None)
    traces = [trace for group in groups for trace in group]
    assert len(traces) == len(runs)
    for trace in traces:
        asked, said = trace.run.settings.runtime, trace.facts
        assert said["intra_op_threads"] == str(asked.intra_op_threads)
        assert said["op_determinism"] == str(asked.op_determinism)
        assert said["precision"] == asked.precision
        assert said["compilation"] == asked.compilation
        assert said.get("seeding", "sources") == asked.seeding
        onednn = "default" if asked.onednn is None else str(int(asked.onednn))
        assert said["onednn"] == onednn
        if asked.distribution == "mirrored":
            assert said["replicas"] == str(asked.devices)
            assert REDUCTIONS[asked.reduction] == said["reduction"]
            assert len(said["devices"].split()) >= asked.devices
        else:
            assert said["replicas"] == "1"
    processes = {trace.facts["process"] for trace in traces}
    assert len(processes) >= len({str(run.settings.runtime) for run in runs})


# ---- combinations that cannot be had -------------------------------------------------

WRONG = [
    (("model=cnn", "data=synthetic"), "model=cnn needs images"),
    (("factor=augmentation", "data=synthetic"), "model.augmentation=0.1"),
    (("split.method=kfold", "split.folds=500", *SMALL), "split.folds=500 is more than"),
    ((*IMAGES, "runtime.compilation=jit"), "use runtime.compilation=graph"),
    (("loop=solve", *SMALL), "regression"),
]


@pytest.mark.parametrize(("overrides", "message"), WRONG)
def test_what_does_not_go_together_says_what_to_change(overrides, message):
    with pytest.raises(ValueError, match=message):
        sequential.train(tiny(plan("replicates=1", *overrides)[0]))


REFUSED = [
    (("factor=distribution", "loop=custom"), "mirrored needs loop=fit"),
    (("runtime.devices=2",), "runtime.devices=2 needs runtime.distribution=mirrored"),
    (("runtime.reduction=hierarchical_copy",), "needs runtime.distribution=mirrored"),
    (("factor=input_pipeline", "loop=train_on_batch"), "needs loop=fit"),
    (("loop=solve", "loop.epochs=3"), "set loop.epochs=1"),
]


@pytest.mark.parametrize(("overrides", "message"), REFUSED)
def test_settings_that_exclude_each_other_are_refused_on_paper(overrides, message):
    with pytest.raises(ValueError, match=message):
        read(*overrides)


def test_a_preset_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(MissingConfigException, match="Could not find 'study/histry'"):
        plan("study=histry")
