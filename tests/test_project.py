"""Promises that cross files: floors, homes of libraries, and files that must agree."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from composing import ROOT
from hydra import compose, initialize_config_dir

PACKAGE = ROOT / "src" / "seedscope"
FLOORS = (  # from the ground up; a folder's own modules may import each other
    ("study",),
    ("trace",),
    (
        *("runs.score_names", "runs.score", "runs.table", "runs.question"),
        *("runs.readers", "runs.files", "runs.condition"),
        *("runs.at", "runs.curves", "runs.diverged", "runs.duplicates"),
        "runs.examples",
        "runs.tables",
    ),
    ("task",),
    ("training",),
    ("store",),
    ("runs",),
    ("stats",),
    ("analysis",),
    ("claims",),
    ("verify",),
    ("report",),
    ("commands",),
)
HOMES = {
    "tensorflow": ("task", "training", "verify"),
    "keras": ("task", "training", "verify"),
    "mlflow": ("store",),
    "hydra": ("commands",),
    "omegaconf": ("study.settings", "study.frozen", "runs.question", "commands"),
    "matplotlib": ("report.plots",),
    "ray": ("training.launch.ray",),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def imports() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        names = found.setdefault(module_name(path), set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor(module: str) -> int:
    inside = {
        name: number
        for number, names in enumerate(FLOORS)
        for name in names
        if module == name or module.startswith(f"{name}.")
    }
    return inside[max(inside, key=len)]


def house() -> str:
    """Return the floors from the ground up, and how much lies on each."""
    files = [path for path in PACKAGE.rglob("*.py") if module_name(path)]
    lines = {module_name(path): len(path.read_text().splitlines()) for path in files}
    rows = []
    for number, names in enumerate(FLOORS):
        own = [module for module in lines if floor(module) == number]
        size = sum(lines[module] for module in own)
        held = ", ".join(f"{name}/" if "." not in name else name for name in names)
        rows.append(f"{number:2d}  {len(own):3d} files {size:6d} lines  {held}")
    return "\n".join(rows)


def test_imports_go_down_the_floors_only():
    print(f"\n{house()}")  # shown by -s, and beside a failure
    wrong = [
        (module, name)
        for module, names in imports().items()
        if module
        for name in names
        if name.startswith("seedscope.")
        and floor(name.removeprefix("seedscope.")) > floor(module)
    ]
    assert wrong == []


@pytest.mark.parametrize("library", HOMES)
def test_each_library_has_its_home(library):
    strangers = [
        module
        for module, names in imports().items()
        if any(name.split(".")[0] == library for name in names)
        and not module.startswith(HOMES[library])
    ]
    assert strangers == []


def test_the_parent_process_never_imports_tensorflow():
    code = (
        "import sys; sys.path.insert(0, 'src')\n"
        "from seedscope.commands import train, compare\n"
        "from seedscope.training.launch import here\n"
        "from seedscope.store import log, read\n"
        "from seedscope.analysis import compare\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_config_mistake_is_answered_before_anything_slow_is_imported():
    code = (
        "import sys; sys.path.insert(0, 'src')\n"
        "from seedscope.commands import train\n"
        "try:\n"
        "    train.main(['factor=init', 'loop.epochs=0', 'tracking.uri=sqlite:///no'])\n"
        "except SystemExit as error:\n"
        "    assert error.code == 'error: loop.epochs=0 must be 1 or more'\n"
        "assert not {'tensorflow', 'mlflow', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def entry_points() -> dict:
    return yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"]


@pytest.mark.parametrize("entry", ["main", "train", "compare", "verify"])
def test_mlproject_passes_every_parameter(entry):
    # A parameter that is declared but not in the command is ignored without a word.
    point = entry_points()[entry]
    used = set(re.findall(r"{(\w+)}", point["command"]))
    assert used == set(point["parameters"])


@pytest.mark.parametrize(
    ("entry", "config"),
    [("train", "train"), ("compare", "compare"), ("verify", "verify")],
)
def test_mlproject_repeats_the_defaults_of_conf(entry, config):
    declared = {k: v["default"] for k, v in entry_points()[entry]["parameters"].items()}
    declared.pop("overrides")
    if entry == "compare":
        declared["name"] = declared.pop("study")  # src/compare.py takes both words
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        asked = compose(config, overrides=[f"{k}={v}" for k, v in declared.items()])
        assert asked == compose(config)


def test_commands_start_python_files_that_exist():
    for point in entry_points().values():
        words = shlex.split(point["command"])
        assert words[0] == "python"
        assert (ROOT / words[1]).is_file()


def locked() -> dict[str, set[str]]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    versions: dict[str, set[str]] = {}
    for package in lock["package"]:
        versions.setdefault(package["name"], set()).add(package["version"])
    return versions


def test_conda_yaml_agrees_with_the_lock():
    environment = yaml.safe_load((ROOT / "conda.yaml").read_text())
    pins = dict(p.split("==") for p in environment["dependencies"][-1]["pip"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=!~]", d)[0] for d in project["dependencies"]}
    assert set(pins) == wanted
    assert all(version in locked()[name] for name, version in pins.items())


def test_the_lock_names_public_places_only():
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text()))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_ci_runs_the_second_command_of_the_readme_and_the_long_tests():
    *_, command, long = (ROOT / ".ci" / "run").read_text().splitlines()
    assert command in (ROOT / "README.md").read_text()
    assert long.endswith("pytest -m long")


@pytest.mark.parametrize("path", sorted((ROOT / "conf").rglob("*.yaml")), ids=str)
def test_every_config_file_says_what_it_is_for(path):
    first = path.read_text().splitlines()
    assert any(line.startswith("# ") and len(line) > 15 for line in first[:2])


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in (ROOT / "conf/factor").glob("*"))
)
def test_every_factor_asks_a_question_and_stands_in_the_readme(name):
    factor = yaml.safe_load((ROOT / "conf/factor" / f"{name}.yaml").read_text())
    assert factor["question"].endswith("?")
    assert f"`{name}`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(p.stem for p in ROOT.glob("conf/study/*")))
def test_every_study_stands_in_the_readme(name):
    text = (ROOT / "README.md").read_text()
    assert f"`{name}`" in text or f"study={name}" in text
