"""What an arm is and what people call it: the key is data, the name is made of it here.

A key is the sources that vary and the *levels*: setting -> value of what makes the arm
different, a bundle of settings by its own name. Nothing ever takes a name apart: what
an arm varies or at which level it is stands in its key, in MLflow too.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 480  # characters of an encoded key that every store takes


def arm_name(factor: str, levels: Mapping[str, Any], swept: Sequence[str] = ()) -> str:
    """Return what to call an arm of a study: `batch_size:32`, `all learning_rate:0.1`.

    Args:
        factor: what the study calls what is varied.
        levels: of the factor and of the sweep around it, in this order.
        swept: which of them the sweep sets.
    """
    own = [setting for setting in levels if setting not in swept]
    names = [level_name(setting, levels[setting]) for setting in levels]
    if not own or short(own[0]) != factor:
        names.insert(0, factor)
    return " ".join(names)


def level_name(setting: str, value: Any) -> str:
    """Return what to call a level: `batch_size:32`."""
    return f"{short(setting)}:{label(value)}"


def short(setting: str) -> str:
    """Return the last part of a setting: batch_size of loop.batch_size."""
    return setting.rpartition(".")[2]


def label(value: Any) -> str:
    """Return what to call a value with characters that MLflow takes."""
    if isinstance(value, Mapping):
        value = value.get("name", value.get("_target_"))
    return "none" if value is None else str(value)


def names_of(levels: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what to call arms of runs that other programs trained.

    Two that would have one name are told apart by quotes around their values.

    Args:
        levels: column, or parameter -> value, of each arm.
    """
    plain = [
        " ".join(
            f"{key}:{'missing' if value is None else value}"
            for key, value in level.items()
        )
        for level in levels
    ]
    count = Counter(plain)
    return [
        name
        if count[name] == 1
        else " ".join(f"{key}:{value!r}" for key, value in level.items())
        for name, level in zip(plain, levels, strict=True)
    ]


def encode(levels: Mapping[str, Any]) -> str:
    """Return levels as text that MLflow keeps whole; a long value as name and hash."""
    text = json.dumps(dict(levels), default=str)
    if len(text) <= LONGEST:
        return text
    cut = {setting: _hashed(value) for setting, value in levels.items()}
    text = json.dumps(cut)
    return text if len(text) <= LONGEST else json.dumps({"levels": _hashed(levels)})


def decode(text: str | None) -> dict[str, Any]:
    """Return levels from their text; none are known of a store of version 0.1."""
    return json.loads(text) if text else {}


def _hashed(value: Any) -> Any:
    text = json.dumps(value, sort_keys=True, default=str)
    if len(text) <= 40:
        return value
    name = label(value)[:40] if isinstance(value, Mapping) else ""
    return {"name": name, "sha256": hashlib.sha256(text.encode()).hexdigest()[:12]}
