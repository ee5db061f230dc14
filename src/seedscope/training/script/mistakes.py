"""Say how a script ended before its end: its own lines, none of ours or Python's."""

import os
import traceback
from pathlib import Path

from seedscope.study.words import Script
from seedscope.training.script import program, stack

MOST = 4  # of the script's own lines, the last ones


def ending(raised: BaseException, script: Script, home: Path) -> str | None:
    """Return what ended a script, for people; none where it ended as it should."""
    if isinstance(raised, SystemExit):
        if raised.code in (None, 0):
            return None
        return _status(raised, script)
    _print(raised)
    lines = _own_lines(raised)
    what = f"{type(raised).__name__}: {raised}".strip(": ")
    if isinstance(raised, EOFError) and "reading a line" in str(raised):
        what = (
            "it asks for input, and nobody is there to answer: give the value as an "
            "argument (script.args) or a variable (script.environment)"
        )
    if isinstance(raised, KeyboardInterrupt):
        what = "it was interrupted"
    return "\n".join([what, *lines])


def _status(raised: SystemExit, script: Script) -> str:
    said = raised.code if isinstance(raised.code, str) else f"status {raised.code}"
    words = " ".join(program.words_of(script))
    advice = ""
    if raised.code == 2:  # what argparse, click and docopt exit with
        advice = "; it wants other arguments: +script.args.<name>=... gives one"
    return f"it ended by itself with {said} when called as `{words}`{advice}"


def _print(raised: BaseException) -> None:
    """Print the traceback as it would be without us: from the script's first line."""
    trace = raised.__traceback__
    while trace and stack.is_foreign(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    traceback.print_exception(type(raised), raised, trace)


def _own_lines(raised: BaseException) -> list[str]:
    """Return the script's own lines of a traceback, as Python prints them."""
    found: list[str] = []
    for frame in traceback.extract_tb(raised.__traceback__):
        if stack.is_foreign(frame.filename):
            continue
        place = os.path.relpath(frame.filename) if os.sep in frame.filename else ""
        name = frame.filename if place.startswith("..") else place or frame.filename
        found.append(f"  {name}:{frame.lineno} in {frame.name}")
        if frame.line:
            found.append(f"    {frame.line}")
    if isinstance(raised, SyntaxError) and raised.filename:
        found.append(f"  {raised.filename}:{raised.lineno}")
    return found[-2 * MOST :]
