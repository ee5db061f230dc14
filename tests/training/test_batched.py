"""The batched engine trains the runs that the sequential engine trains."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from composing import ROOT, plan

from seedscope.stats.spread import spread
from seedscope.study.words import Engine
from seedscope.task.data.load import load
from seedscope.task.model import build
from seedscope.trace.trace import digest
from seedscope.training.batched import batched
from seedscope.training.batched.group_recording import weight_digests
from seedscope.training.batched.initial import drawer
from seedscope.training.batched.refusal import refusal
from seedscope.training.sequential import loops as sequential

SHORT = ("replicates=2", "loop=custom", "loop.epochs=2", "split.validation=0")
TINY = ("factor=all", "data=synthetic", "data.examples=100", "model.hidden=[8]")
KEEP = Engine("batched", workers=1, group_size=4, keep_weights="epochs", again=False)


def trained(runs, engine=KEEP):
    traces = [trace for group in batched.train(runs, engine) for trace in group]
    return {(t.run.arm, t.run.replicate): t for t in traces}


def assert_alike(got, expected, atol=1e-6):
    """Compare two traces of one run, every field."""
    assert got.run == expected.run
    assert got.digests == expected.digests
    assert got.weights_sha256[0] == expected.weights_sha256[0]
    assert len(got.weights_sha256) == len(expected.weights_sha256)
    assert got.steps_per_epoch == expected.steps_per_epoch
    np.testing.assert_allclose(got.weights, expected.weights, atol=atol)
    for part in ("batch", "batch_reported", "train", "val", "test"):
        ours, theirs = getattr(got, part), getattr(expected, part)
        assert list(ours) == list(theirs)
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=atol)
            assert np.asarray(ours[name]).dtype == np.asarray(theirs[name]).dtype
    for field in ("examples", "targets", "labels"):
        ours, theirs = (getattr(t.predictions, field) for t in (got, expected))
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(
        got.predictions.outputs, expected.predictions.outputs, atol=atol
    )


@pytest.fixture(scope="module")
def five():
    """Five runs of which the last group has one, with everything varied."""
    runs = plan(*TINY, "replicates=5", "loop.epochs=2", "loop.batch_size=20")
    return runs, trained(runs)


@pytest.mark.parametrize("replicate", [0, 4])
def test_every_field_of_a_trace_is_that_of_the_sequential_engine(five, replicate):
    runs, traces = five
    expected = sequential.train(runs[replicate], "epochs")
    assert_alike(traces["all", replicate], expected)


def test_a_run_is_the_same_bits_in_another_group_and_position(five):
    runs, traces = five
    again = trained([runs[3], runs[0], runs[4]])
    for key, trace in again.items():
        assert trace.weights_sha256 == traces[key].weights_sha256
        np.testing.assert_array_equal(
            trace.predictions.outputs, traces[key].predictions.outputs
        )


@pytest.mark.long
def test_a_run_is_the_same_bits_in_another_process(five):
    _, traces = five
    program = f"""
import sys
sys.path[:0] = [{str(ROOT / "src")!r}, {str(ROOT / "tests")!r}]
from composing import plan
from training.test_batched import KEEP, TINY, trained
runs = plan(*TINY, "replicates=5", "loop.epochs=2", "loop.batch_size=20")
print(*trained(runs[2:4])["all", 3].weights_sha256)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert tuple(done.stdout.split()) == traces["all", 3].weights_sha256


def test_a_group_records_what_each_run_is_given(five):
    _, traces = five
    facts = traces["all", 4].facts
    assert (facts["engine"], facts["group_width"], facts["jit"]) == (
        "batched",
        "4",
        "True",
    )


def test_weights_agree_after_1_and_after_100_steps():
    # One full batch an epoch: the weights are kept after every step.
    options = ("loop.batch_size=null", "loop.epochs=100", "split.train_size=32")
    runs = plan(*TINY, "replicates=2", "loop=custom", *options)
    got, expected = trained(runs)["all", 1], sequential.train(runs[1], "epochs")
    np.testing.assert_allclose(got.weights[1], expected.weights[1], atol=1e-7)
    np.testing.assert_allclose(got.weights[100], expected.weights[100], atol=2e-6)


@pytest.mark.long
def test_weights_agree_to_1e9_after_1000_steps_in_float64_with_dropout():
    options = ("loop.batch_size=8", "loop.epochs=125", "split.train_size=64")
    runs = plan(
        *TINY, "replicates=2", "loop=custom", "runtime.precision=float64", *options
    )
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    try:
        got, expected = trained(runs)["all", 1], sequential.train(runs[1], "epochs")
    finally:
        keras.config.set_dtype_policy("float32")
        keras.config.set_floatx("float32")
    assert len(got.batch["loss"]) == 1000
    assert got.weights.dtype == expected.weights.dtype == np.float64
    np.testing.assert_allclose(got.weights[-1], expected.weights[-1], atol=1e-9)
    assert got.test["loss"] == pytest.approx(expected.test["loss"], abs=1e-9)
    assert got.val["loss"] == pytest.approx(expected.val["loss"], abs=1e-9)


@pytest.mark.long
def test_the_spread_of_100_runs_is_within_the_interval_of_sequential_ones():
    # The sequential engine takes a second for each: a sample of the same runs.
    options = ("replicates=100", "loop.epochs=1", "loop=custom", "loop.batch_size=32")
    traces = trained(plan(*TINY, *options), replace(KEEP, group_size=50))
    ours = np.array([trace.test["loss"] for trace in traces.values()])
    sample = plan(*TINY, *options, "runtime.compilation=eager")[:20]
    theirs = np.array([sequential.train(run).test["loss"] for run in sample])
    np.testing.assert_allclose(ours[:20], theirs, rtol=1e-5)
    wanted = spread(theirs)
    assert wanted.sd_low < spread(ours).sd < wanted.sd_high


def test_a_run_that_is_stopped_early_keeps_its_weights_and_ends_its_curves():
    options = ("loop.epochs=12", "loop.patience=1", "data.labels=noise")
    runs = plan(*TINY, "replicates=4", "optimizer.learning_rate=0.1", *options)
    traces = trained(runs)
    lengths = {len(trace.val["loss"]) for trace in traces.values()}
    assert len(lengths) > 1
    short = min(traces.values(), key=lambda trace: len(trace.val["loss"]))
    assert_alike(short, sequential.train(short.run, "epochs"), atol=1e-4)


@pytest.mark.long
def test_arms_that_differ_in_numbers_share_a_program_and_keep_their_numbers():
    options = ("replicates=1", "optimizer=adamw", "loop.schedule=warmup_cosine")
    runs = plan(
        *TINY,
        *options,
        "loop.epochs=2",
        "split.label_noise=0.3",
        "+factor.levels={optimizer.learning_rate:[0.01,0.1],"
        "optimizer.weight_decay:[0.004,0.5]}",
    )
    groups = list(batched.train(runs, KEEP))
    assert [len(group) for group in groups] == [4]
    for trace in groups[0][1:3]:
        assert_alike(trace, sequential.train(trace.run, "epochs"), atol=1e-5)


@pytest.mark.long
def test_dropout_rates_and_penalties_are_numbers_too():
    levels = "+factor.levels={model.dropout:[0.1,0.6],model.l2:[0.01,0.1]}"
    runs = plan(*TINY, "replicates=1", "model.l1=0.001", levels)
    assert {run.settings.model["dropout"] for run in runs} == {0.1, 0.6}
    groups = list(batched.train(runs, KEEP))
    assert [len(group) for group in groups] == [4]
    for trace in groups[0]:
        assert_alike(trace, sequential.train(trace.run, "epochs"), atol=1e-5)


OPTIMIZERS = {
    "SGD": "{momentum:0.9,nesterov:true,clipvalue:0.1}",
    "RMSprop": "{centered:true,momentum:0.5}",
    "Adagrad": "{}",
    "Adadelta": "{}",
    "Adamax": "{}",
    "Nadam": "{}",
    "Ftrl": "{}",
    "Lion": "{}",
    "Adam": "{amsgrad:true,global_clipnorm:0.1}",
    "Lamb": "{clipnorm:0.1}",
    "Adafactor": "{}",
    "Muon": "{learning_rate:0.01,adam_lr_ratio:1.0}",
}


@pytest.mark.long
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_updates_each_run_as_it_does_alone(name):
    target = f"optimizer._target_=keras.optimizers.{name}"
    options = ("optimizer=sgd", target, f"+optimizer={OPTIMIZERS[name]}")
    runs = plan(*TINY, *SHORT, "model.dropout=0", *options)
    got = trained(runs)["all", 1]
    assert_alike(got, sequential.train(runs[1], "epochs"), atol=1e-5)


@pytest.mark.parametrize(
    "override",
    [
        "runtime.compilation=jit",
        "runtime.precision=mixed_bfloat16",
        "runtime.distribution=mirrored",
        "runtime.input_pipeline=parallel",
        "+optimizer.use_ema=true",
    ],
)
def test_a_setting_that_only_keras_own_loop_has_is_named(override):
    key = override.lstrip("+").split("=")[0]
    assert key in refusal(plan(*TINY, override)[0], KEEP.group_size)


def test_an_optimizer_whose_two_ways_differ_is_named():
    # Keras 3.15: it reads its old momentum after it has changed it, outside of a scope.
    target = "optimizer._target_=keras.optimizers.ScheduleFreeAdamW"
    reason = refusal(plan(*TINY, "optimizer=sgd", target)[0], KEEP.group_size)
    assert "ScheduleFreeAdamW" in reason


class StartsAsTheWeights(keras.optimizers.SGD):
    """Pulls every weight back to where it started."""

    def build(self, variables: list) -> None:
        super().build(variables)
        (self._starts,) = self.add_optimizer_variables(variables, ["start"])
        for start, variable in zip(self._starts, variables, strict=True):
            self.assign(start, keras.ops.copy(variable))

    def update_step(self, gradient, variable, learning_rate) -> None:
        start = self._starts[self._get_variable_index(variable)]
        self.assign_sub(variable, learning_rate * gradient + 0.1 * (variable - start))


@pytest.mark.long
def test_an_optimizer_that_remembers_the_first_weights_remembers_each_runs_own():
    name = f"{__name__}.StartsAsTheWeights"
    options = ("optimizer=sgd", f"optimizer._target_={name}", "model.dropout=0")
    runs = plan(*TINY, *SHORT, *options)
    assert refusal(runs[0], KEEP.group_size) is None
    got = trained(runs)["all", 1]
    assert_alike(got, sequential.train(runs[1], "epochs"), atol=1e-5)


@pytest.mark.long
def test_one_flipped_bit_is_that_of_the_sequential_engine():
    runs = plan(*TINY[1:], "factor=perturbation", "replicates=2", "loop.epochs=1")
    got, expected = trained(runs)["perturbation", 1], sequential.train(runs[1])
    place, wanted = (t.facts["perturbed_weight"][-4:] for t in (got, expected))
    assert place == wanted
    assert got.weights_sha256[0] == expected.weights_sha256[0]


@pytest.mark.long
def test_runs_with_test_sets_of_different_sizes_are_scored_on_their_own():
    runs = plan(*TINY, "replicates=3", "loop.epochs=1", "split.method=bootstrap")
    traces = trained(runs)
    sizes = {len(trace.predictions.examples) for trace in traces.values()}
    assert len(sizes) > 1
    assert_alike(traces["all", 2], sequential.train(runs[2], "epochs"))


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "orthogonal"])
def test_initial_weights_drawn_together_are_those_of_each_run(initializer):
    runs = plan(*TINY, "replicates=3", f"model.initializer={initializer}")
    examples = load(runs[0])

    def built(run):
        return build(run.settings.model, examples.x[:4], examples.classes, run.seeds)

    first = built(runs[0])
    drawn = drawer(first, built)(runs)
    for number, run in enumerate(runs):
        for weight in first.weights:
            if weight.free:
                got = drawn[id(weight.variable)][number]
                alone = np.asarray(weight.draw(run.seeds["init"]))
                np.testing.assert_array_equal(got, alone, strict=True)


def test_weight_digests_are_those_of_the_trace():
    rng = np.random.default_rng(0)
    weights = [rng.random((3, 2, 4)), rng.random((3, 5), np.float32), np.arange(3)]
    assert weight_digests(weights) == [
        digest([values[run] for values in weights]) for run in range(3)
    ]
    assert weight_digests(weights)[0] != hashlib.sha256().hexdigest()
