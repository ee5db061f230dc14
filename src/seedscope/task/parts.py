"""Import and call what `_target_` names: where a user's own code plugs in."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from seedscope.study.functions import BYTES, CODE, received

NOT_ARGUMENTS = ("name", "_target_", "from_logits", BYTES, CODE)  # ours


def locate(options: Mapping[str, Any], component: str) -> Callable[..., Any]:
    """Import the function that a `_target_` names, or unpack one that came along.

    Raises:
        ValueError: there is no such module or function.
    """
    if BYTES in options:
        return received(options)
    target = options["_target_"]
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
    function = locate(options, component)
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
