"""One verification from start to end: repeat, find where it parts, try cures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seedscope.stats.spread import Spread, spread
from seedscope.verify import cures as cure
from seedscope.verify.cures import Trial
from seedscope.verify.finding import Found, find
from seedscope.verify.repeats import Rate, Repeats, rate, repeat
from seedscope.verify.words import Draw, Job, Program, Record, SeedSet

Run = Callable[[Job], Record]
Told = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """How a program is verified; conf/verify.yaml holds the defaults."""

    repeats: int
    closely: int  # most repeats that are watched operation by operation
    cures: tuple[str, ...]  # auto, all, names; empty: none
    cure_repeats: int
    processes: str  # fresh | fork
    level: float


@dataclass(frozen=True)
class Verification:
    """What was found about a program."""

    program: Program
    asked: Asked
    repeats: Repeats
    found: Found | None  # None: nothing differed
    trial: Trial | None  # None: no cure was tried
    unheld: Record  # a repeat whose draws are the program's own

    @property
    def agree(self) -> bool:
        """Tell whether no difference was seen, in any of its repeats."""
        return self.found is None

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Return how repeats differ left alone, with taps, and closely watched."""
        alone = [*self.repeats.plain, *(self.trial.baseline if self.trial else ())]
        rates = [rate("none", alone), self.repeats.rates[1]]
        if self.found is not None and self.found.rate.repeats:
            rates.append(self.found.rate)
        return tuple(rates)

    @property
    def draws(self) -> Sequence[Draw]:
        """Return what the program draws when nothing is held."""
        return self.unheld.draws

    @property
    def seeds_set(self) -> Sequence[SeedSet]:
        """Return the seeds that the program sets itself."""
        return self.unheld.seeds_set

    @property
    def result_spreads(self) -> dict[str, Spread]:
        """Return the spread of each final score over the repeats left alone."""
        alone = [*self.repeats.plain, *(self.trial.baseline if self.trial else ())]
        last = [dict(record.scores) for record in alone]
        names = [n for n in last[0] if all(n in scores for scores in last)]
        values = {n: np.array([scores[n] for scores in last]) for n in names}
        return {
            name: spread(scores, self.asked.level)
            for name, scores in values.items()
            if len(scores) > 1 and np.isfinite(scores).all()
        }


def verify(run: Run, program: Program, asked: Asked, told: Told) -> Verification:
    """Verify a program.

    Args:
        run: runs one repeat and returns its record.
        program: what is verified.
        asked: how.
        told: is told what goes on.

    Raises:
        CannotVerify: the program does not run.
        ValueError: a cure that does not exist.
    """
    cure.fitting(None, program, asked.cures)  # refused before anything runs
    repeats = repeat(run, program, asked.repeats, told=told)
    unheld = repeats.plain[0]
    if program.script is not None and program.seeds == "held":
        unheld = run(Job(replace(program, seeds="own"), "none"))
    if repeats.agree:
        return Verification(program, asked, repeats, None, None, unheld)
    found = find(run, program, repeats, asked.closely, told=told)
    chosen = cure.fitting(found.where, program, asked.cures)
    trial = None
    if chosen:
        trial = cure.try_cures(
            run, program, chosen, asked.cure_repeats, asked.level, told
        )
    return Verification(program, asked, repeats, found, trial, unheld)
