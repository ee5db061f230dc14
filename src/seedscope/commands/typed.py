"""A command as it was typed, so that it can be typed again."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from seedscope.study.secrets import redacted


def as_typed(command: str, words: Sequence[str]) -> str:
    """Return the line that runs a command with these words from here.

    Args:
        command: train, compare or verify.
        words: after its name.
    """
    program = Path(sys.argv[0])
    head = ["seedscope", command]
    if program.name == f"{command}.py" and not program.is_absolute():
        head = ["python", str(program)]
    return redacted(
        shlex.join([*head, *(map(_plain, words) if command == "compare" else words)])
    )


def _plain(word: str) -> str:
    """Return a word as a person types it: free text without the quotes of Hydra."""
    found = re.fullmatch(r"([\w.]+)='((?:[^'\\]|\\.)*)'", word)
    if found is None:
        return word
    plain = re.sub(r"\\(.)", r"\1", found[2])
    return f"{found[1]}={plain}"
