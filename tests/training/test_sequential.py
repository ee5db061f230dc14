from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from composing import TINY, plan
from keras import layers

from seedscope.task.data.load import load
from seedscope.task.orders import batch_bounds, epoch_orders
from seedscope.trace.trace import digest
from seedscope.training.sequential import loops as sequential

LOOPS = ("fit", "train_on_batch", "custom")


def trained(*overrides, row=0):
    return sequential.train(plan(*TINY, *overrides)[row])


@pytest.fixture(scope="module")
def by_loop():
    options = (
        "factor=init",
        "loop.batch_size=32",
        "model.dropout=0.3",
        "model.l2=0.01",
    )
    return {loop: trained(*options, f"loop={loop}") for loop in LOOPS}


def test_the_three_loops_end_in_the_same_bits(by_loop):
    assert len({trace.weights_sha256 for trace in by_loop.values()}) == 1
    first = by_loop["fit"]
    assert len(set(first.weights_sha256)) == 3  # before, and after each epoch


def test_recording_changes_no_bit_of_what_keras_trains():
    run = plan(*TINY, "factor=init", "model.dropout=0.3", "loop.batch_size=20")[0]
    task = sequential.prepare(run, load(run))
    model = task.built.model
    model.compile(task.optimizer, task.objective.loss)
    for order in task.orders:
        model.fit(task.x[order], task.y[order], 20, shuffle=False, verbose=0)
    plain = [np.asarray(w) for w in model.weights]
    recorded = sequential.train(run)
    assert digest(plain) == recorded.weights_sha256[-1]


def test_raw_values_are_the_batches_own_in_every_loop(by_loop):
    fit, one, custom = (by_loop[loop] for loop in LOOPS)
    for name in ("loss", "accuracy"):
        np.testing.assert_array_equal(fit.batch[name], one.batch[name])
        np.testing.assert_allclose(fit.batch[name], custom.batch[name], rtol=1e-6)
        np.testing.assert_allclose(one.batch[name], one.batch_reported[name], rtol=1e-6)


def test_fit_reports_the_running_mean_of_the_raw_values(by_loop):
    trace = by_loop["fit"]
    sizes = np.array([32, 32, 1][: trace.steps_per_epoch])
    raw = trace.batch["loss"][: len(sizes)].astype(np.float64)
    running = np.cumsum(raw * sizes) / np.cumsum(sizes)
    reported = trace.batch_reported["loss"][: len(sizes)]
    np.testing.assert_allclose(reported, running, rtol=1e-5)
    assert trace.train["loss"][0] == pytest.approx(running[-1], rel=1e-6)
    assert not np.allclose(reported, raw, rtol=1e-3)


def test_the_first_batch_is_the_loss_of_the_initial_weights():
    run = plan(*TINY, "factor=none", "model.dropout=0", "loop.batch_size=16")[0]
    task = sequential.prepare(run, load(run))
    first = task.orders[0][:16]
    logits = np.asarray(task.built.model(task.x[first], training=False))[:, 0]
    y = task.y[first][:, 0]
    expected = np.mean(np.logaddexp(0, logits) - y * logits)
    assert sequential.train(run).batch["loss"][0] == pytest.approx(expected, rel=1e-5)


class Recording(keras.Sequential):
    seen: list = []  # noqa: RUF012

    def train_step(self, data):
        tf.py_function(
            lambda x: Recording.seen.append(x.numpy().ravel()), [data[0]], []
        )
        return super().train_step(data)


def recording_model(input_shape, outputs):
    return Recording([keras.Input(input_shape), layers.Dense(outputs)])


def index_data():
    x = np.arange(60, dtype=np.float32)[:, None]  # a batch names itself
    return x, (x[:, 0] % 2).astype(int)


@pytest.mark.parametrize("loop", ["fit", "train_on_batch"])
def test_every_epoch_trains_in_its_own_planned_order(loop):
    # Keras' own shuffle repeats one order in every epoch once a global seed is set.
    run = plan("factor=shuffle", f"loop={loop}", "loop.epochs=3", "loop.batch_size=16")[
        1
    ]
    data = {"name": "index", "_target_": "test_sequential.index_data"}
    model = {"_target_": "test_sequential.recording_model", "from_logits": True}
    run = replace(run, settings=replace(run.settings, data=data, model=model))
    Recording.seen.clear()
    sequential.train(run)
    x = load(run).x_train[:, 0]
    orders = epoch_orders(run.seeds["shuffle"], len(x), 3, "epoch")
    planned = [x[o[a:b]] for o in orders for a, b in batch_bounds(len(x), 16, False)]
    seen = [batch for batch in Recording.seen if len(batch)]
    assert len(seen) == len(planned)
    for got, expected in zip(seen, planned, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_run_is_the_same_bits_when_it_is_trained_again():
    first, again = (trained("factor=all", row=1) for _ in range(2))
    assert first.weights_sha256 == again.weights_sha256
    np.testing.assert_array_equal(first.predictions.outputs, again.predictions.outputs)


@pytest.mark.parametrize(
    ("factor", "changed"),
    [("init", {"weights"}), ("shuffle", {"order"}), ("dropout", set()),
     ("split", {"split"}), ("data", {"data", "split"})],
)  # fmt: skip
def test_a_factor_changes_its_own_draws_and_no_others(factor, changed):
    first, second = (trained(f"factor={factor}", row=row) for row in (0, 1))
    drawn = [
        dict(t.digests) | {"weights": t.weights_sha256[0]} for t in (first, second)
    ]
    assert {key for key in drawn[0] if drawn[0][key] != drawn[1][key]} == changed
    assert first.weights_sha256[-1] != second.weights_sha256[-1]


def test_one_flipped_bit_changes_one_weight_by_one_ulp():
    plain, flipped = (
        sequential.train(plan(*TINY, f"factor={factor}")[0], "epochs")
        for factor in ("none", "perturbation")
    )
    first = flipped.weights[0].view(np.int32) - plain.weights[0].view(np.int32)
    assert np.abs(first).tolist().count(1) == np.count_nonzero(first) == 1
    assert "perturbed_weight" in flipped.facts
    assert flipped.weights_sha256[-1] != plain.weights_sha256[-1]


def test_early_stopping_ends_after_patience_epochs_without_a_better_loss():
    trace = trained("factor=none", "loop.epochs=30", "loop.patience=2",
                    "optimizer.learning_rate=0.5", "data.labels=noise")  # fmt: skip
    losses = trace.val["loss"]
    assert len(losses) < 30
    assert len(losses) - 1 - losses.argmin() == 2
    assert len(trace.weights_sha256) == len(losses) + 1
    assert len(trace.batch["loss"]) == len(losses) * trace.steps_per_epoch


def test_a_diverged_run_is_recorded_as_such():
    trace = trained("factor=none", "optimizer=sgd", "optimizer.learning_rate=1e30",
                    "data.labels=value", "model.hidden=[8,8]")  # fmt: skip
    assert trace.diverged
    assert not np.isfinite(trace.test["loss"])
    assert len(trace.val["loss"]) == 2


def test_a_regression_is_scored_on_values():
    trace = trained("factor=none", "data.labels=value")
    assert set(trace.test) == {"loss", "mean_absolute_error"}
    predictions = trace.predictions
    assert predictions.labels is None
    error = predictions.outputs[:, 0] - predictions.targets
    assert trace.test["loss"] == pytest.approx(np.mean(error**2), rel=1e-4)


def test_predictions_agree_with_the_logged_accuracy():
    trace = trained("factor=none")
    right = trace.predictions.labels == trace.predictions.targets
    assert trace.test["accuracy"] == pytest.approx(right.mean())


@pytest.mark.parametrize("keep", ["final", "epochs"])
def test_kept_weights_are_those_of_the_digests(keep):
    trace = sequential.train(plan(*TINY, "factor=none")[0], keep)
    assert trace.weights.shape == (1 if keep == "final" else 3, 10 * 64 + 64 + 64 + 1)


WITHOUT_EFFECT = [
    (("factor=augmentation",), "the model has no augmentation layer"),
    (("factor=dropout", "model.dropout=0"), "the model has no stochastic layer"),
    (("factor=data", "data=digits"), "the data set is fixed"),
    (("factor=shuffle", "loop.shuffle=none"), "trains in stored order"),
]


@pytest.mark.parametrize(("overrides", "message"), WITHOUT_EFFECT)
def test_a_source_without_effect_is_refused(overrides, message):
    options = (
        [o for o in TINY if "data" not in o] if "data=digits" in overrides else TINY
    )
    with pytest.raises(ValueError, match=message):
        sequential.train(plan(*options, *overrides)[0])


def test_full_batches_and_dropped_remainders_are_counted():
    full = trained("factor=none", "loop.batch_size=null")
    assert full.steps_per_epoch == 1
    dropped = trained("factor=none", "loop.batch_size=32", "loop.drop_remainder=true")
    assert dropped.steps_per_epoch == 65 // 32


def test_a_batch_larger_than_the_data_names_the_key():
    with pytest.raises(ValueError, match="loop.batch_size=999 is larger than the 65"):
        trained("factor=none", "loop.batch_size=999")
