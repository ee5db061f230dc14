"""What is installed: the wheel, its command, and the notebook of the docs."""

import os
import subprocess
import sys
import zipfile

import nbformat
import pytest
from composing import ROOT
from nbclient import NotebookClient

UV = [sys.executable, "-m", "uv"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Unpack the wheel: what pip would put into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)]
    for command in (UV, ["uv"]):
        try:
            done = subprocess.run([*command, *build], capture_output=True, text=True)
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            break
    else:
        pytest.skip(f"uv cannot build a wheel here: {done.stderr[-300:]}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def run(installed, folder, *words):
    code = "from seedscope.commands.cli import main; main()"
    own = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env={**own, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_the_package_alone(installed):
    names = {path.name for path in installed.iterdir()}
    assert {name.partition("-")[0] for name in names} == {"seedscope"}
    assert (installed / "seedscope" / "py.typed").is_file()
    ours = {p.relative_to(ROOT) for p in (ROOT / "conf").rglob("*.yaml")}
    theirs = {p.relative_to(installed / "seedscope") for p in installed.rglob("*.yaml")}
    assert ours <= theirs


def test_the_installed_command_compares_in_another_folder(installed, tmp_path):
    scores = [f"{method},{0.8 + i / 100}" for method in "ab" for i in range(5)]
    (tmp_path / "s.csv").write_text("\n".join(["method,accuracy", *scores]) + "\n")
    done = run(installed, tmp_path, "compare", "table=s.csv", "groups=[method]")
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]


def test_the_installed_command_trains_where_it_is_called(installed, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "factor").mkdir()
    text = (ROOT / "conf/factor/init.yaml").read_text()
    (tmp_path / "mine/factor/ours.yaml").write_text(text)
    words = ("factor=ours", "replicates=2", "loop.epochs=1", "data=synthetic")
    done = run(installed, tmp_path, "train", "--config-dir", "mine", *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mlflow.db").is_file()
    left = {path.name for path in tmp_path.iterdir()}
    assert {name for name in left if "mlflow.db" not in name} == {"mine", "mlartifacts"}


def test_an_unknown_command_lists_those_that_there_are(installed, tmp_path):
    done = run(installed, tmp_path, "tain")
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no command 'tain'; choose one of")


@pytest.mark.long
def test_the_notebook_of_the_docs_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=500, resources=resources).execute()
    table = next(c for c in notebook.cells if "sd_high" in c.source)
    assert "init" in table.outputs[0]["data"]["text/html"]
