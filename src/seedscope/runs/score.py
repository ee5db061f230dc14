"""What is known of a score: its part, unit, bounds, and which way it is better.

Made once for each column where runs are read (`Runs.score`); nobody else looks at the
letters of a name. A name is taken apart into whole words, and the longest run of words
at its end that `score_names` holds says what it is: `val_word_error_rate` is an error
rate, `accuracy_loss` a loss, `lossless` nothing that is known. What the table does not
hold stays unknown: nobody is told that a score is better than another by a guess.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from seedscope.runs.score_names import (
    AFTER,
    APART,
    FRACTION,
    KNOWN,
    NO_BOUNDS,
    PARTS,
    PER_TIME,
    RATES,
    TIMES,
    TURNED,
)
from seedscope.study.direction import Better

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*|\d+")


@dataclass(frozen=True)
class Score:
    """A number of a run, and what is known of it."""

    name: str  # as it was logged: test/accuracy
    part: str | None  # train, val or test; None: the name does not say
    unit: str  # FRACTION, "s", ...; empty: none is known
    bounds: tuple[float, float]  # that no run can pass; infinite: none is known
    direction: str | None  # higher or lower, the better one; None: not known

    @property
    def falls(self) -> bool:
        """Tell whether lower is known to be better."""
        return self.direction == "lower"

    @property
    def rank(self) -> tuple:
        """Order scores: the one to lead with is the smallest.

        An accuracy before all else, what was tested before what was trained on, what a
        run cost nearly last, and last what may be a setting as well as a score.
        """
        parts = ("test", "val", None, "train")
        return (
            self.part is None and self.direction is None,
            self.unit in TIMES,
            self.unit != FRACTION,
            parts.index(self.part),
            self.direction is None,
            self.name,
        )


def score(
    name: str, values: Sequence[float] = (), better: Mapping[str, str] | None = None
) -> Score:
    """Return what is known of a score.

    Args:
        name: as it was logged.
        values: what runs reached; where they pass the bounds that the name promises,
            neither bounds nor unit are known (an accuracy of 93 is no fraction; up to
            100 it has the bounds of a percentage).
        better: score -> direction, as the user says; it wins over the name.
    """
    words = _words(name)
    direction, unit, bounds = _lookup([w for w in words if w not in PARTS])
    if any(not bounds[0] <= value <= bounds[1] for value in values):
        percent = unit == FRACTION and all(0 <= value <= 100 for value in values)
        bounds = (0.0, 100.0) if percent else NO_BOUNDS
        unit = "" if unit == FRACTION else unit
    said = better or {}
    direction = said.get(name, said.get(short(name), direction))
    return Score(name, _part(name, words), unit, bounds, direction)


def falls(better: Better) -> Callable[[str], bool | None]:
    """Return what tells of a name whether lower is better; None: it is not known.

    One direction holds for the names that say nothing.
    """

    def of(name: str) -> bool | None:
        if isinstance(better, str):
            direction = score(name).direction or better
        else:
            direction = score(name, (), better).direction
        return None if direction is None else direction == "lower"

    return of


def short(name: str) -> str:
    """Return the last part of a score's name: accuracy of test/accuracy."""
    return name.rpartition("/")[2]


def directions(
    better: Better, scores: Sequence[str], asked: Sequence[str] = ()
) -> dict[str, str]:
    """Return score -> direction of what a user said of the scores at hand.

    Args:
        better: one direction, or directions by score.
        scores: the names that there are.
        asked: those that the user asked for; one direction holds for all of them, and
            where none was asked for, for those whose names say nothing.

    Raises:
        ValueError: a score is named that does not exist, or there is none to apply to.
    """
    if better is None:
        return {}
    if isinstance(better, str):
        silent = [name for name in scores if score(name).direction is None]
        meant = [name for name in asked if name in scores] or silent
        if not meant:
            known = ", ".join(f"{n}: {score(n).direction}" for n in scores)
            raise ValueError(
                f"better={better}: every score's direction is known ({known}); to say "
                "otherwise name the score, as in "
                f"better={{{scores[0] if scores else 'name'}: {better}}}"
            )
        return dict.fromkeys(meant, better)
    said = {
        name: better[name if name in better else short(name)]
        for name in scores
        if name in better or short(name) in better
    }
    found = {*said, *(short(name) for name in said)}
    if unknown := [name for name in better if name not in found]:
        raise ValueError(
            f"better: no run holds {', '.join(unknown)}; there are "
            f"{', '.join(scores) or 'no scores'}"
        )
    return dict(better) | said


def _part(name: str, words: Sequence[str]) -> str | None:
    first = name.partition("/")[0]
    if first in PARTS:
        return PARTS[first]
    found = [PARTS[word] for word in words if word in PARTS]
    return found[0] if found else None


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _lookup(words: list[str]) -> tuple[str | None, str, tuple[float, float]]:
    """Return direction, unit and bounds by the end of a name."""
    nothing = (None, "", NO_BOUNDS)
    if (found := _ending(words)) is not None:
        start, known = found
        return _qualified(words[:start], known)
    if "per" in words[1:]:
        place = len(words) - 1 - words[::-1].index("per")
        before, after = words[:place], words[place + 1 :]
        if after and after[0] in PER_TIME and before[-1] in RATES:
            return "higher", "", (0.0, math.inf)
        if after and after[0] not in PER_TIME:
            return _lookup(before)
        return nothing
    if words and (words[-1] in AFTER or words[-1].isdigit()):
        return _lookup(words[:-1])
    if words and (stem := words[-1].rstrip("0123456789")) not in ("", words[-1]):
        return _lookup([*words[:-1], stem])
    return nothing


def _ending(words: list[str]) -> tuple[int, tuple] | None:
    for start in range(len(words)):
        known = KNOWN.get("_".join(words[start:]))
        if known is not None and "per" not in words[:start]:
            return start, known
    return None


def _qualified(before: list[str], known: tuple) -> tuple:
    """Return what is known after the words before a name had their say."""
    direction, unit, bounds = known
    if before and before[-1] in TURNED:
        other = {"higher": "lower", "lower": "higher", None: None}[direction]
        return other, "", NO_BOUNDS
    if before and before[-1] in APART:
        return None, "", NO_BOUNDS
    return direction, unit, bounds
