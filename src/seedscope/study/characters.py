"""Characters that a terminal would obey, where they come in a name."""

import re

# Control characters but the line break, and those that turn the direction of writing.
OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
SHOWN = "\ufffd"


def harmless(text: str) -> str:
    """Return a text that no terminal obeys."""
    return OBEYED.sub(SHOWN, text)
