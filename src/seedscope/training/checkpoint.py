"""Keep the state of a long run at the end of an epoch, so that a cut costs little.

A run that was cut off goes on from there, to the bits of a run that nothing disturbed.
So a state is kept only of what can be put back whole (weights, statistics, the
optimizer, the states of generators, the curves so far), and is taken only by a run that
started from the same numbers on the same kind of machine. Everything else starts again,
and says why. One file for each run, in the user's cache folder; it goes with the run.
"""

import json
import os
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from seedscope.study.words import Run
from seedscope.training import cache

LARGEST = 20_000_000_000  # bytes of all states; the ones kept longest ago go first
OLDEST = 30 * 24 * 3600  # seconds after which a state that nobody took goes
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)
PLAIN = "plain"  # the part of a file that holds what is no array


@dataclass(frozen=True)
class State:
    """A run at the end of an epoch."""

    epoch: int  # epochs that are done
    start: str  # digest of what the run started from
    seconds: float  # of training so far
    arrays: Mapping[str, np.ndarray]
    plain: Mapping[str, Any]  # as JSON holds it
    training: int = 1  # which of a program's trainings it is in the middle of


@dataclass
class Checkpoint:
    """The kept state of one run; it tells what becomes of it."""

    fingerprint: str  # of the run; empty: nothing is kept
    name: str  # of the run, for people
    every: float | None  # seconds of training between two states; none: never
    say: Callable[[str], None] | None = None
    place: Path = field(default_factory=lambda: folder())  # of all states
    said: list[str] = field(default_factory=list)
    epoch: int = 0  # at which this run went on
    start: str = ""
    before: float = 0.0  # seconds of this training in the processes before
    skipped: float = 0.0  # seconds of all that was not trained again
    spent: float = 0.0  # seconds that keeping took
    _began: float = 0.0
    _last: float = 0.0
    _spent_before: float = 0.0
    _epochs: int = 0
    _training: int = 1
    _ahead: bool = False  # a later training is kept: this one is trained for it alone

    @property
    def on(self) -> bool:
        """Tell whether anything is to be kept."""
        return self.every is not None and bool(self.fingerprint)

    def begin(self, start: str, epochs: int, training: int = 1) -> State | None:
        """Return the state to go on from, if there is one of this very run.

        Args:
            start: digest of everything that the training starts from.
            epochs: that it trains; its last one leaves nothing to keep.
            training: its number among those of the run, from 1.
        """
        self.start, self._epochs, self._training = start, epochs, training
        self._began = self._last = time.monotonic()
        self._spent_before = self.spent
        self._ahead, self.before = False, 0.0
        if not self.on:
            return None
        for draft in self._files("draft"):  # of a process that was killed
            draft.unlink(missing_ok=True)
        if self._why.is_file():
            self.tell(f"starts again: {self._why.read_text()}")
            return None
        try:
            state = _read(self._path)
        except (FileNotFoundError, NotADirectoryError):
            if elsewhere := next(self._path.parents[1].glob(f"*/{self._path.name}"), 0):
                self.tell(
                    "starts again: its state was kept on another kind of machine "
                    f"({elsewhere})"
                )
            return None
        except UNREADABLE as error:
            self.tell(f"starts again: {self._path} cannot be read ({error})")
            return None
        self._ahead = state.training > training
        if state.training != training:
            return None
        if state.start != start:
            self.tell("starts again: what it starts from is not what it started from")
            return None
        return state

    def going_on(self, state: State) -> None:
        """Note that a state was taken."""
        self.epoch, self.before = state.epoch, state.seconds
        self.skipped += state.seconds
        self.tell(
            f"goes on after epoch {state.epoch} of {self._epochs}: it was cut off"
        )

    def due(self, epoch: int) -> bool:
        """Tell whether the end of an epoch (from 1) is one to keep."""
        if not self.on or self._ahead or epoch >= self._epochs:
            return False
        return time.monotonic() - self._last >= (self.every or 0)

    def keep(
        self, epoch: int, arrays: Mapping[str, np.ndarray], plain: Mapping[str, Any]
    ) -> None:
        """Write a state beside the old one and put it in its place.

        Args:
            epoch: epochs that are done.
            arrays: whatever is large.
            plain: whatever JSON takes.
        """
        now = time.monotonic()
        seconds, training = self.seconds(), self._training
        state = State(epoch, self.start, seconds, arrays, plain, training)
        size = sum(array.nbytes for array in arrays.values())
        draft = self._path.with_name(f"{self.fingerprint}.{os.getpid()}.draft")
        try:
            if size > LARGEST:
                raise OSError(f"its {size / 1e9:.0f} GB are more than is kept of all")
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _prune(self._path.parents[1], LARGEST - size)
            _write(draft, state)
            draft.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            self.every = None
            self.tell(f"is not kept while it trains: {error}")
        self._last = time.monotonic()
        self.spent += self._last - now

    def refuse(self, why: str) -> None:
        """Write down why a run would start again if it were cut off."""
        self.every = None
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _prune(self._path.parents[1], LARGEST)
            self._why.write_text(why)

    def seconds(self) -> float:
        """Return the seconds of this training so far, without what keeping took."""
        here = time.monotonic() - self._began - (self.spent - self._spent_before)
        return self.before + here

    def remove(self) -> None:
        """Forget the run: it has finished."""
        if self.fingerprint:
            for path in (self._path, self._why, *self._files("draft")):
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def tell(self, text: str) -> None:
        """Say something of the run, once."""
        if f"{self.name} {text}" in self.said:
            return
        self.said.append(f"{self.name} {text}")
        if self.say is not None:
            self.say(self.said[-1])

    @property
    def _path(self) -> Path:
        return self.place / _machine() / f"{self.fingerprint}.npz"

    @property
    def _why(self) -> Path:
        return self._path.with_suffix(".txt")

    def _files(self, kind: str) -> list[Path]:
        return list(self._path.parent.glob(f"{self.fingerprint}.*.{kind}"))


def of_run(
    run: Run, every: float | None, say: Callable[[str], None] | None = None
) -> Checkpoint:
    """Return the checkpoint of a planned run.

    Args:
        run: as planned; one without a fingerprint keeps nothing.
        every: seconds between two states; none: nothing is kept.
        say: is told what becomes of the run.
    """
    return Checkpoint(run.fingerprint, f"{run.arm} #{run.replicate}", every, say)


def folder() -> Path:
    """Return where states are kept."""
    return Path(platformdirs.user_cache_dir("seedscope"), "checkpoints")


def _machine() -> str:
    """Name what decides a run's last bits besides its identity: the processor."""
    cores = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return f"{cache.here()}-{len(cores)}"


def _write(path: Path, state: State) -> None:
    plain = {
        "epoch": state.epoch,
        "start": state.start,
        "seconds": state.seconds,
        "training": state.training,
        "held": state.plain,
    }
    text = np.frombuffer(json.dumps(plain).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **{**state.arrays, PLAIN: text})


def _read(path: Path) -> State:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    plain = json.loads(arrays.pop(PLAIN).tobytes())
    held = plain.pop("held")
    return State(**plain, arrays=arrays, plain=held)


def _prune(place: Path, room: int) -> None:
    """Delete the states that were kept longest ago until the others take `room`."""
    files: list[tuple[float, int, Path]] = []
    for path in place.rglob("*.*"):
        with suppress(FileNotFoundError):  # another process took it away
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in files)
    for time_, size, path in sorted(files):
        if total <= room and time.time() - time_ < OLDEST:
            return
        path.unlink(missing_ok=True)
        total -= size


# ---- variables ---------------------------------------------------------------------


def digest_of(variables: Sequence[Any], *more: str) -> str:
    """Return one digest of variables and of whatever else a run starts from."""
    sha = sha256(repr(more).encode())
    for variable in variables:
        value = np.asarray(variable)
        sha.update(_label(variable, value).encode())
        sha.update(value.tobytes())
    return sha.hexdigest()


def packed(variables: Sequence[Any]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the bits of variables, and what each of them is."""
    values = [np.asarray(variable) for variable in variables]
    labels = [_label(v, a) for v, a in zip(variables, values, strict=True)]
    return {f"v{n}": _bits(v) for n, v in enumerate(values)}, labels


def put_back(
    variables: Sequence[Any], arrays: Mapping[str, np.ndarray], labels: Sequence[str]
) -> bool:
    """Give variables the bits that were kept; tell whether they are the same ones."""
    values = [np.asarray(variable) for variable in variables]
    now = [_label(v, a) for v, a in zip(variables, values, strict=True)]
    if now != list(labels):
        return False
    for number, (variable, value) in enumerate(zip(variables, values, strict=True)):
        variable.assign(arrays[f"v{number}"].view(value.dtype).reshape(value.shape))
    return True


def _bits(value: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8)


def _label(variable: Any, value: np.ndarray) -> str:
    """Name a variable; the numbers in names count what a process made before."""
    name = getattr(variable, "path", None) or variable.name
    return f"{re.sub('_[0-9]+', '', name)} {value.dtype} {value.shape}"


# ---- rows of what is reported ------------------------------------------------------


def columns(
    table: Sequence[Mapping[str, float]], kind: Any = np.float64
) -> dict[str, np.ndarray]:
    """Return name -> values over rows; NaN where a row does not have it."""
    names = dict.fromkeys(name for row in table for name in row)
    return {n: np.array([row.get(n, np.nan) for row in table], kind) for n in names}


def rows(held: Mapping[str, np.ndarray], count: int) -> list[dict[str, float]]:
    """Return the rows of columns."""
    if not held:
        return [{} for _ in range(count)]
    values = np.stack(list(held.values()), axis=1).tolist()
    return [dict(zip(held, row, strict=True)) for row in values]


def part(arrays: Mapping[str, np.ndarray], start: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin alike, by the rest of their names."""
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
