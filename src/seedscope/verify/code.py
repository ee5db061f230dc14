"""Which code a program is: the digest of each of its own files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digests_of_modules(files: Iterable[Path]) -> dict[str, str]:
    """Return {file: digest}; files are named from the working folder where in it."""
    here = Path.cwd()
    found = {}
    for file in files:
        path = file.resolve()
        if path.is_file():
            inside = path.is_relative_to(here)
            name = str(path.relative_to(here) if inside else path.name)
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return found
