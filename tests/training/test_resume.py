"""A run that was cut off ends in the bits of one that nothing disturbed."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from composing import plan
from training import script_hook
from training.test_script_sources import facts
from training.warm_parent import warm_parent

from seedscope.training import checkpoint
from seedscope.training.sequential import loops, naive

CASES = "brought_cases"
STOP = "loop.callbacks=[{_target_: keras.callbacks.EarlyStopping, patience: 2, "
STOP += "restore_best_weights: true}, {_target_: keras.callbacks.ReduceLROnPlateau, "
STOP += "patience: 1, min_delta: 0.5}]"


class Cut(Exception):
    """The process ends here."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def run_of(model, *overrides):
    (run, *_) = plan(
        "model=own", f"model._target_={CASES}.{model}", "data=own", "+data.examples=90",
        f"data._target_={CASES}.blobs", "replicates=2", "loop.epochs=4",
        "loop.batch_size=16", *overrides,
    )  # fmt: skip
    return replace(run, fingerprint="0123456789abcdef")


def cut_off(run, after, monkeypatch, train=loops.train):
    """Train until the end of an epoch has been kept; return what is said."""
    keep = checkpoint.Checkpoint.keep

    def then_stop(self, epoch, *what):
        keep(self, epoch, *what)
        if epoch == after:
            raise Cut

    kept = checkpoint.of_run(run, 0)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.Checkpoint, "keep", then_stop)
        with suppress(Cut):
            train(run, "epochs", kept)
    return kept.said


def same(one, other):
    assert one.weights_sha256 == other.weights_sha256
    np.testing.assert_array_equal(one.weights, other.weights)
    for part in ("batch", "batch_reported", "train", "val"):
        first, second = getattr(one, part), getattr(other, part)
        assert list(first) == list(second)
        for name, values in first.items():
            np.testing.assert_array_equal(values, second[name])
    assert one.scores == other.scores
    assert one.digests == other.digests
    np.testing.assert_array_equal(one.predictions.outputs, other.predictions.outputs)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("model", "overrides"),
    [
        ("with_statistics", ("optimizer=adam",)),
        ("with_statistics", ("loop=custom", "optimizer=adam", "loop.patience=3")),
        ("with_statistics", ("loop=train_on_batch", "optimizer=momentum")),
        ("half_steps", ()),
        ("half_steps", (STOP,)),
        ("half_steps", ("loop=train_on_batch",)),
    ],
)
def test_a_run_that_was_cut_off_goes_on_to_the_same_bits(
    model, overrides, monkeypatch, folder
):
    run = run_of(model, *overrides)
    whole = loops.train(run, "epochs")
    assert cut_off(run, 2, monkeypatch) == []
    kept = checkpoint.of_run(run, 0)
    again = loops.train(run, "epochs", kept)
    assert kept.said == ["none #0 goes on after epoch 2 of 4: it was cut off"]
    assert again.facts["went_on_after_epoch"] == "2"
    same(again, whole)
    kept.remove()
    assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("model", "overrides", "why"),
    [
        ("draws_by_tensorflow", (), "what no layer names (as by tf.random or np.ran"),
        ("slowing_steps", (), "a state that no layer and no optimizer owns"),
        ("with_statistics", ("runtime.input_pipeline=serial",), "input_pipeline=seri"),
        (
            "half_steps",
            ("loop.callbacks=[{_target_: keras.callbacks.LambdaCallback}]",),
            "what its callback LambdaCallback knows is unknown",
        ),
    ],
)
def test_what_cannot_be_put_back_starts_again_and_says_why(
    model, overrides, why, monkeypatch
):
    run = run_of(model, *overrides)
    cut_off(run, 2, monkeypatch)  # nothing is kept: it trains to its end
    kept = checkpoint.of_run(run, 0)
    again = loops.train(run, "epochs", kept)
    (said,) = kept.said
    assert said.startswith("none #0 starts again: ")
    assert why in said
    assert "went_on_after_epoch" not in again.facts
    same(again, loops.train(run, "epochs"))


def test_a_state_of_another_start_or_machine_is_not_taken(monkeypatch, folder):
    run = run_of("with_statistics")
    cut_off(run, 1, monkeypatch)
    moved = replace(run, seeds={**run.seeds, "init": 5})
    kept = checkpoint.of_run(moved, 1e9)
    same(loops.train(moved, "epochs", kept), loops.train(moved, "epochs"))
    assert "not what it started from" in kept.said[0]
    (path,) = folder.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:5000])
    kept = checkpoint.of_run(run, 1e9)
    loops.train(run, "epochs", kept)
    assert "cannot be read" in kept.said[0]
    other = path.parents[1] / "elsewhere"
    other.mkdir()
    path.rename(other / path.name)
    kept = checkpoint.of_run(run, 1e9)
    loops.train(run, "epochs", kept)
    assert "another kind of machine" in kept.said[0]


def test_keras_own_draws_start_again(monkeypatch):
    run = run_of("plain", "runtime.seeding=keras", "loop.epochs=2")
    cut_off(run, 1, monkeypatch, naive.train)
    kept = checkpoint.of_run(run, 0)
    naive.train(run, "none", kept)
    assert kept.said == [
        "none #0 starts again: runtime.seeding=keras draws from global generators"
    ]


def test_no_place_to_keep_a_state_is_no_reason_not_to_train(folder):
    (folder / "seedscope").write_text("a file where a folder should be")
    kept = checkpoint.of_run(run_of("plain", "loop.epochs=2"), 0)
    loops.train(run_of("plain", "loop.epochs=2"), "none", kept)
    assert "is not kept while it trains" in kept.said[0]


def test_states_that_nobody_took_go(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGEST", 3000)
    for number in range(4):
        kept = checkpoint.Checkpoint(f"run{number}", f"run {number}", 0)
        kept.begin("", 9)
        kept.keep(1, {"v": np.zeros(100)}, {})
    left = sorted(path.stem for path in folder.rglob("*.npz"))
    assert "run0" not in left
    assert "run3" in left


# ---- scripts ------------------------------------------------------------------------

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    with warm_parent(tmp_path_factory.mktemp("runs")) as started:
        yield started


def script_run(parent, name, *words, every=0, cut=None):
    kept = checkpoint.Checkpoint("fedcba9876543210", "none #0", every)
    hooks = (f"{script_hook.__name__}:cut_{cut}",) if cut else ()
    given = ",".join(f'"{word}"' for word in words)
    text = f"script.words=[{given}]"
    return parent.run(SCRIPTS / f"{name}.py", text, hooks=hooks, kept=kept, keep=True)


def test_a_script_goes_on_inside_the_fit_that_was_cut_off(parent, folder):
    words = ("--epochs", "4")
    whole = script_run(parent, "plain_fit", *words, every=None)
    dead = script_run(parent, "plain_fit", *words, cut="after_2")
    assert dead.record is None
    assert "SIGKILL" in dead.error
    again = script_run(parent, "plain_fit", *words)
    assert again.error is None
    assert again.record.said == ["none #0 goes on after epoch 2 of 4: it was cut off"]
    assert again.record.went_on_after == 2
    assert facts(again.record) == facts(whole.record)
    assert again.record.weights.tobytes() == whole.record.weights.tobytes()
    assert again.record.outside == whole.record.outside == []
    moved = script_run(parent, "plain_fit", *words, "--lr", "0.1")
    assert "is not what it started from" in moved.record.said[0]


def test_a_script_whose_data_is_no_array_starts_again(parent):
    script_run(parent, "dataset_and_callbacks")
    again = script_run(parent, "dataset_and_callbacks")
    (said,) = again.record.said
    assert "its data is no array: it begins at its first epoch" in said
