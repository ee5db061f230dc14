"""What to do next: one sentence and, where it is known, the command that does it."""

import re
import shlex
from dataclasses import dataclass

from seedscope.analysis.results import Comparison, TwoGroups
from seedscope.stats.verdict import EQUIVALENT

_KNOWN = "To know each standard deviation to within 20 %"
_HALVED = "To halve every bracket"
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
    arms = [arm for arm in comparison.arms if arm.vary]
    runs, table = max((arm.runs for arm in arms), default=2), comparison.runs.table
    designs = set(table["design"]) - {"", "vary"} if "design" in table.columns else ()
    blocks = table["block"].n_unique()
    if comparison.runs.study_id is None:
        if runs < ENOUGH:
            return Step(f"{_KNOWN} takes {ENOUGH} runs of each")
        return Step(f"{_HALVED} takes {4 * runs} runs of each")
    if "crossed" in designs:
        text = f"{_HALVED} takes four times as many seeds of each source"
        return _trained(comparison, text, "design.levels", 4 * blocks)
    if designs:
        text = f"{_HALVED} takes {4 * blocks} blocks, {4 * runs} runs"
        return _trained(comparison, text, "replicates", 4 * blocks)
    wanted, why = (ENOUGH, _KNOWN) if runs < ENOUGH else (4 * runs, _HALVED)
    text = f"{why} takes {wanted} runs of each"
    return _trained(comparison, text, "replicates", wanted)


def after_levels(comparison: Comparison, base: str, other: str) -> Step:
    """Say how to hold a level against the first one in full."""
    runs = comparison.runs
    text = "Hold the two against each other, with a verdict"
    if runs.study_id is None or not runs.command:
        return Step(text, "", "compare a=... b=...")
    words = _words(runs.command)
    head = shlex.join(words[: _program(words)]).replace("train", "compare")
    named = [f"study={runs.title}", f"a={base}", f"b={other}"]
    return Step(text, f"{head} {shlex.join(named)}")


def after_repeats(comparison: Comparison) -> Step:
    """Say what to do where nothing was varied."""
    found = [arm.repeats for arm in comparison.arms if arm.repeats]
    if not all(repeats.identical for repeats in found):
        return _part(comparison.runs.command)
    if len(found) > 1:
        return Step("Nothing more is needed: each of them repeats")
    text = "See what varies: each source alone, and all together"
    command = _with(comparison.runs.command, factor="none,init,shuffle,dropout,all")
    return Step(text, command and f"{command} -m", "factor=none,init,shuffle,all -m")


def _trained(comparison: Comparison, text: str, key: str, value: int) -> Step:
    command = _with(comparison.runs.command, **{key: value})
    return Step(text, command, f"{key}={value}")


def _part(command: str | None) -> Step:
    text = "Find out where two exact repeats part, and what cures it"
    return Step(text, _verify(command), "seedscope verify")


def after_control(comparison: Comparison) -> Step:
    """Say how to find out what kept exact repeats from ending in the same bits."""
    arm, command = comparison.control, comparison.runs.command
    if arm is not None and comparison.runs.whose_fault(arm.name) != "machine":
        text = "Train it one by one, so that the groups add nothing"
        return Step(text, _with(command, engine="sequential"), "engine=sequential")
    return _part(command)


def after_groups(found: TwoGroups, plan: str | None) -> Step:
    """Say what to do after A against B."""
    if plan is not None:
        return Step(plan.rstrip("."))
    if found.verdict.apart:
        return Step("Look at how the runs are spread before you choose")
    if found.verdict.word == EQUIVALENT:
        return Step("Nothing more is needed: choose by what else counts, such as cost")
    return Step("Nothing more is needed to tell these two apart")


def _with(command: str | None, **values: object) -> str:
    """Return a training command with other values of some keys."""
    if not command:
        return ""
    words = [w for w in _words(command) if not w.startswith("budget=")]
    if "factor" in values:
        words = [w for w in words if w not in ("-m", "--multirun")]
    place = _program(words)
    for key, value in values.items():
        typed = re.compile(rf"\+{{0,2}}{re.escape(key)}=")
        words = [w for w in words if not typed.match(w)]
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
