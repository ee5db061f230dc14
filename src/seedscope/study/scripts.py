"""What can be seen on paper of a training program of the user's own.

A script comes through another door than a model and data in parts: settings of the
parts mean nothing to it, and are refused by name instead of ignored.
"""

import importlib.util
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from seedscope.study.words import Engine, Factor, Runtime, Script

OTHER_DOOR = ("data", "model", "optimizer", "loop", "split")
SOURCES = ("init", "shuffle", "dropout", "augmentation", "split", "data")
ITS_OWN = {  # settings of the runtime that only parts can have, and their defaults
    "distribution": "none",
    "devices": 1,
    "reduction": "default",
    "input_pipeline": "arrays",
    "seeding": "sources",
}


def name(options: Mapping[str, Any] | None) -> str | None:
    """Return what a reader knows the program of a configuration by, if there is one."""
    if not options:
        return None
    module, path = options.get("module"), options.get("path")
    return module or (PurePath(path).stem if path else None)


def refused(key: str, value: Any) -> str:
    """Return why a setting of the parts cannot be given to a script."""
    section, _, rest = key.partition(".")
    last = rest.rpartition(".")[2] or section
    return (
        f"{key}={value}: a script brings its own {section}; hand the value to it with "
        f"+script.args.{last}=... if it takes such an argument"
    )


def check(script: Script, runtime: Runtime) -> None:
    """Refuse a script that is not there, or what it cannot have."""
    if script.path and script.module:
        raise ValueError("script.path and script.module are both set: give one")
    if script.module:
        _check_module(script.module)
    elif script.path:
        _check_path(Path(script.path))
    if script.timeout is not None and not script.timeout > 0:
        raise ValueError(f"script.timeout={script.timeout} must be above 0 seconds")
    for key, default in ITS_OWN.items():
        if (value := getattr(runtime, key)) != default:
            raise ValueError(
                f"runtime.{key}={value}: that is decided inside the script; hand it "
                f"over with +script.args.{key}=... if it takes such an argument"
            )
    for key, value in script.environment.items():
        if not key or "=" in key or isinstance(value, dict | list):
            raise ValueError(f"script.environment.{key}={value} is no variable")
    _check_arguments(script.args, "script.args")
    for place in script.data:
        if not Path(place).exists():
            raise ValueError(f"script.data: there is no {place}")


def check_factor(factor: Factor) -> None:
    """Refuse a factor that varies what a script does not have."""
    for source in factor.vary:
        if source not in SOURCES:
            raise ValueError(
                f"factor.vary={factor.vary}: {source} cannot be varied in a script; "
                f"its sources are {', '.join(SOURCES)}"
            )
    for key in factor.levels:
        if key.split(".")[0] in OTHER_DOOR:
            example = "factor=script 'factor.levels={script.args.lr: [0.01, 0.1]}'"
            raise ValueError(f"{refused(key, '...')}; such as {example}")


def engine(given: Engine) -> Engine:
    """Return the engine that a script implies."""
    if given.name not in ("auto", "script"):
        raise ValueError(
            f"engine={given.name} trains a model and data in parts; a script is its "
            "own loop: leave engine= out"
        )
    return replace(given, name="script")


def _check_path(path: Path) -> None:
    if path.suffix not in (".py", ".ipynb"):
        raise ValueError(
            f"script.path={path} must be a .py file or a notebook (.ipynb)"
        )
    if not path.is_file():
        raise ValueError(f"script.path={path}: there is no such file in {os.getcwd()}")


def _check_module(module: str) -> None:
    first = module.split(".")[0]
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        found = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        found = None
    finally:
        sys.path[:] = before
    if found is None:
        raise ValueError(f"script.module={module}: there is no module {first!r}")


def _check_arguments(tree: Mapping[str, Any], where: str) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _check_arguments(value, f"{where}.{key}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{where}.{key}={value} must be a finite number")
