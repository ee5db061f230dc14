"""A script from the command line to an answer: one study, as a user starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from composing import ROOT
from mlflow.tracking import MlflowClient

SCRIPT = """
import argparse
import keras
import mlflow
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.1)
rate = parser.parse_args().rate
x = np.loadtxt("numbers.csv", ndmin=2).astype("float32")
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
model.compile(keras.optimizers.SGD(rate), "mse")
model.fit(x, x, epochs=2, validation_data=(x, x), shuffle=False, verbose=0)
model.evaluate(x, x, verbose=0)
model.predict(x, verbose=0)
if model.layers[-1].kernel.numpy()[0, 0] > 5:
    raise ValueError("never")
mlflow.log_metric("sum", float(x.sum()))
print("done")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    place = tmp_path_factory.mktemp("user")
    (place / "mine.py").write_text(SCRIPT)
    (place / "numbers.csv").write_text("0.1 0.2\n0.3 0.4\n" * 4)
    return place


def command(home, *words: str, entry="train") -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{home}/store/mlflow.db",
        "XDG_CACHE_HOME": str(home / "cache"),
        "COLUMNS": "200",
    }
    (home / "store").mkdir(exist_ok=True)
    code = (
        "import sys; from seedscope.commands.cli import main\n"
        f"sys.argv = ['seedscope', '{entry}', *sys.argv[1:]]; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.mark.long
@pytest.mark.timeout(1800)  # three commands, each with processes of its own
def test_a_script_is_told_apart_source_by_source_and_known_again(home):
    done = command(home, "replicates=2", "mine.py", "--rate", "0.2", entry="script")
    assert done.returncode == 0, done.stderr
    assert "left out, as the program never draws from it: shuffle" in done.stdout
    assert "mine repeats bit for bit" in done.stderr
    assert "Control passed" in done.stdout
    assert "init drew once: mine.py:11 initializer" in done.stdout
    assert "val/loss leads: the last validation score" in done.stdout
    client = MlflowClient(f"sqlite:///{home}/store/mlflow.db")
    experiment = client.get_experiment_by_name("seedscope").experiment_id
    assert {e.name for e in client.search_experiments()} <= {"Default", "seedscope"}
    runs = client.search_runs([experiment], "tags.`seedscope.role` = 'run'")
    assert len(runs) == 6  # none, init, all
    control = [r for r in runs if r.data.tags["seedscope.arm"] == "none"]
    assert len({r.data.tags["seedscope.weights_sha256"] for r in control}) == 1
    run = control[0]
    assert run.data.tags["seedscope.engine"] == "script"
    assert run.data.params["script.words"] == "['--rate', '0.2']"
    assert "model.hidden" not in run.data.params
    assert run.data.metrics["sum"] == pytest.approx(8 * 0.5)
    assert {"test/loss", "val/loss", "batch/loss", "seconds"} <= set(run.data.metrics)
    printed = client.download_artifacts(run.info.run_id, "printed.txt")
    assert Path(printed).read_text().endswith("done\n")
    assert not list(home.glob("mlruns"))

    key = "tracking.experiment=seedscope"
    again = command(home, "factor=init", "replicates=2", *called(), key)
    assert "2 of 2 runs are in study" in again.stderr
    (home / "numbers.csv").write_text("0.5 0.2\n0.3 0.4\n" * 4)
    other = command(home, "factor=init", "replicates=2", *called(), key)
    assert "another study" in other.stderr
    assert "its data" in other.stderr


def called() -> list[str]:
    return ["script.path=mine.py", "script.words=['--rate','0.2']"]


def test_settings_of_the_parts_are_refused_by_name(home):
    done = command(home, "script.path=mine.py", "loop.epochs=3")
    assert done.returncode == 1
    assert "loop.epochs=3: a script brings its own loop" in done.stderr
    assert "+script.args.epochs=" in done.stderr
