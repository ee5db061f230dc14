"""Whole commands on what a user brings: another code or data is another study."""

import re

import numpy as np
import pytest

from seedscope.commands import train
from seedscope.store.read import read_study, study_names
from seedscope.store.store import connect
from seedscope.study.words import Tracking
from seedscope.training.launch import here

MODEL = """
import keras
import brought_sizes

def build(input_shape, outputs):
    i = keras.Input(input_shape)
    hidden = keras.layers.Dense(brought_sizes.UNITS, activation="relu")(i)
    return keras.Model(i, keras.layers.Dense(outputs, activation="softmax")(hidden))

def load(path):
    import numpy as np
    x = np.load(path)
    return x, np.arange(len(x)) % 3

def broken(input_shape, outputs):
    raise ValueError("not today")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "brought_model.py").write_text(MODEL)
    (tmp_path / "brought_sizes.py").write_text("UNITS = 4\n")
    save(tmp_path, 0)
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def _no_processes_left():
    yield
    for workers in here._idle.values():
        for worker in workers:
            worker.stop()
    here._idle.clear()


def save(folder, seed):
    rng = np.random.default_rng(seed)
    np.save(folder / "x.npy", rng.normal(size=(60, 5)).astype("float32"))


def tracking(folder):
    uri = f"sqlite:///{folder}/mlflow.db"
    return Tracking(uri, "brought", str(folder / "artifacts"), None, True, None)


def command(folder, *words):
    """Run a command; return what it exits with."""
    where = tracking(folder)
    fixed = [
        f"tracking.uri={where.uri}",
        f"tracking.experiment={where.experiment}",
        f"tracking.artifacts={where.artifacts}",
        "model=own",
        "data=own",
        "data._target_=brought_model.load",
        f"+data.path={folder}/x.npy",
        "loop.epochs=1",
        "replicates=2",
    ]
    if not any(word.startswith("model._target_") for word in words):
        fixed.append("model._target_=brought_model.build")
    try:
        train.main([*fixed, *words])
    except SystemExit as stop:
        return str(stop.code)
    return ""


def studies(folder):
    store = connect(tracking(folder), create=False)
    return {name: read_study(store, name) for name in study_names(store)}


def test_edited_code_and_changed_data_are_other_studies(folder, capfd):
    assert command(folder, "factor=init") == ""
    (first,) = studies(folder)
    digests = set(studies(folder)[first].table["weights_sha256"])
    (folder / "brought_sizes.py").write_text("UNITS = 5\n")
    assert command(folder, "factor=init") == ""
    said = " ".join(capfd.readouterr().err.split())
    assert f"its code (brought_sizes) changed since study {first}" in said
    save(folder, 1)
    assert command(folder, "factor=init", "name=mine") == ""
    save(folder, 2)
    assert command(folder, "factor=init", "name=mine") == ""
    said = " ".join(capfd.readouterr().err.split())
    assert "its data changed since study mine: this is another study, mine-" in said
    found = studies(folder)
    assert len(found) == 4
    assert [runs.table.height for runs in found.values()] == [2] * 4
    others = [set(runs.table["weights_sha256"]) for runs in found.values()]
    assert sum(len(d & digests) for d in others) == 2  # its own alone


def test_a_failed_job_is_named_counted_and_shown_as_missing(folder, capfd):
    said = command(folder, "-m", "factor=none,augmentation,init")
    assert "the model has no augmentation layer" in said
    assert re.search(r"in job: .*factor=augmentation", said)
    assert said.endswith("1 of 3 jobs failed")
    shown = capfd.readouterr().out
    assert "augmentation: none of its 2 planned runs is there" in shown
    (runs,) = studies(folder).values()
    assert runs.without_runs() == [("augmentation", 2)]
    said = command(folder, "factor=init", "model._target_=brought_model.broken")
    first, second, third = said.splitlines()
    assert first == "error: ValueError in your code: not today"
    assert 'brought_model.py", line' in second
    assert third.strip() == 'raise ValueError("not today")'
