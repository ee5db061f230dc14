"""From estimates to a verdict: computed, never written down in advance.

The margin makes a region of values that are practically the reference. An effect is
confirmed where the whole interval is beyond the region, absence where the whole
interval is inside it (two one-sided tests). What straddles an edge is not decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from seedscope.claims.claim import Case, Claim
from seedscope.claims.statistics import RATIOS, Estimate, runs_for
from seedscope.stats.verdict import NOT_WORTH

CONFIRMED, REFUTED = "confirmed", "refuted"
DEPENDS, OPEN = "depends", "not decided"


@dataclass(frozen=True)
class Decided:
    """One case with its numbers."""

    case: Case
    estimate: Estimate | None  # none: it could not be measured
    verdict: str
    reason: str = ""  # why there is no estimate
    runs_needed: int = 0  # per arm, where not decided; 0: more runs would not help
    study_id: str | None = None

    @property
    def worth_deciding(self) -> bool:
        """Tell whether a number of runs that people make would decide it."""
        return 0 < self.runs_needed <= NOT_WORTH


@dataclass(frozen=True)
class Verdict:
    """What becomes of a claim."""

    claim: Claim
    verdict: str
    cases: tuple[Decided, ...]

    @property
    def condition(self) -> str:
        """Say under which conditions the claim holds, where it depends on them."""
        if self.verdict != DEPENDS:
            return ""
        where = {
            word: "; ".join(c.case.condition for c in self.cases if c.verdict == word)
            for word in (CONFIRMED, REFUTED)
        }
        return f"holds: {where[CONFIRMED]}. Does not: {where[REFUTED]}"


def decide(case: Case, estimate: Estimate) -> str:
    """Return the verdict of one case."""
    low, high = case.region
    above, below = estimate.low > high, estimate.high < low
    inside = estimate.low >= low and estimate.high <= high
    holds, fails = {
        "above": (above, estimate.high <= high),
        "below": (below, estimate.low >= low),
        "equal": (inside, above or below),
        "different": (above or below, inside),
    }[case.expects]
    return CONFIRMED if holds else REFUTED if fails else OPEN


def decided(case: Case, estimate: Estimate, study_id: str | None) -> Decided:
    """Return a case with its verdict, and the runs it would take where it is open."""
    verdict = decide(case, estimate)
    needed = 0
    if verdict == OPEN:
        needed = runs_for(estimate, case.region, case.statistic in RATIOS)
    return Decided(case, estimate, verdict, runs_needed=needed, study_id=study_id)


def conclude(claim: Claim, cases: Sequence[Decided]) -> Verdict:
    """Return the verdict of a claim from those of its cases."""
    found = {case.verdict for case in cases}
    verdict = OPEN
    if {CONFIRMED, REFUTED} <= found:
        verdict = DEPENDS
    elif len(found) == 1:
        (verdict,) = found
    return Verdict(claim, verdict, tuple(cases))
