"""Functions that no module holds, such as a notebook's, sent to training processes.

A function of a module is named by its `_target_` and imported where it is needed. One
of a notebook's cell or of a running script travels as bytes in the options that name
it (`_function_`, by cloudpickle), and is known by what it does (`_code_`): by its
instructions and all that they use. Running a cell again makes no other function.
"""

import base64
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle

BYTES, CODE = "_function_", "_code_"
LARGEST = 10_000_000  # bytes; what is larger was caught by mistake


def options(function: Callable[..., Any], component: str) -> dict[str, str]:
    """Return what stands for a function in a configuration.

    Args:
        function: what makes a model or loads data.
        component: model or data, for messages.

    Raises:
        ValueError: it is no function, or it holds on to something large or that cannot
            be sent.
    """
    if not callable(function):
        raise ValueError(
            f"{component}= must be a function that returns the {component}, got "
            f"{type(function).__name__}"
        )
    name = getattr(function, "__qualname__", type(function).__name__)
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if _importable(function, module, name):
        return {"_target_": f"{function.__module__}.{name}"}
    try:
        sent = cloudpickle.dumps(function)
    except Exception as error:  # any object may refuse, each in its own way
        raise ValueError(
            f"{component}={name} cannot be sent to the training processes: {error}"
        ) from None
    if len(sent) > LARGEST:
        raise ValueError(
            f"{component}={name} holds on to {len(sent) / 1e6:.0f} MB of variables "
            "around it; load them inside of the function, or put it into a module"
        )
    return {
        "_target_": f"__main__.{name.rpartition('.')[2].strip('<>')}",
        BYTES: base64.b64encode(sent).decode(),
        CODE: code_digest(function),
    }


def received(given: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function that options of `options` stand for."""
    return cloudpickle.loads(base64.b64decode(given[BYTES]))


def without_bytes(tree: Any) -> Any:
    """Return a configuration without functions' bytes: `_code_` says what they do."""
    if isinstance(tree, Mapping):
        return {k: without_bytes(v) for k, v in tree.items() if k != BYTES}
    return tree


def code_digest(function: Callable[..., Any]) -> str:
    """Return the SHA-256 of what a function does: its code and what that uses."""
    sha = hashlib.sha256()
    for part in _parts(function, set()):
        sha.update(part)
        sha.update(b"\0")
    return sha.hexdigest()[:16]


def _importable(
    function: Callable[..., Any], module: ModuleType | None, name: str
) -> bool:
    """Tell whether another process finds a function by its module's name."""
    found = getattr(module, name, None) is function
    return found and module is not None and module.__name__ != "__main__"


def _parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, FunctionType):
        yield from _code_parts(value.__code__)
        yield from _parts(value.__defaults__, seen)
        yield from _parts(value.__kwdefaults__, seen)
        for cell in value.__closure__ or ():
            yield from _parts(cell.cell_contents, seen)
        for name in sorted(_names(value.__code__) & set(value.__globals__)):
            yield name.encode()
            yield from _parts(value.__globals__[name], seen)
    elif isinstance(value, ModuleType):
        yield value.__name__.encode()
    elif isinstance(value, type) and value.__module__ == "__main__":
        yield value.__qualname__.encode()
        for base in value.__bases__:
            yield from _parts(base, seen)
        for name, member in sorted(vars(value).items()):
            if isinstance(member, FunctionType | property | classmethod | staticmethod):
                yield name.encode()
                yield from _parts(getattr(member, "__wrapped__", member), seen)
    elif callable(value) and getattr(value, "__module__", "__main__") != "__main__":
        yield f"{value.__module__}.{getattr(value, '__qualname__', value)}".encode()
    else:
        yield cloudpickle.dumps(value)


def _code_parts(code: CodeType) -> Iterator[bytes]:
    """Yield what a code object does; where it stands and its name do not count."""
    yield code.co_code
    yield repr((code.co_names, code.co_varnames, code.co_freevars)).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:
            yield repr(constant).encode()


def _names(code: CodeType) -> set[str]:
    """Return the global names that a code object and those inside of it use."""
    inside = (_names(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inside)
