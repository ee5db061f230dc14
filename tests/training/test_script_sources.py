"""Programs of many kinds, unchanged: they repeat, and each source moves its own draws.

The scripts lie in tests/training/scripts; all runs are forks of one warm process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from composing import plan
from training.warm_parent import BASE, warm_parent

SCRIPTS = Path(__file__).parent / "scripts"
DRAWN = {  # what each script draws from
    "autoencoder": "init shuffle data",
    "callbacks": "init shuffle data",
    "convnet": "init shuffle dropout augmentation",
    "dataset_and_callbacks": "init shuffle dropout augmentation data",
    "draws_nothing": "",
    "eager_loop": "init shuffle dropout data",
    "gan": "init shuffle dropout",
    "mixed_precision": "init shuffle dropout",
    "own_loop": "init shuffle dropout",
    "plain_fit": "init shuffle dropout augmentation data",
    "py_dataset": "init shuffle augmentation",
    "random_maps": "init shuffle augmentation",
    "seeded": "init shuffle split data",
    "text": "init shuffle dropout data",
    "transfer": "init shuffle",
    "two_inputs": "init shuffle",
    "vae": "init shuffle dropout data",
}


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    with warm_parent(tmp_path_factory.mktemp("runs")) as started:
        yield started


def facts(record) -> dict[str, str]:
    """Return all that a run left, as text that compares NaN with NaN."""
    return {
        "initial": str(record.initial),
        "final": str(record.final),
        "losses": str([[v.tolist() for v in fit.losses] for fit in record.fits]),
        "reported": str([fit.reported for fit in record.fits]),
        "epochs": str([fit.epochs for fit in record.fits]),
        "loops": str([values.tolist() for values in record.loops.values()]),
        "evaluations": str(record.evaluations),
        "outputs": str(record.answers and record.answers.outputs.tobytes().hex()),
        **{s: d.digest for s, d in record.drawn.items()},
    }


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_script_repeats_and_each_source_moves_its_own_draws_alone(parent, name):
    path = SCRIPTS / f"{name}.py"
    first, second = parent.run(path), parent.run(path)
    assert first.error is None
    base = facts(first.record)
    assert facts(second.record) == base
    assert set(first.record.drawn) == set(DRAWN[name].split())
    steps = sum(len(fit.losses) for fit in first.record.fits)
    steps += sum(len(values) for values in first.record.loops.values())
    assert steps > 0
    sources = ["dropout"] if name == "text" else first.record.drawn  # slow to trace
    for source in sources:
        moved = parent.run(path, seeds=BASE | {source: 2})
        assert moved.error is None
        now = facts(moved.record)
        changed = {key for key in base if now.get(key) != base[key]}
        assert "final" in changed
        assert source in changed
        assert not changed & set(first.record.drawn) - {source}
        if source in ("shuffle", "dropout"):
            assert "initial" not in changed


def test_the_harness_changes_no_bit_of_a_run_that_draws_nothing(parent, tmp_path):
    path = SCRIPTS / "draws_nothing.py"
    environment = {**os.environ, "PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=environment, check=True
    )
    bare = (tmp_path / "bits.txt").read_text()
    inside = parent.run(path)
    assert (inside.folder / "bits.txt").read_text() == bare
    (fit,) = inside.record.fits
    history = json.loads(bare[bare.index("{") :].replace("'", '"'))
    assert [epoch["loss"] for epoch in fit.epochs] == history["loss"]
    means = np.array(fit.losses)[:, 0].reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(means, history["loss"], rtol=1e-6)  # of equal batches


def test_a_model_in_parts_and_in_a_script_trains_to_the_same_numbers(parent):
    from seedscope.training.sequential import loops

    (run,) = plan(
        "replicates=1",
        "data=own",
        "data._target_=training.scripts.parts.load",
        "model=own",
        "model._target_=training.scripts.parts.build",
        "optimizer=sgd",
        "optimizer.learning_rate=0.1",
        "loop.shuffle=none",
        "loop.epochs=4",
        "loop.batch_size=64",  # whole: the parts put examples into another order
        "split.validation=0",
        "engine=sequential",
    )
    trace = loops.train(run, "final")
    outcome = parent.run(SCRIPTS / "of_parts.py", keep=True)
    assert outcome.error is None
    (fit,) = outcome.record.fits
    losses = np.array(fit.losses)[:, 0]
    np.testing.assert_allclose(losses, trace.batch["loss"], rtol=1e-5)
    np.testing.assert_allclose(
        outcome.record.weights[-1], trace.weights[-1], rtol=1e-4, atol=1e-6
    )
    (test,) = outcome.record.evaluations
    assert test["loss"] == pytest.approx(trace.scores["test/loss"], rel=1e-5)
