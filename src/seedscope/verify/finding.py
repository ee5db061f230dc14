"""Find where a program that does not repeat parts: watch it closely until it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seedscope.verify.repeats import Rate, Repeats, rate
from seedscope.verify.where import AFTER, Where, first_difference, locate
from seedscope.verify.words import Job, Program, Record

MARGIN = 5  # steps beyond the latest first difference that a close look goes on


@dataclass(frozen=True)
class Found:
    """Where repeats part, and how often they did under the close look."""

    where: Where | None
    rate: Rate  # of the closely watched repeats
    record: Record | None  # one of them


def find(
    run: Callable[[Job], Record],
    program: Program,
    repeats: Repeats,
    most: int,
    switches: tuple[str, ...] = (),
    told: Callable[[str], None] = lambda text: None,
) -> Found:
    """Watch every operation of repeats until two of them part.

    Args:
        run: runs one repeat.
        program: what is repeated.
        repeats: those that differed.
        most: closely watched repeats at most.
        switches: as in the repeats.
        told: is told what goes on.
    """
    records: list[Record] = []
    until = _until(repeats.watched)
    for number in range(most):
        told(f"closely watched repeat {number + 1}, up to {most}")
        records.append(run(Job(program, "operations", switches, until)))
        places = [w for r in records[:-1] if (w := locate(r, records[-1]))]
        if places:
            first = min(places, key=lambda where: (where.step, where.order))
            return Found(first, rate("operations", records), records[-1])
    kept = records[-1] if records else None
    return Found(None, rate("operations", records), kept)


def _until(records: Sequence[Record]) -> int | None:
    """Return the step up to which a close look is needed; None: to the end."""
    found = [first_difference(records[0], other) for other in records[1:]]
    steps = [difference.step for difference in found if difference is not None]
    if not steps or max(steps) == 0 or any(d and d.phase == AFTER for d in found):
        return None
    return max(steps) * 2 + MARGIN
