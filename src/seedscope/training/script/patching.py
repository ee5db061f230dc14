"""Put a function in another's place, now or when its library is imported."""

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from tensorflow.python.autograph.impl.api import autograph_artifact


def patch(owner: Any, name: str) -> Callable[[Callable], Callable]:
    """Decorate a function that takes the place of `owner.name`; it gets the old one."""

    def put(new: Callable) -> Callable:
        old = getattr(owner, name)

        @functools.wraps(old)
        def call(*args: Any, **options: Any) -> Any:
            return new(old, *args, **options)

        # AutoGraph rewrites what a traced function calls: this is no part of it
        setattr(owner, name, autograph_artifact(call))
        return call

    return put


def after_import(name: str, hook: Callable[[ModuleType], None]) -> None:
    """Run a hook on a module: at once where it is there, else after its import.

    So a script that does not use a library does not pay for it.
    """
    if name in sys.modules:
        hook(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Finder(name, hook))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module as Python would, and runs a hook after it."""

    def __init__(self, name: str, hook: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._hook = hook

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        hook, execute = self._hook, spec.loader.exec_module

        def then(module: ModuleType) -> None:
            execute(module)
            hook(module)

        spec.loader.exec_module = then  # type: ignore[method-assign]
        return spec
