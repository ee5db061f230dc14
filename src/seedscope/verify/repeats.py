"""Do repeats agree? How many were tried, how many differ, and what could be missed.

"No difference was seen" is all that repeats can say. What they may have missed is a
race that shows now and then: k repeats that agree miss one that moves a run in ten in
0.9^k of all cases.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seedscope.verify.words import Digests, Job, Program, Record

ONE_IN = 10  # how rare a deviation the sentence is about


@dataclass(frozen=True)
class Rate:
    """How repeats at one level of watching agree."""

    level: str
    repeats: int
    distinct: int  # different results among them
    apart: int  # repeats that do not have the commonest result

    @property
    def agree(self) -> bool:
        """Tell whether no difference was seen."""
        return self.distinct <= 1


@dataclass(frozen=True)
class Repeats:
    """All repeats of a program, watched and not."""

    plain: tuple[Record, ...]
    watched: tuple[Record, ...]

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Return how many differ with and without the recorder."""
        return rate("none", self.plain), rate("taps", self.watched)

    @property
    def agree(self) -> bool:
        """Tell whether no difference was seen anywhere, step by step included."""
        first = self.watched[0]
        same = all(steps(first) == steps(record) for record in self.watched[1:])
        return same and all(rate.agree for rate in self.rates)

    @property
    def watching_changes_nothing(self) -> bool:
        """Tell whether a watched repeat ends in the bits of one that is not."""
        results = {r.result for r in self.plain}
        return all(r.result in results for r in self.watched)

    @property
    def steps(self) -> int:
        """Return how many steps were compared while the weights were finite."""
        return min(finite_steps(record) for record in self.watched)

    @property
    def repeats(self) -> int:
        """Return how many repeats the sentence is about: those left alone."""
        return len(self.plain)


def repeat(
    run: Callable[[Job], Record],
    program: Program,
    repeats: int,
    switches: tuple[str, ...] = (),
    told: Callable[[str], None] = lambda text: None,
) -> Repeats:
    """Run a program `repeats` times alone and as often with taps, in turn.

    Raises:
        CannotVerify: the program fails.
    """
    plain, watched = [], []
    for number in range(repeats):
        told(f"repeat {number + 1} of {repeats}")
        plain.append(run(Job(program, "none", switches)))
        watched.append(run(Job(program, "taps", switches)))
    return Repeats(tuple(plain), tuple(watched))


def rate(level: str, records: Sequence[Record]) -> Rate:
    """Count the different results of repeats."""
    counts = Counter(record.result for record in records)
    commonest = max(counts.values(), default=0)
    return Rate(level, len(records), len(counts), len(records) - commonest)


def missed(repeats: int) -> float:
    """Return how often repeats that agree miss a deviation of one run in ten."""
    return (1 - 1 / ONE_IN) ** repeats


def repeats_to_miss(share: float) -> int:
    """Return how many repeats miss a deviation of one run in ten less often."""
    repeats = 1
    while missed(repeats) > share:
        repeats += 1
    return repeats


def steps(record: Record) -> dict[str, tuple[Digests, ...]]:
    """Return everything that was digested step by step."""
    return {tap.name: tuple(tap.seen) for tap in record.taps}


def finite_steps(record: Record) -> int:
    """Return the steps up to which the weights were finite.

    Once weights are NaN they stay NaN whatever happens: what comes after can hide
    any difference, so it counts for nothing.
    """
    if record.not_finite_from is not None:
        return record.not_finite_from
    passed = [len(t.seen) for t in record.taps if t.phase in ("loss", "gradients")]
    return max([record.steps, *passed])  # a loop of one's own has taps alone
