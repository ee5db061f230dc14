"""The working folder of a run: links to what lies beside the program, writes apart.

Two runs must not meet in a file, and no run may change what the next one reads. Files
beside the program are links; one that is opened for writing becomes a copy first. What
Python is asked to write into the program's own folder by its full path is refused. A
library that writes past Python is found out by the files' times at the end.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

LEFT_OUT = ("__pycache__", "node_modules", "mlruns", "mlartifacts", "outputs", "wandb")
MOST = 5000  # files that are linked one by one; what lies beyond is linked by folder
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class WritesIntoTheProject(PermissionError):
    """The program writes into its own folder, where the next run would read it."""


def fill(home: Path, folder: Path) -> dict[str, tuple[int, int]]:
    """Link everything beside the program into a folder.

    Returns:
        The linked files, and their sizes and times.
    """
    seen: dict[str, tuple[int, int]] = {}
    waiting = [(home, folder)]
    while waiting:
        source, target = waiting.pop(0)
        for entry in _entries(source):
            place = target / entry.name
            if place.exists():
                continue
            inside = entry.is_dir() and not entry.is_symlink()
            if inside and len(seen) < MOST and not folder.is_relative_to(entry.path):
                place.mkdir()
                waiting.append((Path(entry.path), place))
                continue
            place.symlink_to(entry.path)
            if entry.is_file():
                facts = entry.stat()
                seen[entry.path] = (facts.st_size, facts.st_mtime_ns)
    return seen


def changed(seen: dict[str, tuple[int, int]]) -> list[str]:
    """Return the linked files that are not what they were."""
    found = []
    for name, before in seen.items():
        try:
            facts = os.stat(name)
        except FileNotFoundError:
            found.append(name)
            continue
        if (facts.st_size, facts.st_mtime_ns) != before:
            found.append(name)
    return found


def written(folder: Path) -> Iterator[Path]:
    """Yield the files of a working folder that the run made."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if not path.is_symlink():
                yield path


class Guard:
    """Watches what a run opens, and keeps its writes out of the project."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.opened: set[str] = set()  # files below the home that were read
        self.outside: set[str] = set()  # files elsewhere that were written
        self._home = os.path.realpath(home) + os.sep
        self._folder = os.path.realpath(folder) + os.sep
        self._passing = (  # caches and temporary files are nobody's results
            "/dev/",
            "/proc/",
            os.path.realpath(tempfile.gettempdir()),
            os.path.expanduser("~/.keras"),
            os.path.expanduser("~/.cache"),
        )
        self._ours = os.path.realpath(platformdirs.user_cache_dir("seedscope"))
        self._active = True

    def install(self) -> None:
        """Start watching; Python has no way to stop, but for `stop`."""
        sys.addaudithook(self._hook)

    def stop(self) -> None:
        """Look away: the run is over."""
        self._active = False

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._active:
            return
        if event == "open":
            path, mode, flags = args
            if isinstance(path, str | bytes | os.PathLike):
                self._open(os.fsdecode(path), mode, flags)
        elif isinstance(args[0] if args else None, int):
            return  # an open file, such as shared memory: its opening was looked at
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate"):
            self._change(os.fsdecode(args[0]) if args[0] is not None else "")
        elif event == "os.rename":
            self._change(os.fsdecode(args[1]))

    def _open(self, path: str, mode: str | None, flags: int) -> None:
        if os.path.realpath(path).startswith(self._ours):
            return  # the state of this run
        writes = bool(flags & WRITING) if mode is None else set(mode) & set("wax+")
        if writes:
            self._write(path)
        else:
            real = os.path.realpath(path)
            if real.startswith(self._home) and not real.endswith((".py", ".pyc")):
                self.opened.add(real)

    def _write(self, path: str) -> None:
        absolute = os.path.abspath(path)
        if absolute.startswith(self._folder) and os.path.islink(absolute):
            _own_copy(absolute)
            return
        self._change(path)

    def _change(self, path: str) -> None:
        """Refuse to change a file of the project; its own folder is free."""
        real = os.path.realpath(path)
        if real.startswith((self._folder, self._ours)) or not path:
            return
        if os.path.islink(path) and os.path.abspath(path).startswith(self._folder):
            return  # the link goes, the file stays
        if real.startswith(self._home):
            raise WritesIntoTheProject(
                f"the script writes to {real}, in its own folder: each run has a "
                "working folder of its own; write there, by a relative path"
            )
        if not real.startswith(self._passing):
            self.outside.add(real)


def _own_copy(link: str) -> None:
    """Put a copy of a file in the place of a link to it."""
    target = os.path.realpath(link)
    os.unlink(link)
    if os.path.isfile(target):
        shutil.copy2(target, link)


def _entries(folder: Path) -> list[os.DirEntry]:
    found = [
        entry
        for entry in os.scandir(folder)
        if not entry.name.startswith((".", "mlflow.db"))
        and entry.name not in LEFT_OUT
        and not os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
    ]
    return sorted(found, key=lambda entry: entry.name)
