"""Put a function of ours where a library's stands; a process runs one program only."""

from typing import Any


def put(owner: Any, name: str, function: Any) -> None:
    """Replace an attribute of a class or module."""
    setattr(owner, name, function)
