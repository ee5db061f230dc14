"""Describe the versions and the code that a run was trained with."""

import hashlib
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from seedscope.trace.machine import machine as machine


@cache
def packages() -> str:
    """Return the installed packages, one `name==version` a line."""
    found = {f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def code(folder: Path) -> dict[str, str]:
    """Return the git commit of a folder, whether it was changed, and the packages."""
    facts = {"packages_sha256": hashlib.sha256(packages().encode()).hexdigest()}
    commit = _git(folder, "rev-parse", "HEAD")
    if commit:
        facts["mlflow.source.git.commit"] = commit
        dirty = _git(folder, "status", "--porcelain", "--untracked-files=no")
        facts["git_dirty"] = str(bool(dirty)).lower()
    return facts


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""  # no git, or no repository: a downloaded copy is fine
    return done.stdout.strip()
