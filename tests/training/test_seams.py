"""A choice is one module, one line and one file of conf/: none of them alone."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest
from composing import ROOT

from seedscope.runs.readers import PLACES
from seedscope.training.engines import ENGINES
from seedscope.training.engines import check as check_engine
from seedscope.training.launch.launchers import LAUNCHERS
from seedscope.training.launch.launchers import check as check_launcher

SEAMS = {
    "engine": (ENGINES, {"start", "train"}),
    "launcher": (LAUNCHERS, {"warm", "submit"}),
    "reader": (PLACES, {"read"}),
}


def names_in(module: str) -> set[str]:
    """Return what a module defines or imports, without importing TensorFlow."""
    spec = find_spec(module)
    assert spec is not None, f"there is no {module}"
    tree = ast.parse(Path(str(spec.origin)).read_text())
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    taken = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    return own | {alias.asname for node in taken for alias in node.names}


@pytest.mark.parametrize("seam", SEAMS)
def test_every_choice_is_a_module_with_the_functions_of_its_seam(seam):
    choices, wanted = SEAMS[seam]
    for module in choices.values():
        assert wanted <= names_in(module), module


@pytest.mark.parametrize("group", ["engine", "launcher"])
def test_every_choice_has_a_file_that_asks_for_it(group):
    files = {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
    assert files == set(SEAMS[group][0])


def test_a_choice_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(ValueError, match=r"engine.name='fast' .* one of auto, seq"):
        check_engine("fast")
    with pytest.raises(ValueError, match=r"launcher.name='moon' .* one of here"):
        check_launcher("moon")
