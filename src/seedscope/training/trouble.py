"""Tell an error in the user's code as its author needs it: file, line and message.

Between the user's line and the terminal lie dozens of frames of TensorFlow, Keras and
ours, and the message is wrapped by each of them. What remains is three lines: what was
said, where, and the line itself. `--trace` (SEEDSCOPE_TRACE=1) shows everything.
"""

import linecache
import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seedscope.study.code import is_ours, is_users

TRACE = "SEEDSCOPE_TRACE"  # environment variable: processes inherit it
LONGEST = 400  # characters of a message
PAINT = re.compile(r"\x1b\[[0-9;]*m")
IN_MESSAGE = re.compile(r'File "([^"]+)", line (\d+), in (\w+)')
WRAPPED = re.compile(
    r"Exception encountered when calling .*?\n\n(.*?)\n\nArguments received", re.DOTALL
)


class Place(NamedTuple):
    """A line of code that was running."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        path = Path(self.file)
        here = Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        return f'File "{shown}", line {self.line}, in {self.function}'


def told(error: BaseException) -> tuple[str, str]:
    """Return whose mistake an error is (mistake, failure) and what to say of it.

    A *mistake* is the user's to mend: in what was asked for or in the code that was
    brought. A *failure* is something that should not happen.
    """
    place = next(filter(None, map(_users_place, _chain(error))), None)
    kind = "mistake" if isinstance(error, ValueError) or place else "failure"
    if os.environ.get(TRACE):
        return kind, "".join(traceback.format_exception(error)).rstrip()
    if place is None:
        if kind == "mistake":
            return kind, str(error)
        return kind, f"{type(error).__name__}: {message(error)} (--trace shows more)"
    lines = [_headline(error), f"  {place} (--trace shows more)"]
    if source := linecache.getline(place.file, place.line).strip():
        lines.append(f"    {source}")
    return kind, "\n".join(lines)


def message(error: BaseException) -> str:
    """Return what an error says, without what Keras and TensorFlow wrap around it."""
    first = error.args[0] if error.args else ""
    text = first if isinstance(error, KeyError) and isinstance(first, str) else None
    text = PAINT.sub("", str(error) if text is None else text).strip()
    while inner := WRAPPED.search(text):
        text = inner[1].strip()
    text = text.rpartition("Error encountered:\n\n")[2]
    if text.startswith(("in user code:", "Graph execution error")):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        said = [s for s in lines if not s.startswith(("[[", "File ", "Function call"))]
        text = said[-1] if said else lines[0]
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _headline(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if frames and is_ours(frames[-1].filename):  # it is said in our words
        return str(error)
    return f"{type(error).__name__} in your code: {message(error)}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from or in the middle of."""
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__ or now.__context__


def _users_place(error: BaseException) -> Place | None:
    """Return the innermost line of the user's that an error came through."""
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        return Place(error.filename, error.lineno or 0, "<module>")
    frames = list(traceback.extract_tb(error.__traceback__))
    while frames and any(is_ours(f.filename) for f in frames[1:]):
        del frames[0]  # who called us, such as a script
    places = [Place(f.filename, f.lineno or 0, f.name) for f in frames]
    # What fails while a graph runs has its frames in the message alone.
    said = IN_MESSAGE.findall(str(error))
    places += [Place(file, int(line), name) for file, line, name in said]
    own = [place for place in places if is_users(place.file)]
    return own[-1] if own else None
