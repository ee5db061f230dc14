"""What was read stays as it was read: mappings that nothing changes.

A configuration is handed from the command to the training processes. Whoever needs
another one makes it, with `dataclasses.replace`, and the one that was read still says
what was asked for.
"""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, NoReturn, get_type_hints

from omegaconf import DictConfig, OmegaConf


class Frozen(dict):
    """A mapping like any other until somebody changes it.

    No `MappingProxyType`: runs are sent to other processes, and proxies are not.
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a configuration is not changed after it was read: replace it")

    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = _refuse

    def update(self, *more: Any, **named: Any) -> NoReturn:
        """Refuse, as every change."""
        self._refuse(more, named)

    def setdefault(self, key: Any, default: Any = None) -> NoReturn:
        """Refuse, as every change."""
        self._refuse(key, default)

    def __reduce__(self) -> tuple:
        """Copy and pickle whole, not item by item."""
        return Frozen, (dict(self),)


def frozen(tree: Any) -> Any:
    """Return a tree whose dictionaries stay as they are, those of dataclasses too."""
    if is_dataclass(tree) and not isinstance(tree, type):
        own = {field.name: getattr(tree, field.name) for field in fields(tree)}
        return replace(tree, **{name: frozen(value) for name, value in own.items()})
    if isinstance(tree, dict):
        return Frozen({key: frozen(value) for key, value in tree.items()})
    if isinstance(tree, list):
        return [frozen(value) for value in tree]
    return tree


def thawed(tree: Any) -> Any:
    """Return a tree of plain dictionaries, as OmegaConf takes them."""
    if isinstance(tree, dict):
        return {key: thawed(value) for key, value in tree.items()}
    return [thawed(value) for value in tree] if isinstance(tree, list) else tree


@cache
def schema_of(kind: type) -> DictConfig:
    """Return the schema of frozen dataclasses: `merge` copies it, nothing else may.

    OmegaConf takes a frozen dataclass for a configuration that is read-only already.
    """
    made = OmegaConf.structured(kind)
    OmegaConf.set_readonly(made, False)
    hints = get_type_hints(kind)
    for field in fields(kind):
        if is_dataclass(hint := hints[field.name]) and isinstance(hint, type):
            made[field.name] = schema_of(hint)
            OmegaConf.set_readonly(made[field.name], False)
    return made
