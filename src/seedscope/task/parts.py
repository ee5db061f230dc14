"""Import and call what `_target_` names: where a user's own code plugs in."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

NOT_ARGUMENTS = ("name", "_target_", "from_logits")  # ours, not the function's


def locate(target: str, component: str) -> Callable[..., Any]:
    """Import the function that a `_target_` names.

    Raises:
        ValueError: there is no such module or function.
    """
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{component}._target_={target} cannot be had: {error}"
        ) from None


def call(options: Mapping[str, Any], component: str, **given: Any) -> Any:
    """Call a `_target_` with its options, and with those of `given` that it takes.

    Raises:
        ValueError: an option that the function does not take, or one that is missing.
    """
    function = locate(options["_target_"], component)
    chosen = {k: v for k, v in options.items() if k not in NOT_ARGUMENTS}
    signature = inspect.signature(function)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    given = {k: v for k, v in given.items() if takes_any or k in signature.parameters}
    try:
        signature.bind(**(given | chosen))
    except TypeError as error:
        raise ValueError(
            f"{component}: {options['_target_']}{signature} {error}; change the keys "
            f"of {component}"
        ) from None
    return function(**(given | chosen))
