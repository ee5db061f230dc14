"""Which job of a sweep this is, how many there are, and how many runs all of them plan.

The command counts before the first job starts. Jobs that a launcher of Hydra starts in
other processes here inherit the count; on other machines there is none.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seedscope.commands.overrides import composed, jobs, study_name
from seedscope.study import settings
from seedscope.study.arms import level_name
from seedscope.study.plan import plan_runs
from seedscope.study.words import Study

VARIABLE = "SEEDSCOPE_SWEEP"
MOST = 60  # jobs that are counted: each takes a tenth of a second


@dataclass(frozen=True)
class Place:
    """One job among those of its command."""

    number: int  # from 0
    runs: tuple[int, ...]  # planned, by job
    started: float  # when the command began, in seconds since 1970

    @property
    def before(self) -> int:
        """Runs of the jobs before this one."""
        return sum(self.runs[: self.number])

    def seconds(self, budget: float) -> float:
        """Return this job's share of what is left of the command's budget."""
        left = budget - (time.time() - self.started)
        return left / max(1, len(self.runs) - self.number)

    def name(self, study: Study) -> str:
        """Return what to call the job: its number, factor and level."""
        words = [study.factor.name or "none"]
        own = study.arms[0].levels
        words += [level_name(key, own[key]) for key in study.swept if key in own]
        if len(self.runs) > 1:
            words.insert(0, f"{self.number + 1}/{len(self.runs)}")
        return " ".join(words)


def alone(runs: int) -> Place:
    """Return the place of a job that is all that its command does."""
    return Place(0, (runs,), time.time())


def count(words: Sequence[str], known: Mapping[tuple[str, ...], Study]) -> None:
    """Count the runs that each job of a command plans, for those that train them.

    Args:
        words: of the command line.
        known: studies that were read already, by the words of their jobs.
    """
    os.environ.pop(VARIABLE, None)
    each, swept = jobs(words)
    if len(each) > MOST:
        return
    runs = [len(plan_runs(known.get(tuple(job)) or _read(job, swept))) for job in each]
    os.environ[VARIABLE] = json.dumps({"runs": runs, "started": time.time()})


def place(number: int, runs: int) -> Place:
    """Return the place of a job, known by its number and its own planned runs."""
    held = json.loads(os.environ.get(VARIABLE, "null"))
    if held is None or not 0 <= number < len(held["runs"]):
        return alone(runs)
    return Place(number, tuple(held["runs"]), held["started"])


def _read(words: Sequence[str], swept: tuple[str, ...]) -> Study:
    config = composed("train", words)
    return settings.read(config, study_name(config, swept), swept)
