"""Keep what trials found in the user's cache folder: the next study does not pay again.

A verdict holds for the code, seedscope's and the user's, the kind of run, the versions
and the machine it was found with: all of them are part of its name.
"""

import json
import os
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

import platformdirs

from seedscope.study import code
from seedscope.study.identity import code_of
from seedscope.study.words import Run
from seedscope.training.cache import here

OURS = ("task", "training", "study/seeds.py")  # of seedscope: what trains


def name_of(run: Run, kind: str, width: int) -> str:
    """Return the name of a verdict.

    Args:
        run: one of the kind.
        kind: as `kind_of` names it.
        width: of the groups.
    """
    parts = [own_code(), code.digest(code_of(run.settings)), here(), kind, str(width)]
    return sha256("\n".join(parts).encode()).hexdigest()


def read(name: str) -> tuple[bool, str | None]:
    """Return whether a verdict is kept, and the reason not to train in groups."""
    try:
        held = json.loads((_folder() / f"{name}.json").read_text())
        return True, held["reason"]
    except (OSError, ValueError, KeyError, TypeError):
        return False, None


def write(name: str, reason: str | None) -> None:
    """Keep a verdict; where there is no place for it the next study tries again."""
    try:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as file:
            json.dump({"reason": reason}, file)
        os.replace(file.name, folder / f"{name}.json")
    except OSError:
        return


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("seedscope"), "trials")


@cache
def own_code() -> str:
    """Return the digest of what of seedscope decides how a run is trained."""
    package = Path(code.__file__).parents[1]
    files = [f for part in OURS for f in (package / part).rglob("*.py")]
    files += [package / part for part in OURS if part.endswith(".py")]
    sha = sha256()
    for file in sorted(files):
        sha.update(file.read_bytes())
    return sha.hexdigest()
