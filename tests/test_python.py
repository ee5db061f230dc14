"""The Python API: what the commands do, for scripts and notebooks."""

import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import polars as pl
import pytest
from composing import ROOT
from scipy import stats

import seedscope
from seedscope.study import functions

SCRIPT = """
import pathlib

import keras
import numpy as np

import seedscope

N = 200

def build(input_shape, outputs, units=8):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Dense(units, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(outputs, "softmax")(hidden))

def load():
    x = np.random.default_rng(1).normal(size=(N, 4)).astype("float32")
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 1)

# No guard for __main__: training processes must not run this script again.
study = seedscope.train(
    "factor=none,init", "loop.epochs=1", replicates=2, model=build, data=load,
    tracking_uri="sqlite:///mlflow.db",
)
print("arms", *study.arms)
print("scores", *study.scores("none"))
again = seedscope.load(study.name, tracking_uri="sqlite:///mlflow.db")
print("same", (again.scores("init") == study.scores("init")).all())
print("axes", study.plot_spreads().get_xlim()[0])
again.save("saved")
page = pathlib.Path("saved/page.html").read_text()
print("linked", "http://127.0.0.1:5000/#/runs/" in page)
"""


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0.9, 0.01, 8), rng.normal(0.8, 0.01, 8)])
    return pd.DataFrame(
        {"accuracy": scores, "method": ["a"] * 8 + ["b"] * 8, "seed": [*range(8)] * 2}
    )


@pytest.mark.long
def test_functions_of_a_script_are_trained_by_value_and_found_again(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert said["arms"] == "none init"
    assert len(set(said["scores"].split())) == 1  # the control repeats
    assert said["same"] == "True"
    assert float(said["axes"]) == 0.0
    assert said["linked"] == "True"


@pytest.mark.parametrize(
    "kind", [lambda f: f, pl.from_pandas], ids=["pandas", "polars"]
)
def test_a_frame_is_compared(frame, kind):
    found = seedscope.compare(
        kind(frame), score="accuracy", groups=["method"], sources=["seed"]
    )
    table = found.table()
    means = frame.groupby("method")["accuracy"].mean()
    np.testing.assert_allclose(table["mean"], means)
    assert (table["mean_low"] < table["mean"]).all()
    assert (table["sd_high"] > table["sd"]).all()
    first = found.scores(found.arms[0])
    np.testing.assert_array_equal(first, frame["accuracy"].iloc[:8])
    assert "<table>" in found._repr_html_()


def test_a_mistake_names_what_there_is(frame, tmp_path):
    found = seedscope.compare(frame, score="accuracy", groups=["method"])
    with pytest.raises(ValueError, match="no arm 'c'; there are"):
        found.scores("c")
    with pytest.raises(ValueError, match="no score 'f1'; there are accuracy"):
        found.table("f1")
    with pytest.raises(ValueError, match="no key 'lvel'"):
        seedscope.compare(frame, lvel=0.9)
    with pytest.raises(ValueError, match="loop.epochs=0 must be 1 or more"):
        seedscope.train("loop.epochs=0", tracking_uri=f"sqlite:///{tmp_path}/m.db")
    with pytest.raises(ValueError, match="model= must be a function"):
        seedscope.train(model=3)


def made(source, **around):
    space = {"__name__": "__main__", **around}
    exec(textwrap.dedent(source), space)
    return space["load"]


def test_a_function_is_known_by_what_it_does_and_uses():
    source = "def load():\n    return helper(K)\ndef helper(k):\n    return k + 1\n"
    known = functions.code_digest(made(source, K=1))
    assert functions.code_digest(made("\n\n" + source, K=1)) == known
    assert functions.code_digest(made(source, K=2)) != known
    assert functions.code_digest(made(source.replace("+ 1", "+ 2"), K=1)) != known


def test_what_a_function_catches_by_mistake_is_refused():
    big = made("def load():\n    return big\n", big=np.zeros(2_000_000))
    with pytest.raises(ValueError, match="holds on to 16 MB of variables"):
        functions.options(big, "data")


def test_functions_of_modules_are_named_and_others_come_as_bytes():
    assert functions.options(shutil.copy, "data") == {"_target_": "shutil.copy"}
    sent = functions.options(made("def load():\n    return K\n", K=5), "data")
    assert functions.received(sent)() == 5
    assert set(functions.without_bytes({"data": sent})["data"]) == {
        "_target_",
        "_code_",
    }


def test_more_groups_than_a_table_shows_are_summed_up_as_on_the_command_line(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "model": np.repeat([f"m{i}" for i in range(60)], 4),
            "seed": np.tile(range(4), 60),
            "accuracy": rng.normal(0.8, 0.02, 240),
        }
    )
    found = seedscope.compare(
        frame, groups=["model"], sources=["seed"], score="accuracy", target=0.8
    )
    assert len(found.arms) == 60
    own = frame[frame.model == "m7"].accuracy
    row = found.table().loc["model:m7"]
    assert row["mean"] == pytest.approx(own.mean())
    test = stats.ttest_1samp(own, 0.8)
    assert (row["target_t"], row["target_p"]) == pytest.approx(tuple(test))
    assert row["mean_low"] < row["mean"] < row["mean_high"] < 1
    assert found.scores("model:m7").tolist() == pytest.approx(own.tolist())
    assert "60 arms" in repr(found)
    assert found.answer.answer[0].startswith("Against 80 %: ")
    found.save(tmp_path)
    assert (tmp_path / "tables/statistics.csv").exists()
    with pytest.raises(ValueError, match="60 arms are too many for a figure"):
        found.plot_spreads()
    with pytest.raises(ValueError, match="no arm 'm7'; there are model:m0"):
        found.scores("m7")
