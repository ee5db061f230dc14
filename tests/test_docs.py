"""Documentation that holds: no dead link, commands understood, nothing outdated."""

import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from composing import ROOT

from seedscope.commands import compare, overrides
from seedscope.runs import question

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
GENERATED = ("configuration.md", "claims.md")


def commands():
    """Yield the commands of this project that a reader may copy, with their page."""
    for page in PAGES:
        if page.name in GENERATED:
            continue
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                found = re.search(r"(src/(\w+)\.py|seedscope (\w+))\b(.*)", line)
                if found and "..." not in line and "<" not in line:
                    words = shlex.split(found[4], comments=True)
                    yield pytest.param(
                        found[2] or found[3], words, id=f"{page.name}: {line.strip()}"
                    )


@pytest.mark.parametrize(("command", "words"), list(commands()))
def test_every_command_is_understood(command, words):
    if command == "train":
        words = overrides.users_folder_first(overrides.overrides(words))
        if any(word.startswith("hydra/launcher") for word in words):
            pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
        overrides.composed("train", words)
        for choices in overrides.swept_values(words):
            for choice in choices:
                overrides.composed("train", [*overrides.fixed(words), choice])
    elif command == "compare":
        words = compare.typed(overrides.overrides(words))
        config = overrides.composed("compare", words)
        if config.table is None:  # the table of an example is the reader's
            question.read(config)
    else:
        assert (ROOT / "src" / "seedscope" / "commands" / f"{command}.py").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_is_dead(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)", text)
    own = [link for link in links if "://" not in link]
    assert [link for link in own if not (page.parent / link).exists()] == []


def test_the_reference_of_the_configuration_is_that_of_conf():
    path = ROOT / "docs" / "configuration.py"
    spec = spec_from_file_location("configuration", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert written == module.configuration(), "run python docs/configuration.py"


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = {page.name for page in ROOT.glob("docs/*.md")}
    assert {page for page in pages if f" {page}" not in navigation} == set()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_screens_fit_their_width_and_break_no_interval(columns):
    text = (ROOT / "docs" / "screens.md").read_text()
    shown = text.partition(f"## {columns} columns")[2].split("```text\n")[1]
    lines = shown.partition("```")[0].splitlines()
    to_copy = ("://", "seedscope train", "The page:")
    kept = [line for line in lines if not any(part in line for part in to_copy)]
    assert len(kept) > 40
    assert [line for line in kept if len(line) > columns] == []
    assert [line for line in kept if line.count("[") != line.count("]")] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


def test_the_documentation_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the group docs is not installed")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-q",
            "-d",
            str(tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").is_file()
