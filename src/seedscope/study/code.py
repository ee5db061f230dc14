"""Find the user's code that a study runs, by content, without running any of it.

A `_target_` names a module; what that module imports decides a run as well. Modules are
found as Python would find them, read and searched for imports, those inside functions
too, and followed as far as they are the user's own: outside the standard library,
outside site-packages and outside seedscope. Nothing is imported, since a user's module
imports TensorFlow.

What only shows while the code runs is not seen: a module whose name is computed, and
files that code opens (data that a loader returns has a digest of its own).
"""

import ast
import base64
import hashlib
import json
import pickletools
import pkgutil
import re
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from seedscope.study.functions import BYTES

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
Files = dict[str, Path]  # module -> its file


def targets_of(tree: Any) -> Iterator[str]:
    """Yield every `_target_` of a tree of settings.

    A function that came along as bytes (functions.py) uses modules too: every name in
    its bytes that may be one's.
    """
    if isinstance(tree, Mapping):
        yield from _names_in(tree.get(BYTES))
        for key, value in tree.items():
            if key == "_target_" and isinstance(value, str):
                yield value
            else:
                yield from targets_of(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from targets_of(value)


def users_code(targets: Iterable[str]) -> Files:
    """Return the user's files behind `_target_`s, sorted by module.

    Args:
        targets: package.module.function.
    """
    modules = {target.rpartition(".")[0] for target in targets}
    return _followed_from(sorted(modules - {"__main__"}))


def programs_code(path: str | None, module: str | None) -> Files:
    """Return the user's files that a program runs: its own, and what it imports.

    Args:
        path: a Python file or a notebook.
        module: else a module, as `python -m` takes it.
    """
    start = Path(path).resolve() if path else None
    before = list(sys.path)
    sys.path.insert(0, str(start.parent if start else Path.cwd()))
    try:
        if start is None:
            return _followed_from([str(module), f"{module}.__main__"])
        files = _followed_from(_imports(start, "")) if start.is_file() else {}
        return {start.name: start} | files
    finally:
        sys.path[:] = before


def _followed_from(names: Iterable[str]) -> Files:
    """Return the user's modules among these, and all that they import."""
    waiting = list(names)
    seen: set[str] = set()
    files: Files = {}
    while waiting:
        for name in _with_packages(waiting.pop()):
            if name in seen:
                continue
            seen.add(name)
            spec = _find(name)
            path = None if spec is None else _own_file(spec)
            if spec is None or path is None:
                continue
            files[name] = path
            if path.suffix == ".py":
                is_package = spec.submodule_search_locations is not None
                package = name if is_package else name.rpartition(".")[0]
                waiting += _imports(path, package)
    return dict(sorted(files.items()))


def digests(files: Files) -> dict[str, str]:
    """Return the SHA-256 of each module's file."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
    }


def digest(files: Files) -> str:
    """Return one SHA-256 of the user's code; of no code: the empty string."""
    if not files:
        return ""
    text = "\n".join(f"{name} {sha}" for name, sha in digests(files).items())
    return hashlib.sha256(text.encode()).hexdigest()


def _names_in(sent: str | None) -> Iterator[str]:
    """Yield what may be modules in a function's bytes, as if each were a target."""
    if sent is None:
        return
    for _, argument, _ in pickletools.genops(base64.b64decode(sent)):
        if isinstance(argument, str) and NAME.fullmatch(argument):
            yield f"{argument}.function"


def is_ours(file: str) -> bool:
    """Tell whether a file of a traceback is one of seedscope's."""
    return Path(file).resolve().is_relative_to(_others()[0])


def is_users(file: str) -> bool:
    """Tell whether a file of a traceback holds the user's code.

    A notebook's cell has the name of a file that is not there.
    """
    if file.startswith("<"):
        return file.startswith("<ipython")
    if "__autograph_generated_file" in file:
        return False
    scripts = _others()[0].parent  # train.py and compare.py of a checkout
    path = Path(file).resolve()
    ours = path.parent == scripts and path.stem in ("train", "compare", "verify")
    return not ours and not any(path.is_relative_to(f) for f in _others())


def _with_packages(name: str) -> Iterator[str]:
    """Yield a module and the packages around it, whose `__init__` runs as well."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        if parts[0]:
            yield ".".join(parts[:length])


def _find(name: str) -> ModuleSpec | None:
    """Find a module without importing the packages that it lies in."""
    parent = name.rpartition(".")[0]
    if parent:
        around = _find(parent)
        if around is None or around.submodule_search_locations is None:
            return None
        if not _followed(around):
            return None
        return _find_below(around.submodule_search_locations, name)
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, None, None)
        except (AttributeError, ImportError, ValueError):
            continue
        if spec is not None:
            return spec
    return None


def _find_below(locations: Iterable[str], name: str) -> ModuleSpec | None:
    """Find a module of a package that lies in these folders.

    `PathFinder` wants the namespace packages around it (folders without `__init__.py`)
    to be imported.
    """
    portions: list[str] = []
    for location in locations:
        finder = pkgutil.get_importer(location)
        spec = None if finder is None else finder.find_spec(name)
        if spec is not None and spec.loader is not None:
            return spec
        if spec is not None:
            portions += spec.submodule_search_locations or []
    if not portions:
        return None
    namespace = ModuleSpec(name, None, is_package=True)
    namespace.submodule_search_locations = portions
    return namespace


def _followed(spec: ModuleSpec) -> bool:
    """Tell whether a package's modules may be the user's: a namespace may hold any."""
    return spec.origin is None or _own_file(spec) is not None


def _own_file(spec: ModuleSpec) -> Path | None:
    """Return the file of a module if it is the user's."""
    if spec.origin is None or not spec.has_location:
        return None
    path = Path(spec.origin).resolve()
    if not path.is_file() or any(path.is_relative_to(f) for f in _others()):
        return None
    return path


@cache
def _others() -> tuple[Path, ...]:
    """Return the folders whose code is not the user's."""
    paths = sysconfig.get_paths()
    folders = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {*site.getsitepackages(), site.getusersitepackages()}
    ours = Path(__file__).resolve().parents[1]
    return ours, *(Path(folder).resolve() for folder in folders)


def _imports(path: Path, package: str) -> Iterator[str]:
    """Yield the modules that a file may import.

    Args:
        path: Python source.
        package: what relative imports are relative to.
    """
    try:
        tree = ast.parse(_source(path))
    except (SyntaxError, ValueError):
        return  # Python says so when it is imported
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(node, package)
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _imports_by_name(node.func):
            yield from (
                argument.value
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant)
                and isinstance(argument.value, str)
            )


def _source(path: Path) -> bytes | str:
    """Return the Python of a file; of a notebook, that of its cells."""
    if path.suffix != ".ipynb":
        return path.read_bytes()
    cells = json.loads(path.read_bytes())["cells"]
    lines = [
        line
        for cell in cells
        if cell["cell_type"] == "code"
        for line in "".join(cell["source"]).splitlines()
    ]
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _imports_by_name(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else None
    name = function.id if isinstance(function, ast.Name) else name
    return name in ("import_module", "__import__")
