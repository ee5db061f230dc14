"""Run a program as `__main__`, as Python would: a file, a notebook or a module.

The code keeps the name of the user's own file, so tracebacks and lines are theirs.
`__file__` lies in the run's working folder: what is written beside it stays there.
"""

import builtins
import json
import linecache
import os
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from seedscope.study.words import Script


def home(script: Script) -> Path:
    """Return the folder that a program is at home in: its own, or the caller's."""
    return Path(script.path).resolve().parent if script.path else Path.cwd()


def arguments(script: Script) -> list[str]:
    """Return the words of a program's command line, without its own name."""
    words = [str(word) for word in script.words]
    flags = _assignments if script.style == "hydra" else _flags
    return [*words, *flags(script.args)]


def run(script: Script, start: Path, folder: Path) -> None:
    """Run a program to its end in this process.

    Args:
        script: the program and its arguments.
        start: the folder that it is at home in.
        folder: the working folder, with links to what lies beside the program.
    """
    sys.path.insert(0, str(start))
    sys.argv = [script.path or script.module or "", *arguments(script)]
    if script.module:
        runpy.run_module(script.module, run_name="__main__", alter_sys=True)
        return
    path = start / Path(str(script.path)).name
    main = ModuleType("__main__")
    main.__file__ = str(folder / path.name)
    sys.argv[0] = main.__file__
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main  # kept: its models live to the end
    if path.suffix == ".ipynb":
        for name, source in cells(path):
            exec(compile(source, name, "exec"), main.__dict__)
    else:
        # What inspect and AutoGraph read must be what runs, also if it is edited now.
        source = path.read_text(encoding="utf-8-sig")
        _remember(str(path), source)
        exec(compile(source, str(path), "exec"), main.__dict__)


def cells(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the Python source of each code cell of a notebook."""
    main: Any = sys.modules["__main__"].__dict__
    main.setdefault("display", print)
    for number, cell in enumerate(json.loads(path.read_text())["cells"], start=1):
        if cell["cell_type"] != "code":
            continue
        source = _without_magics("".join(cell["source"]))
        name = f"{path.name} cell {number}"
        _remember(name, source)
        yield name, source


def _remember(name: str, source: str) -> None:
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)


def _without_magics(source: str) -> str:
    """Return a cell without IPython's own lines; lines keep their numbers."""
    lines = source.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and first.split()[0] not in ("%%time", "%%capture"):
        return ""
    kept = []
    for line in lines:
        bare = line.lstrip()
        indent = line[: len(line) - len(bare)]
        own = bare.startswith(("%", "!", "?"))
        kept.append(f"{indent}pass" if own else line)
    return "\n".join(kept) + "\n"


def _flags(args: Mapping[str, Any], prefix: str = "--") -> list[str]:
    words: list[str] = []
    for key, value in args.items():
        flag = key if key.startswith("-") else f"{prefix}{key}"
        if isinstance(value, dict):
            words += _flags(value, f"{flag}.")
        elif isinstance(value, list | tuple):
            words += [flag, *map(str, value)]
        elif value is True:
            words.append(flag)
        elif value is not None and value is not False:
            words += [flag, str(value)]
    return words


def _assignments(args: Mapping[str, Any], prefix: str = "") -> list[str]:
    words: list[str] = []
    for key, value in args.items():
        if isinstance(value, dict):
            words += _assignments(value, f"{prefix}{key}.")
        else:
            words.append(f"{prefix}{key}={_as_override(value)}")
    return words


def _as_override(value: Any) -> str:
    """Return a value as Hydra reads it; text that it may misread is quoted."""
    if isinstance(value, list | tuple):
        return f"[{','.join(_as_override(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def own_modules(start: Path) -> list[str]:
    """Return the files of the program's own modules that were imported."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    inside = os.path.join(start, "")  # thousands of modules: text is quicker
    own = {f for f in files if f and f.endswith(".py") and f.startswith(inside)}
    return sorted(own)


def words_of(script: Script) -> Sequence[str]:
    """Return the command line that a reader would type for the same program."""
    first = ["-m", script.module] if script.module else [str(script.path)]
    return ["python", *first, *arguments(script)]
