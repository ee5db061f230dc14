"""What to do next: one sentence and, where it is known, the command that does it."""

import re
import shlex
from dataclasses import dataclass

from seedscope.analysis.results import Comparison, TwoGroups

ENOUGH = 49  # runs; with so many an sd is known to within 20 %


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    text: str  # a sentence without its full stop
    command: str = ""  # as it is typed; empty: none is known
    word: str = ""  # what to add to the command, where that is not known

    @property
    def line(self) -> str:
        """Return the step as one line."""
        if self.command:
            return f"{self.text}: {self.command}"
        return f"{self.text} ({self.word})." if self.word else f"{self.text}."


def more_runs(comparison: Comparison) -> Step:
    """Say how many runs would make the answer sharper."""
    runs = max((arm.runs for arm in comparison.arms if arm.vary), default=2)
    few = runs < ENOUGH
    wanted = ENOUGH if few else 4 * runs
    why = (
        "know each standard deviation to within 20 %" if few else "halve every bracket"
    )
    text = f"To {why} takes {wanted} runs of each"
    if comparison.runs.study_id is None:
        return Step(text)
    return Step(
        text, _with(comparison.runs.command, replicates=wanted), f"replicates={wanted}"
    )


def after_control(comparison: Comparison) -> Step:
    """Say how to find out what kept exact repeats from ending in the same bits."""
    arm, command = comparison.control, comparison.runs.command
    if arm is not None and comparison.runs.whose_fault(arm.name) != "machine":
        text = "Train it one by one, so that the groups add nothing"
        return Step(text, _with(command, engine="sequential"), "engine=sequential")
    text = "Find out where two exact repeats part, and what cures it"
    return Step(text, _verify(command), "seedscope verify")


def after_groups(found: TwoGroups, plan: str | None) -> Step:
    """Say what to do after A against B."""
    if plan is not None:
        return Step(plan.rstrip("."))
    if found.verdict.apart:
        return Step("Look at how the runs are spread before you choose")
    return Step("Nothing more is needed to tell these two apart")


def _with(command: str | None, **values: object) -> str:
    """Return a training command with other values of some keys."""
    if not command:
        return ""
    words = [w for w in _words(command) if not w.startswith("budget=")]
    place = _program(words)
    for key, value in values.items():
        words = [w for w in words if not re.match(rf"\+{{0,2}}{key}=", w)]
        words.insert(place, f"{key}={value}")
    return shlex.join(words)


def _verify(command: str | None) -> str:
    """Return the command that verifies what another one trained."""
    if not command:
        return ""
    words = _words(command)
    place = _program(words)
    head = shlex.join(words[:place]).replace("train", "verify")
    own = ("factor=", "factor.", "replicates=", "engine=", "design=", "study=", "-m")
    own += ("budget=",)
    kept = [w for w in words[place:] if not w.startswith((*own, "--multirun"))]
    return " ".join([head, *map(shlex.quote, kept)])


def _words(command: str) -> list[str]:
    return shlex.split(command)


def _program(words: list[str]) -> int:
    """Return where the overrides of a command begin."""
    return 2
