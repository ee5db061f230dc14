"""What a gate watches: `sd(test/accuracy, init) > 0.01`, read and checked.

    sd(SCORE, ARM) > NUMBER            also mean(SCORE, ARM) and diverged(ARM)
    difference(SCORE, A, B) < NUMBER   mean of A minus mean of B
    control                            exact repeats ended in other bits

with > >= < <=. A number is in the unit of the score; `1 %` and `1 pp` are 0.01.
"""

import re
from dataclasses import dataclass

OPERATORS = (">=", "<=", ">", "<")
ARGUMENTS = {  # what is measured -> what stands in its brackets
    "sd": "score, arm",
    "mean": "score, arm",
    "diverged": "arm",
    "difference": "score, arm A, arm B",
}
FORM = re.compile(r"(\w+)\s*\((.*)\)\s*(>=|<=|>|<)\s*(\S+?)\s*(%|pp)?")


@dataclass(frozen=True)
class Condition:
    """One thing that must not be so."""

    text: str  # as typed
    what: str  # one of ARGUMENTS, or control
    arguments: tuple[str, ...] = ()
    operator: str = ""
    limit: float = 0.0


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        ValueError: it is none; the message shows what one looks like.
    """
    text = text.strip()
    if text == "control":
        return Condition(text, "control")
    found = FORM.fullmatch(text)
    example = "write for example fail_if='sd(test/accuracy, init) > 0.01'"
    if found is None or found[1] not in ARGUMENTS:
        known = ", ".join(f"{name}({inside})" for name, inside in ARGUMENTS.items())
        raise ValueError(
            f"fail_if={text!r} must compare one of {known} with a number, or be "
            f"control; {example}"
        )
    what, inside, operator, number, unit = found.groups()
    arguments = tuple(part.strip() for part in inside.split(","))
    if not all(arguments) or len(arguments) != len(ARGUMENTS[what].split(",")):
        raise ValueError(
            f"fail_if={text!r}: {what} takes ({ARGUMENTS[what]}), got ({inside}); "
            f"{example}"
        )
    try:
        limit = float(number)
    except ValueError:
        raise ValueError(
            f"fail_if={text!r}: {number!r} is no number; {example}"
        ) from None
    return Condition(text, what, arguments, operator, limit / (100 if unit else 1))
