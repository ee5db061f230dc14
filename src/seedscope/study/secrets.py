"""Keep passwords and tokens out of everything that is shown, logged or raised.

A secret is the password of a URI, a value of a query that is named like one, a setting
that is named like one, and the value of an environment variable that is named like one.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

HIDDEN = "***"
WORD = (
    r"(?:pg)?passw(?:or)?d|pwd|passphrase|secrets?|api_?key|access_?key|credentials?|"
    r"(?<!start_)(?<!end_)(?<!pad_)(?<!eos_)(?<!bos_)(?<!unk_)(?<!mask_)(?<!sep_)token"
)
NAME = re.compile(rf"(?:^|[_.\-])(?:{WORD})(?:$|[_.\-])", re.IGNORECASE)
URI = re.compile(r"([A-Za-z][\w+.\-]*://[^\s/?#'\"]*?):[^\s'\"]*@(?=[\w\[.\-/:])")
LONE = re.compile(r"(https?://)[^\s/?#'\":@]+@")  # a token in a user's place
QUERY = re.compile(rf"([?&;](?:\w*(?:{WORD})\w*)=)[^&\s'\";]+", re.IGNORECASE)
SHORTEST = 6  # characters of a value that is looked for in a text


def redacted(text: str) -> str:
    """Return a text without the passwords of its URIs and the environment's secrets."""
    return _redacted(text, _secrets_of_the_environment())


def _redacted(text: str, secrets: Sequence[str]) -> str:
    text = URI.sub(rf"\1:{HIDDEN}@", text)
    text = LONE.sub(rf"\1{HIDDEN}@", text)
    text = QUERY.sub(rf"\1{HIDDEN}", text)
    for value in secrets:
        text = text.replace(value, HIDDEN)
    return text


def without_secrets(tree: Any, name: str = "") -> Any:
    """Return nested settings with their secrets hidden; keys and types stay."""
    return _hidden(tree, name, _secrets_of_the_environment())


def _hidden(tree: Any, name: str, secrets: Sequence[str]) -> Any:
    if isinstance(tree, dict):
        return {key: _hidden(value, str(key), secrets) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_hidden(value, name, secrets) for value in tree]
    if isinstance(tree, str):
        last = name.rpartition(".")[2]
        return HIDDEN if tree and NAME.search(last) else _redacted(tree, secrets)
    return tree


def _secrets_of_the_environment() -> list[str]:
    found = {
        value
        for name in list(os.environ)  # MLflow's telemetry thread changes it meanwhile
        if (value := os.environ.get(name)) is not None
        and NAME.search(name)
        and len(value) >= SHORTEST
        and not os.path.exists(value)
    }
    return sorted(found, key=len, reverse=True)  # one may hold another
