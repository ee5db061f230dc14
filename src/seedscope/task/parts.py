"""Import and call what `_target_` names: where a user's own code plugs in."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from seedscope.study.functions import BYTES, CODE, received

NOT_ARGUMENTS = ("name", "_target_", "_partial_", "from_logits", BYTES, CODE)  # ours

WITH_NAMES = ("loop.loss", "loop.metrics", "loop.callbacks")  # Keras' own argument


def is_target(options: Any) -> bool:
    """Tell whether something names a function to call."""
    return isinstance(options, Mapping) and "_target_" in options


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
    ours = [n for n in NOT_ARGUMENTS if not (n == "name" and component in WITH_NAMES)]
    chosen = {k: _made(v, component) for k, v in options.items() if k not in ours}
    if options.get("_partial_"):
        return partial(function, **chosen) if chosen else function
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


def made_or_itself(options: Mapping[str, Any], component: str) -> Any:
    """Return what a `_target_` makes; a function that wants more is meant itself.

    A loss may be named as a class with its options, or as a function of (y, outputs).
    """
    function = locate(options, component)
    chosen = {k: v for k, v in options.items() if k not in ("_target_", BYTES, CODE)}
    if inspect.isfunction(function):
        try:
            inspect.signature(function).bind(**chosen)
        except TypeError:
            return partial(function, **chosen) if chosen else function
    return call(options, component)


def _made(value: Any, component: str) -> Any:
    """Return an argument; one that names a `_target_` itself is made first.

    With `_partial_: true` it is the function, not what it returns: a callback such as
    LearningRateScheduler wants one.
    """
    if isinstance(value, Mapping) and "_target_" in value:
        return call(value, component)
    if isinstance(value, list):
        return [_made(one, component) for one in value]
    return value
