"""Look at what a configuration names without importing it: TensorFlow takes seconds.

The source of a module is read, not run. What cannot be known that way, as for a module
that is made at run time, counts as fine: the training process will say.
"""

import ast
import importlib.util
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

OURS = "seedscope"
GIVEN = ("input_shape", "outputs", "rng", "seed")  # arguments that seedscope fills in


def nearest(word: str, known: Collection[str]) -> str:
    """Return `; did you mean x?` for the most similar known word, or nothing."""
    lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), lower, 1, 0.6)
    return f"; did you mean {lower[found[0]]}?" if found else ""


def check_target(where: str, target: str) -> None:
    """Refuse `package.module.function` where one of the three is not there.

    Raises:
        ValueError: it is not there; the message names the nearest that is.
    """
    *modules, name = target.split(".")
    top = modules[0]
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise ValueError(
            f"{where}={target}: no module {top!r}; put its folder on PYTHONPATH"
        )
    file = Path(found.origin) if found.origin else None
    if file is None or file.suffix != ".py":
        return
    for number, module in enumerate(modules[1:], start=1):
        below = _below(file)
        if module not in below:
            names = _names(file)
            if names is None or module in names:
                return  # a class, or a module under another name
            raise ValueError(
                f"{where}={target}: {'.'.join(modules[:number])} has no module "
                f"{module!r}{nearest(module, below)}"
            )
        file = below[module]
    names = _names(file)
    if names is not None and name not in names and name not in _below(file):
        raise ValueError(
            f"{where}={target}: {'.'.join(modules)} has no {name!r}"
            f"{nearest(name, names)}"
        )


def check_arguments(component: str, options: Mapping[str, Any]) -> None:
    """Compare the options of a function of seedscope with its signature."""
    target = str(options["_target_"])
    if not target.startswith(f"{OURS}."):
        return
    function = _function(target)
    if function is None or function.args.kwarg:
        return
    arguments = [*function.args.args, *function.args.kwonlyargs]
    types = {argument.arg: argument.annotation for argument in arguments}
    for key, value in options.items():
        wanted = types.get(key)
        if wanted is not None and not _fits(value, ast.unparse(wanted)):
            raise ValueError(
                f"{component}.{key}={value} must be {_said(ast.unparse(wanted))}"
            )


def keras_names(part: str) -> frozenset[str]:
    """Return the names that keras.<part>.get knows; empty where they are not found."""
    found = importlib.util.find_spec("keras")
    if found is None or found.origin is None:
        return frozenset()
    return _keras_names(Path(found.origin).parent / "src" / part / "__init__.py")


@cache
def _keras_names(file: Path) -> frozenset[str]:
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return frozenset(names | {text for text in texts if text.isidentifier()})


def _below(file: Path) -> dict[str, Path]:
    """Return the modules of a package by name."""
    if file.name != "__init__.py":
        return {}
    found = {path.stem: path for path in file.parent.glob("*.py")}
    packages = file.parent.glob("*/__init__.py")
    plain = {path.name: path for path in file.parent.glob("*/") if path.is_dir()}
    return plain | found | {path.parent.name: path for path in packages}


@cache
def _tree(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None


def _names(file: Path) -> set[str] | None:
    """Return what a module defines; None where that is not known from its source."""
    tree = _tree(file) if file.is_file() else None
    if tree is None:
        return None
    names: set[str] = set()
    for node in ast.walk(tree):  # also inside of `if` and `try`
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return None if {"*", "__getattr__"} & names else names


def _function(target: str) -> ast.FunctionDef | None:
    module, _, name = target.rpartition(".")
    root = Path(__file__).parents[1]
    tree = _tree(Path(root, *module.split(".")[1:]).with_suffix(".py"))
    nodes = tree.body if tree else []
    found = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == name]
    return found[0] if found else None


def _fits(value: Any, wanted: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    for kind in wanted.split(" | "):
        fits = {
            "int": whole,
            "float": number,
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
            "None": value is None,
            "Sequence[int]": isinstance(value, list | tuple)
            and all(_fits(v, "int") for v in value),
        }.get(kind, True)
        if fits:
            return True
    return False


def _said(wanted: str) -> str:
    words = {
        "int": "a whole number",
        "float": "a number",
        "str": "a word",
        "bool": "true or false",
        "None": "null",
        "Sequence[int]": "a list of whole numbers, such as [64]",
    }
    return " or ".join(words.get(kind, kind) for kind in wanted.split(" | "))
