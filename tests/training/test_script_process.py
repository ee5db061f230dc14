"""A script's process: how it is called, where it works, how it fails; settings."""

import io
import json
import os
from collections import Counter

import numpy as np
import pytest
from composing import plan, read
from training.warm_parent import BASE, warm_parent

from seedscope.study import code
from seedscope.training.launch import here
from seedscope.training.script import (
    answers,
    check,
    folder,
    own_mlflow,
    process,
    program,
    told,
    traces,
)
from seedscope.training.script.ledger import Drawn
from seedscope.training.script.record import Answers, Record


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    with warm_parent(tmp_path_factory.mktemp("runs")) as started:
        yield started


@pytest.fixture
def home(tmp_path, monkeypatch):
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def write(home, name: str, text: str):
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.relative_to(home)


# ---- how it is called ------------------------------------------------------------


def arguments(*overrides: str) -> list[str]:
    return program.arguments(read(*overrides).arms[0].settings.script)


def test_arguments_are_flags_or_assignments(home):
    write(home, "a.py", "")
    given = (
        "script.path=a.py",
        "+script.args.epochs=5",
        "+script.args.augment=true",
        "+script.args.quiet=false",
        "+script.args.layers=[8, 4]",
        "+script.args.model.units=3",
        "script.words=[data.csv]",
    )
    flags = "data.csv --epochs 5 --augment --layers 8 4 --model.units 3"
    assert arguments(*given) == flags.split()
    hydra = arguments(*given, "script.style=hydra", "+script.args.name='a b'")
    assert hydra == [
        "data.csv",
        "epochs=5",
        "augment=true",
        "quiet=false",
        "layers=[8,4]",
        "model.units=3",
        "name='a b'",
    ]


def test_it_runs_as_main_with_its_own_modules_arguments_and_variables(parent, home):
    write(home, "mine.py", "VALUE = 7\n")
    text = (
        "import os, sys, mine\n"
        "print(__name__, sys.argv[1:], mine.VALUE, os.environ['SIZE'])\n"
        "print(os.path.basename(__file__), os.getcwd() == os.path.dirname(__file__))\n"
    )
    path = write(home, "a.py", text)
    done = parent.run(path, "+script.args.lr=0.1", "+script.environment.SIZE=9")
    assert done.error is None
    said = ["__main__ ['--lr', '0.1'] 7 9", "a.py True"]
    assert done.printed.splitlines() == said
    assert done.record.modules == [str(home / "mine.py")]


def test_a_module_and_a_notebook_run_too(parent, home):
    write(home, "package/__init__.py", "")
    write(home, "package/inner.py", "import sys\nprint(__name__, sys.argv[1:])\n")
    done = parent.run("-m package.inner", "+script.args.n=1")
    assert (done.error, done.printed) == (None, "__main__ ['--n', '1']\n")
    cells = [
        {"cell_type": "markdown", "source": ["# title"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip list\n"]},
        {
            "cell_type": "code",
            "source": [
                "import tensorflow as tf\n",
                "@tf.function\n",
                "def f(x):\n",
                "    if x > 0:\n",
                "        return x * 2\n",
                "    return x\n",
            ],
        },
        {"cell_type": "code", "source": ["display(int(f(tf.constant(4))))\n", "1 / 0"]},
    ]
    path = write(home, "note.ipynb", json.dumps({"cells": cells}))
    done = parent.run(path)
    assert done.printed.startswith("8\n")
    assert "ZeroDivisionError" in done.error
    assert "note.ipynb cell 4:2" in done.error


def test_a_hydra_script_finds_its_own_configuration(parent, home):
    write(home, "conf/config.yaml", "rate: 1\n")
    text = (
        "import hydra\n"
        "@hydra.main(version_base=None, config_path='conf', config_name='config')\n"
        "def main(cfg):\n"
        "    print('rate', cfg.rate)\n"
        "main()\n"
    )
    path = write(home, "a.py", text)
    done = parent.run(path, "script.style=hydra", "+script.args.rate=3")
    assert (done.error, done.printed) == (None, "rate 3\n")
    assert not (home / "outputs").exists()


# ---- where it works ----------------------------------------------------------------


def test_what_it_writes_stays_apart_and_what_it_reads_is_known(parent, home):
    write(home, "data/numbers.csv", "1\n")
    text = (
        "from pathlib import Path\n"
        "print(Path('data/numbers.csv').read_text().split())\n"
        "open('data/numbers.csv', 'a').write('2')\n"
        "Path(__file__).with_name('beside.txt').write_text('x')\n"
        "print(Path('data/numbers.csv').read_text().split())\n"
    )
    path = write(home, "a.py", text)
    for _ in range(2):  # the second run sees nothing of the first
        done = parent.run(path)
        assert done.error is None
        assert done.printed == "['1']\n['1', '2']\n"
        assert done.record.files == [str(home / "data/numbers.csv")]
    assert (home / "data/numbers.csv").read_text() == "1\n"
    names = {path.name for path in folder.written(done.folder)}
    assert names == {"numbers.csv", "beside.txt"}
    assert sorted(os.listdir(home)) == ["a.py", "data"]


def test_writing_into_the_project_by_its_full_path_is_refused(parent, home):
    path = write(home, "a.py", f"open('{home}/out.txt', 'w')\n")
    done = parent.run(path)
    assert "the script writes to" in done.error
    assert "a.py:1" in done.error
    assert not (home / "out.txt").exists()


# ---- how it fails ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f():\n    return 1 / 0\nf()\n", "a.py:2 in f"),
        ("import sys\nsys.exit('no data')\n", "it ended by itself with no data"),
        ("x = input('? ')\n", "it asks for input"),
        ("x = (\n", "SyntaxError"),
        (
            "import argparse\np = argparse.ArgumentParser()\n"
            "p.add_argument('--lr', required=True)\np.parse_args()\n",
            "arguments are required: --lr",
        ),
        ("import os\nprint('big')\nos.kill(os.getpid(), 9)\n", "killed by SIGKILL"),
        ("import os\nos._exit(3)\n", "ended its process with status 3"),
    ],
)
def test_a_script_that_fails_says_so_in_its_own_lines(parent, home, text, said):
    done = parent.run(write(home, "a.py", text))
    assert said in done.error
    assert "seedscope" not in done.error


def test_a_script_that_hangs_is_stopped_with_all_that_it_started(parent, home):
    text = (
        "import os, time\n"
        "if os.fork() == 0:\n    time.sleep(600)\n"
        "print('waiting', flush=True)\ntime.sleep(600)\n"
    )
    done = parent.run(write(home, "a.py", text), "script.timeout=2")
    assert "ran longer than script.timeout=2" in done.error
    assert "waiting" in done.error


def test_a_fork_a_pool_and_a_plot_do_no_harm(parent, home):
    text = (
        "import multiprocessing, os\n"
        "import matplotlib.pyplot as plt\n"
        "if os.fork() == 0:\n    raise SystemExit(3)\n"
        "os.wait()\n"
        "def f(x):\n    return x + 1\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    print(pool.map(f, [1, 2]))\n"
        "plt.plot([1, 2])\nplt.show()\n"
    )
    done = parent.run(write(home, "a.py", text))
    assert done.error is None
    assert done.printed == "[2, 3]\n"


def test_what_does_not_repeat_is_said_with_the_command_that_finds_it(parent, home):
    text = (
        "import os, keras, numpy as np\n"
        "x = np.frombuffer(os.urandom(80), 'uint8').reshape(20, 4) / 255\n"
        "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "model.fit(x, x[:, :1], verbose=0, epochs=50)\n"
    )
    path = write(home, "a.py", text)
    short = ("script.max_epochs=1", "script.max_steps=1")
    one, other = (parent.run(path, *short) for _ in range(2))
    assert len(one.record.fits[0].losses) == 1
    found = check.differences(one.record, other.record)
    assert found == ["the loss from batch 1 on", "the final weights"]
    script = read("script.path=a.py", "+script.args.n=1").arms[0].settings.script
    said = check.verdict(script, found)
    assert "does not repeat" in said
    assert 'seedscope verify script.path=a.py \'script.words=["--n","1"]\'' in said
    assert "repeats bit for bit" in check.verdict(script, [])
    assert check.differences(Record(), Record()) == []


def test_runtime_settings_reach_the_script(parent, home):
    text = (
        "import keras, tensorflow as tf\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads())\n"
        "print(keras.config.dtype_policy().name)\n"
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\nprint(model.jit_compile, model.run_eagerly)\n"
        "model.fit(tf.ones((4, 2)), tf.ones((4, 1)), verbose=0)\n"
    )
    path = write(home, "a.py", text)
    done = parent.run(
        path,
        "runtime.intra_op_threads=1",
        "runtime.precision=mixed_bfloat16",
        "runtime.compilation=jit",
    )
    assert done.error is None
    assert done.printed.split()[:4] == ["1", "mixed_bfloat16", "True", "False"]
    (fit,) = done.record.fits
    assert [loss.tolist() for loss in fit.losses] == [[fit.epochs[0]["loss"]]]


def test_op_determinism_and_float64_hold_for_all_that_a_script_draws(parent, home):
    # TensorFlow refuses to draw without a seed then: each draw has one of its source.
    text = (
        "import keras, numpy as np, tensorflow as tf\n"
        "x = tf.random.normal([32, 2]).numpy() + np.random.rand(32, 2)\n"
        "data = tf.data.Dataset.from_tensor_slices((x, x)).shuffle(32)\n"
        "data = data.map(lambda a, b: (a + tf.random.normal([2], dtype=a.dtype), b))\n"
        "layers = [keras.layers.Dense(2), keras.layers.Dropout(0.5)]\n"
        "model = keras.Sequential([keras.Input((2,)), *layers])\n"
        "model.compile('sgd', 'mse', steps_per_execution=4)\n"
        "model.fit(data.batch(4), epochs=2, verbose=0)\n"
        "model.fit(x, x, verbose=0)\n"
        "print(model.weights[0].dtype, keras.config.floatx())\n"
    )
    settings = ("runtime.op_determinism=true", "runtime.precision=float64")
    done = parent.run(write(home, "a.py", text), *settings)
    assert done.error is None
    assert done.printed.split()[-2:] == ["float64", "float64"]
    assert done.record.facts["op_determinism"] == "True"
    assert {"init", "shuffle", "dropout", "augmentation", "data"} == set(
        done.record.drawn
    )
    # Steps per execution: what the API reports is all that is known, and that is said.
    (fit,) = done.record.fits
    assert (fit.losses, fit.execution, fit.steps) == ([], 4, [8, 8, 1])
    assert len(fit.reported) == 5
    assert any("only what the API reports" in r for r in done.record.remarks)


def test_a_process_for_scripts_is_born_with_what_a_runtime_asks():
    runtime = read("runtime.onednn=false", "runtime.hash_seed=3").arms[0]
    born = here.environment(runtime.settings.runtime)
    assert (born["TF_ENABLE_ONEDNN_OPTS"], born["PYTHONHASHSEED"]) == ("0", "3")


def test_what_each_run_writes_is_kept_where_it_was_asked_for(home, tmp_path):
    from seedscope.training.script import engine

    write(home, "a.py", "")
    run = plan("script.path=a.py", "script.folder=kept", "factor=init")[1]
    place = tmp_path / "run"
    (place / "work").mkdir(parents=True)
    (place / "work" / "made.txt").write_text("1")
    engine._put_away(run, place)
    assert (home / "kept" / "init 1" / "made.txt").read_text() == "1"
    assert not place.exists()


def test_several_outputs_are_all_kept_and_the_one_with_labels_is_in_the_tables(
    parent, home
):
    text = (
        "import keras, numpy as np\n"
        "x = np.linspace(-1, 1, 12, dtype='float32').reshape(6, 2)\n"
        "y = {'b': (x[:, 0] > 0).astype('float32'), 'a': x}\n"
        "given = keras.Input((2,))\n"
        "b = keras.layers.Dense(1, 'sigmoid', name='b')(given)\n"
        "model = keras.Model(given, {'a': keras.layers.Dense(2)(given), 'b': b})\n"
        "model.compile('sgd', {'a': 'mse', 'b': 'binary_crossentropy'})\n"
        "model.fit(x, y, verbose=0)\n"
        "model.evaluate(x, {'b': y['b'], 'a': y['a']}, verbose=0)\n"
        "model.predict(x.copy(), verbose=0)\n"
    )
    done = parent.run(write(home, "a.py", text))
    assert done.error is None
    kept = done.record.answers
    assert {n: v.shape for n, v in kept.others.items()} == {"a": (6, 2), "b": (6, 1)}
    held = np.load(io.BytesIO(answers.packed(kept)))
    assert held["b"].tobytes() == kept.others["b"].tobytes()
    assert (kept.outputs == kept.others["b"]).all()
    assert answers.predictions(kept).targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert any("predict has 2 outputs (a, b)" in t for t in told.others(done.record))


@pytest.mark.parametrize("order", ["", ".shuffle(6)"])
def test_labels_in_a_dataset_that_was_evaluated_are_those_of_its_predict(
    parent, home, order
):
    text = (
        "import keras, numpy as np, tensorflow as tf\n"
        "x = np.linspace(-1, 1, 12, dtype='float32').reshape(6, 2)\n"
        "y = (x[:, 0] > 0).astype('float32')\n"
        f"data = tf.data.Dataset.from_tensor_slices((x, y)){order}.batch(4)\n"
        "model = keras.Sequential([keras.layers.Dense(1, 'sigmoid')])\n"
        "model.compile('sgd', 'binary_crossentropy')\n"
        "model.evaluate(data, verbose=0)\n"
        "model.predict(data, verbose=0)\n"
    )
    done = parent.run(write(home, "a.py", text))
    assert done.error is None
    kept = done.record.answers
    if not order:
        assert kept.targets.tolist() == [0, 0, 0, 1, 1, 1]
    else:
        assert kept.targets is None
        assert any("two passes over its data" in t for t in told.others(done.record))


def test_a_callers_own_hook_sees_the_run_and_seeds_may_stay_the_scripts(parent, home):
    text = "import numpy as np\nnp.random.seed(4)\nprint(np.random.rand())\n"
    path = write(home, "a.py", text)
    plain = str(np.random.RandomState(4).rand())
    own = parent.run(path, seeds=None, hooks=["training.script_hook:note"])
    assert own.printed.split() == [plain]
    assert own.record.extra == {"hook": "was here"}
    ours = parent.run(path, seeds=BASE)
    assert ours.printed.split() != [plain]
    assert list(ours.record.replaced) == ["np.random.seed(4) at a.py:2"]


def test_a_layer_that_draws_its_seed_by_itself_is_no_initializer(parent, home):
    text = (
        "import keras, numpy as np\n"
        "crop = keras.layers.RandomCrop(2, 2)\n"
        "crop(np.zeros((1, 4, 4, 1), 'float32'), training=True)\n"
    )
    done = parent.run(write(home, "a.py", text))
    assert done.error is None
    assert list(done.record.drawn) == ["augmentation"]
    assert list(done.record.drawn["augmentation"].lines) == ["a.py:2 RandomCrop"]
    assert not done.record.pinned


def test_what_a_library_draws_while_it_is_imported_is_no_draw_of_the_script(
    parent, home
):
    write(home, "mine.py", "import random\nx = random.random()\n")
    text = "import scipy.stats\n"
    done = parent.run(write(home, "a.py", text))
    assert (done.error, done.record.drawn) == (None, {})
    own = parent.run(write(home, "b.py", "import mine\n"))
    assert list(own.record.drawn["data"].lines) == ["mine.py:2 random.random"]


# ---- what it logs to MLflow --------------------------------------------------------


LOGS = """
import keras, mlflow, numpy as np, pandas as pd
mlflow.set_tracking_uri("sqlite:///elsewhere.db")
mlflow.set_experiment("mine")
mlflow.tensorflow.autolog(log_models=False)
x = np.linspace(0, 1, 40, dtype="float32").reshape(20, 2)
y = (x[:, 0] > 0.4).astype("int64")
model = keras.Sequential(
    [keras.Input((2,)), keras.layers.Dense(2, "softmax", kernel_initializer="ones")]
)
model.compile("sgd", "sparse_categorical_crossentropy")
with mlflow.start_run():
    mlflow.log_params({"rate": 0.1, "epochs": 2})
    mlflow.log_param("rate", 0.1)
    try:
        mlflow.log_param("rate", 0.2)
    except mlflow.exceptions.MlflowException:
        print("refused as ever")
    model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    mlflow.log_metric("score", 0.5, step=1)
    mlflow.log_metric("score", 0.75, step=2)
    out = model.predict(x, verbose=0)
    mlflow.log_table(pd.DataFrame({"p0": out[:, 0], "target": y}), "eval/table.json")
    with mlflow.start_run(nested=True):
        mlflow.log_metric("inner", 2)
mlflow.set_experiment("other")
mlflow.start_run()
mlflow.log_param("rate", 9)
"""


def test_all_that_it_logs_to_mlflow_is_taken_in_and_strays_nowhere(parent, home):
    path = write(home, "a.py", LOGS)
    done = parent.run(path)
    assert (done.error, done.printed.count("refused as ever")) == (None, 1)
    assert any("another address" in remark for remark in done.record.remarks)
    assert os.listdir(home) == ["a.py"]
    assert not list(done.folder.rglob("elsewhere.db"))
    # What autolog asks of the model is not the script's prediction.
    assert len(done.record.answers.outputs) == 20
    trace = traces.trace_of(plan(f"script.path={path}", "replicates=1")[0], done)
    assert trace.logged.metrics["score"] == [(1, 0.5), (2, 0.75)]
    assert {step for step, _ in trace.logged.metrics["loss"]} == {0, 1}  # by autolog
    assert trace.logged.metrics["run_2/inner"] == [(0, 2.0)]
    assert trace.logged.params["rate"] == "0.1"
    assert trace.logged.params["run_3/rate"] == "9"
    assert {"batch_size", "epochs"} <= set(trace.logged.params)
    assert {"script/eval/table.json", "script/model_summary.txt"} <= set(trace.files)
    assert trace.predictions.targets.tolist() == [0] * 8 + [1] * 12
    assert trace.predictions.labels is not None
    said = " ".join(trace.told)
    assert "labels of the last predict: eval/table.json, row by row" in said
    assert "logs 3 MLflow runs" in said


def test_models_that_it_logs_are_counted(tmp_path):
    run = tmp_path / "mlruns" / "0" / "abc"
    for place in (run / "metrics", run / "outputs" / "m-1"):
        place.mkdir(parents=True)
    for place in (run, run / "outputs" / "m-1"):
        (place / "meta.yaml").write_text("start_time: 1\n")
    (logged,) = own_mlflow.read(tmp_path)
    said = traces._own_logs([logged])[2]
    assert said[0].startswith(
        "the script logs 1 MLflow model a run: it is not taken in"
    )


# ---- on paper ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["script.path=no.py"], "there is no such file"),
        (["script.path=a.txt"], r"must be a \.py file or a notebook"),
        (["script.path=a.py", "script.module=b"], "give one"),
        (["script.module=nowhere_at_all"], "there is no module"),
        (["script.path=a.py", "engine=batched"], "leave engine= out"),
        (["engine=script"], "set script.path"),
        (["script.path=a.py", "factor=perturbation"], "cannot be varied in a script"),
        (["script.path=a.py", "factor=learning_rate"], r"script\.args\.learning_rate"),
        (["script.path=a.py", "runtime.seeding=none"], r"script\.args\.seeding"),
        (["script.path=a.py", "script.timeout=0"], "must be above 0"),
        (["script.path=a.py", "script.max_epochs=0"], "must be 1 or more"),
        (["script.path=a.py", "script.data=[no.csv]"], "there is no no.csv"),
    ],
)
def test_what_a_script_cannot_have_is_refused_on_paper(home, overrides, said):
    write(home, "a.py", "")
    write(home, "a.txt", "")
    with pytest.raises(ValueError, match=said):
        read(*overrides)


def test_levels_of_an_argument_are_arms(home):
    write(home, "a.py", "")
    made = read(
        "script.path=a.py", "factor=script", "factor.levels={script.args.lr: [0.1, 1]}"
    )
    assert [arm.settings.script.args["lr"] for arm in made.arms] == [0.1, 1]
    assert made.engine.name == "script"
    assert set(made.arms[0].settings.deciding()) == {"script", "runtime"}


def test_the_code_of_a_script_is_all_that_it_imports_of_its_own(home):
    write(home, "tools/__init__.py", "from tools import deep\n")
    write(home, "tools/deep.py", "import numpy\n")
    path = write(home, "a.py", "def f():\n    import tools\n")
    files = code.programs_code(str(path), None)
    assert set(files) == {"a.py", "tools", "tools.deep"}
    cells = [{"cell_type": "code", "source": ["%magic\n", "import tools.deep"]}]
    note = write(home, "b.ipynb", json.dumps({"cells": cells}))
    assert {"b.ipynb", "tools.deep"} <= set(code.programs_code(str(note), None))


def test_a_source_that_is_never_drawn_from_is_refused_with_what_is():
    drawn = {"init": Drawn(2, "d", Counter({"a.py:3 initializer": 2}))}
    record = Record(drawn=drawn, pinned={"Dropout seed=1 at a.py:4": 1})
    assert told.without_effect([], record) is None
    assert told.without_effect(["dropout", "init"], record) is None
    said = told.without_effect(["dropout"], record)
    assert "the script never draws from that" in said
    assert "init drew 2 times: a.py:3 initializer (2)" in said
    assert "are kept: Dropout seed=1 at a.py:4" in said


# ---- its predictions ---------------------------------------------------------------


def test_predictions_are_read_from_the_run_or_from_a_file(tmp_path):
    outputs = np.array([[0.2, 0.8], [0.9, 0.1]])
    found = answers.predictions(Answers(outputs, np.array([[0, 1], [0, 1]])))
    assert found.labels.tolist() == [1, 0]
    assert found.targets.tolist() == [1, 1]
    logits = answers.predictions(
        Answers(np.array([[0.3], [-0.1]]), np.array([1, 1]), True)
    )
    assert logits.labels.tolist() == [1, 0]
    np.savez(tmp_path / "p.npz", output=outputs, target=[1, 0])
    held = answers.read(tmp_path / "p.npz")
    assert held.targets.tolist() == [1, 0]
    (tmp_path / "p.csv").write_text("output_0,output_1,target\n.2,.8,1\n.9,.1,0\n")
    assert answers.read(tmp_path / "p.csv").outputs.tolist() == outputs.tolist()
    classes = answers.predictions(Answers(np.array([2, 0]), np.array([2, 1])))
    assert classes.labels.tolist() == [2, 0]
    assert (
        answers.predictions(Answers(np.array([2.5, 0]), np.array([2, 1]))).labels
        is None
    )
    with pytest.raises(ValueError, match="wrote no such file"):
        answers.read(tmp_path / "no.csv")


def test_labels_of_a_logged_table_are_taken_where_it_is_of_the_same_outputs(tmp_path):
    outputs = np.array([[0.2, 0.8], [0.9, 0.1], [0.3, 0.7]])
    table = tmp_path / "t.json"

    def logged(columns, *rows):
        table.write_text(json.dumps({"columns": columns, "data": rows}))
        return answers.with_table(Answers(outputs), {"t.json": table})

    found, said = logged(["note", "target"], ["x", 1], ["y", 0], ["z", 0])
    assert found.targets.tolist() == [1, 0, 0]
    assert said == "labels of the last predict: t.json, row by row"
    right = logged(["prediction", "target"], [1, 1], [0, 0], [1, 0])[0]
    assert right.targets.tolist() == [1, 0, 0]
    other_order = logged(["prediction", "target"], [0, 0], [1, 1], [1, 0])
    shorter = logged(["target"], [1], [0])
    for found, said in (other_order, shorter):
        assert (found.targets, said) == (None, None)
    alone, said = answers.with_table(None, {"t.json": table})
    assert (alone, said) == (None, None)
    logged(["prediction", "target"], [0.1, 0], [0.9, 1])
    alone, said = answers.with_table(None, {"t.json": table})
    assert alone.outputs.tolist() == [0.1, 0.9]
    assert said == "predictions: t.json"


def test_a_process_that_has_used_tensorflow_forks_for_no_script(home):
    import tensorflow as tf

    tf.constant(0) + 1
    write(home, "a.py", "")
    settings = read("script.path=a.py").arms[0].settings
    job = process.Job(settings.script, None, settings.runtime)
    with pytest.raises(RuntimeError, match="has used TensorFlow cannot fork"):
        process.run_once(job, home / "run")


def test_processes_for_scripts_are_never_those_that_have_trained(home):
    write(home, "a.py", "")
    asked = read("script.path=a.py")
    runtime = asked.arms[0].settings.runtime
    assert asked.engine.name == "script"
    assert here._key(runtime, True) != here._key(runtime, False)
