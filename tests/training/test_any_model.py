"""Any model and data that Keras fits is trained as Keras trains it, or is refused."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from composing import plan

from seedscope.task.data.load import load
from seedscope.task.data.streams import Streams
from seedscope.task.model import build
from seedscope.task.orders import epoch_orders
from seedscope.trace import tables
from seedscope.training.batched.refusal import refusal
from seedscope.training.sequential import loops, own_answers

CASES = "brought_cases"


def run_of(model, data, *overrides):
    return plan(
        "model=own", f"model._target_={CASES}.{model}", "data=own",
        f"data._target_={CASES}.{data}", "replicates=2", "loop.epochs=2", *overrides,
    )[0]  # fmt: skip


def trained(model, data, *overrides):
    return loops.train(run_of(model, data, *overrides), "final")


def by_keras(run, **compiled):
    """Return what plain Keras makes of a run: its weights, scores and history."""
    examples = load(run)
    model = build(run.settings.model, examples.sample, examples.labels, run.seeds).model
    if compiled:
        model.compile(**compiled)
    loop = run.settings.loop
    weight = {int(k): v for k, v in (loop.class_weight or {}).items()}
    history = []
    if isinstance(examples, Streams):
        feed = examples.fresh(loop.batch_size, run.seeds)
        if isinstance(feed["train"], keras.utils.PyDataset):
            feed["train"] = InOrder(feed["train"], run.seeds["shuffle"], loop.epochs)
        fitted = model.fit(
            feed["train"], epochs=loop.epochs, shuffle=False, verbose=0,
            validation_data=feed.get("validation"),
            callbacks=[keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, _: setattr(feed["train"], "epoch", epoch)
            )],
        )  # fmt: skip
        history = fitted.history["loss"]
        scores = model.evaluate(feed["test"], verbose=0, return_dict=True)
    else:
        x, y, w = examples.part("train")
        rows = len(examples.parts.train)
        orders = epoch_orders(run.seeds["shuffle"], rows, loop.epochs, loop.shuffle)

        def chosen(tree, order):
            return None if tree is None else _rows(tree, order)

        for order in orders:  # one epoch at a time: Keras' own shuffle stays out of it
            fitted = model.fit(
                chosen(x, order), chosen(y, order), sample_weight=chosen(w, order),
                batch_size=loop.batch_size, shuffle=False, verbose=0,
                class_weight=weight or None,
            )  # fmt: skip
            history += fitted.history["loss"]
        x, y, w = examples.part("test")
        scores = model.evaluate(
            x, y, sample_weight=w, batch_size=loop.batch_size, verbose=0,
            return_dict=True,
        )  # fmt: skip
    flat = np.concatenate([np.asarray(v).ravel() for v in model.weights])
    return flat, scores, history


class InOrder(keras.utils.PyDataset):
    """The batches of a PyDataset in the orders that the source `shuffle` draws."""

    epoch = 0

    def __init__(self, batches, seed, epochs):
        super().__init__()
        self.batches = batches
        self.orders = epoch_orders(seed, len(batches), epochs, "epoch")

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, place):
        return self.batches[int(self.orders[self.epoch][place])]


def _rows(tree, order):
    return keras.tree.map_structure(lambda array: array[order], tree)


CE, MSE = "sparse_categorical_crossentropy", "mse"
HEADS = {"kind": CE, "size": MSE}
EAGER = "runtime.compilation=eager"
ONE_SIZE = "loop.batch_size=25"  # a smaller batch is the last of each epoch
KINDS = [
    (("own_compute_loss", "blobs"), CE),
    (("own_train_step", "blobs"), CE),
    (("compiled_by_the_user", "one_hot"), None),
    (("plain", "weighted"), CE),
    (("plain", "blobs", "loop.class_weight={0: 1, 1: 5, 2: 1}"), CE),
    (("two_paths", "two_inputs"), CE),
    (("image_to_image", "images"), MSE),
    (("two_heads", "two_targets"), HEADS),
    (("autoencoder", "itself"), MSE),
    (("sigmoid", "zeros_and_ones_as_floats"), "binary_crossentropy"),
    (("plain", "one_hot"), "categorical_crossentropy"),
    (("linear", "several_targets"), MSE),
    (("plain", "parts"), CE),
    (("plain", "parts", "+data.batched=false"), CE),
    (("plain", "sequences"), CE),
    (("plain", "far", EAGER), CE),
    (("coupled_batch", "blobs", EAGER), CE),
    (("plain", "one_hot", "loop.loss=dice", EAGER), "dice"),
]


@pytest.mark.parametrize(("asked", "loss"), KINDS, ids=lambda part: str(part)[:40])
def test_what_is_brought_trains_as_plain_keras_does(asked, loss):
    run = run_of(*asked, *([] if "sequences" in asked else [ONE_SIZE]))
    trace = loops.train(run, "final")
    compiled = {"optimizer": "adam", "loss": loss} if loss else {}
    weights, scores, history = by_keras(run, **compiled)
    np.testing.assert_allclose(trace.weights[-1], weights, rtol=1e-4, atol=1e-6)
    assert trace.test["loss"] == pytest.approx(scores["loss"], rel=1e-4)
    if asked[0] != "own_train_step":  # it returns a batch's own loss
        np.testing.assert_allclose(trace.train["loss"], history, rtol=1e-4)
    again = loops.train(run, "final")
    assert again.weights_sha256 == trace.weights_sha256
    assert again.scores == trace.scores
    if asked[0] == "image_to_image":
        kept = trace.predictions
        assert kept.outputs.shape == (len(kept.examples), 8 * 8)
        assert (kept.targets, kept.labels) == (None, None)
        assert not tables.keeps_outputs(kept, outputs=False)
        assert tables.keeps_outputs(kept, outputs=True)


def test_more_images_than_are_kept_are_told_of():
    kept, told = own_answers._flat(np.zeros((2, 1001, 1000)), np.arange(2))
    assert kept is None
    assert "2,002,000 numbers, and 2,000,000 a run" in told["predictions_of"]


@pytest.mark.parametrize("model", ["own_train_step", "own_compute_loss"])
def test_a_step_that_learns_nothing_leaves_every_weight(model):
    trace = trained(model, "blobs")
    assert len(set(trace.weights_sha256)) == 1
    assert f"own {model.removeprefix('own_')}" in trace.facts["trained_by_keras"]


def test_a_compiled_model_is_taken_as_compiled_and_a_named_part_wins_aloud():
    trace = trained("compiled_by_the_user", "one_hot")
    assert len(set(trace.weights_sha256)) == 1  # its rate is zero
    assert (trace.facts["optimizer"], trace.facts["loss"]) == ("SGD at 0", "mse")
    assert set(trace.test) == {"loss", "mae"}
    assert trace.told == ()

    other = trained(
        "compiled_by_the_user", "one_hot", "optimizer=adam",
        "loop.loss=categorical_crossentropy", "loop.metrics=[accuracy]",
    )  # fmt: skip
    assert len(set(other.weights_sha256)) == 3
    assert other.facts["optimizer"] == "Adam at 0.001"
    assert set(other.test) == {"loss", "accuracy"}
    (said,) = other.told
    assert "optimizer=adam, loop.loss=categorical_crossentropy" in said
    assert "instead of what the model's function compiled" in said


def test_a_rate_or_a_schedule_alone_keeps_the_compiled_optimizer():
    trace = trained("compiled_by_the_user", "one_hot", "optimizer.learning_rate=0.1")
    assert trace.facts["optimizer"] == "SGD at 0.1"
    assert trace.told == (
        "optimizer.learning_rate=0.1 instead of what the model's function compiled",
    )


REFUSED = [
    (("own_train_step", "blobs", "loop=custom"), "loop=custom cannot be honoured.*scr"),
    (("compiled_by_the_user", "one_hot", "runtime.seeding=keras"), "script.path=my_"),
    (("plain", "with_a_nan"), r"x\[3, 2\] = nan \(1 of"),
    (("linear", "zeros_and_ones_as_floats"), "are they classes or values"),
    (("linear", "several_targets", "loop.metrics=[accuracy]"), "needs classes"),
    (("plain", "shuffled_alone"), "two passes over its Dataset do not agree"),
    (("plain", "endless"), r"has no end; end it with .take\(batches\), or train by"),
    (("plain", "a_generator"), "a generator, which runs dry"),
    (("plain", "empty_test"), "empty_test, test: x holds no examples"),
    (("plain", "many_classes"), "would make 200,000,001 of them"),
    (("plain", "words"), "labels must be numbers"),
    (("plain", "dataset", ONE_SIZE), "batches of 32, and loop.batch_size=25"),
    (
        ("plain", "parts", "split.train_size=10"),
        "returns parts, which stay as",
    ),
    (("compiled_by_the_user", "blobs"), "Keras does not train this as it is: Incompat"),
    (("plain", "blobs", "loop.callbacks=[early]"), "early names no _target_"),
    (("plain", "parts", "factor=shuffle"), "comes in one order, whatever the seed"),
    (
        ("plain", "parts", "factor=shuffle", "+data.shuffled=true", "+data.fixed=3"),
        "comes in one order, whatever the seed",
    ),
    (("plain", "parts", "loop.shuffle=once"), "shuffle there, or return arrays"),
    (("own_train_step", "blobs", "factor=dropout"), "the model has no stochastic"),
    (("without_scores", "blobs"), "neither a call nor a test_step"),
]


@pytest.mark.parametrize(("asked", "message"), REFUSED, ids=lambda part: str(part)[:40])
def test_what_cannot_be_trained_is_refused_in_a_line(asked, message):
    with pytest.raises(ValueError, match=message) as refused:
        trained(*asked)
    assert "\n" not in str(refused.value)


def test_nothing_of_keras_alone_is_trained_in_groups():
    for asked, reason in [
        (("two_paths", "two_inputs"), "it has several inputs"),
        (("plain", "weighted"), "its examples are weighted"),
        (("plain", "parts"), "its data is a Dataset"),
        (("two_heads", "two_targets"), "it has several targets"),
        (("image_to_image", "images"), r"its targets have shape (8, 8, 1)"),
        (("plain", "blobs", "loop.metrics=[AUC]"), "more than a mean over examples"),
        (("plain", "blobs", "loop.class_weight={0: 2}"), "loop.class_weight"),
    ]:
        assert reason in refusal(run_of(*asked), 4)


def test_early_stopping_puts_its_best_weights_back():
    stop = "{_target_: keras.callbacks.EarlyStopping, patience: 1, min_delta: 100,"
    callbacks = f"loop.callbacks=[{stop} restore_best_weights: true}}]"
    trace = trained("plain", "blobs", callbacks, "loop.epochs=5")
    assert len(trace.train["loss"]) == 2  # the first is best: no later one is by 100
    assert len(trace.val["loss"]) == 2
    assert trace.weights_sha256[-1] == trace.weights_sha256[1]


def test_stateful_metrics_and_objects_are_those_of_keras():
    trace = trained(
        "plain", "one_hot",
        "loop.metrics=[auto, {_target_: keras.metrics.AUC, num_thresholds: 50}, "
        "Precision]",
        "loop.loss={_target_: keras.losses.CategoricalFocalCrossentropy, gamma: 3.0}",
    )  # fmt: skip
    answers, truth = trace.predictions.outputs, trace.predictions.targets
    auc = keras.metrics.AUC(num_thresholds=50)
    auc.update_state(np.eye(3)[truth], answers)
    assert trace.test["auc"] == pytest.approx(float(auc.result()), abs=1e-5)
    right = (trace.predictions.labels == truth).mean()
    assert trace.test["accuracy"] == pytest.approx(right, abs=1e-6)
    assert trace.facts["loss"] == "categorical_focal_crossentropy"


def test_a_dataset_that_shuffles_follows_the_source_shuffle():
    run, other = plan(
        "model=own", f"model._target_={CASES}.plain", "data=own",
        f"data._target_={CASES}.parts", "+data.shuffled=true", "factor=shuffle",
        "replicates=2", "loop.epochs=1",
    )  # fmt: skip
    first, second = loops.train(run), loops.train(other)
    assert first.digests["order"] != second.digests["order"]
    assert first.digests["data"] == second.digests["data"]
    assert first.weights_sha256[0] == second.weights_sha256[0]
    assert first.weights_sha256[-1] != second.weights_sha256[-1]


def test_each_batch_has_its_own_loss_and_one_of_several_outputs_its_answers():
    run = run_of("two_heads", "two_targets", ONE_SIZE, EAGER)
    trace = loops.train(run)
    raw = trace.batch["loss"].reshape(2, -1)
    sizes = [25, len(load(run).parts.train) - 25]
    means = np.average(raw, axis=1, weights=sizes)
    np.testing.assert_allclose(means, trace.train["loss"], rtol=1e-5)
    assert trace.facts["predictions_of"] == "output kind"
    right = trace.predictions.labels == trace.predictions.targets
    assert trace.test["kind_accuracy"] == pytest.approx(right.mean(), abs=1e-6)


@pytest.mark.parametrize("model", ["noisy_step", "standing_step", "without_a_call"])
def test_what_a_step_of_ones_own_draws_follows_dropout(model):
    data = "alone" if model == "without_a_call" else "blobs"
    overrides = ("factor=dropout", "loop.epochs=1", EAGER)
    run = run_of(model, data, *overrides)
    first, again = loops.train(run), loops.train(run)
    seeds = {**run.seeds, "dropout": 5}
    other = loops.train(replace(run, seeds=seeds))
    assert first.weights_sha256 == again.weights_sha256
    assert first.weights_sha256[0] == other.weights_sha256[0]
    assert first.weights_sha256[-1] != other.weights_sha256[-1]
    assert set(first.batch) == {"loss"}


def test_the_order_of_a_folder_follows_shuffle_and_what_it_holds_does_not(tmp_path):
    rng = np.random.default_rng(0)
    for kind in "abc":
        (tmp_path / kind).mkdir()
        for number in range(6):
            image = rng.integers(0, 255, (8, 8, 3)).astype("float32")
            keras.utils.save_img(tmp_path / kind / f"{number}.png", image)
    run, other = plan(
        "model=own", f"model._target_={CASES}.of_images", "data=own",
        f"data._target_={CASES}.folder", f"+data.path={tmp_path}", "factor=shuffle",
        "replicates=2", "loop.epochs=1", EAGER,
    )  # fmt: skip
    first, second = loops.train(run), loops.train(other)
    assert first.digests["order"] != second.digests["order"]
    assert first.digests["data"] == second.digests["data"]
    assert first.weights_sha256[0] == second.weights_sha256[0]


def test_the_table_of_what_trains_names_every_door():
    page = (Path(__file__).parents[2] / "docs/what_trains.md").read_text()
    for word in ("sample weights", "PyDataset", "script.path", "loop.callbacks"):
        assert word in page
