"""Judge claims by the studies that the store holds; nothing is trained."""

from collections.abc import Callable, Sequence

import numpy as np

from seedscope.claims.claim import Case, Claim
from seedscope.claims.measures import measure
from seedscope.claims.statistics import STATISTICS
from seedscope.claims.verdict import OPEN, Decided, Verdict, conclude, decided
from seedscope.runs.table import Runs

PAIRED = ("apart", "paired_mean_difference", "paired_mean_ratio")  # row by row
MISSING = "not measured yet"


def judge(
    claims: Sequence[Claim], study_of: Callable[[str], Runs | None], level: float
) -> list[Verdict]:
    """Return the verdict of each claim.

    Args:
        claims: as read from conf/claim/.
        study_of: returns the runs of a preset's study, None where it was not trained.
        level: coverage of the intervals.
    """
    return [_judge(claim, study_of, level) for claim in claims]


def missing_studies(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the presets that have to be trained for the verdicts that are missing."""
    missing = [c.case.study for v in verdicts for c in v.cases if c.reason == MISSING]
    return list(dict.fromkeys(missing))


def _judge(
    claim: Claim, study_of: Callable[[str], Runs | None], level: float
) -> Verdict:
    return conclude(
        claim, [_case(case, study_of(case.study), level) for case in claim.cases]
    )


def _case(case: Case, runs: Runs | None, level: float) -> Decided:
    if runs is None:
        return Decided(case, None, OPEN, MISSING)
    statistic = STATISTICS[case.statistic]
    try:
        arms = [_values(runs, case.a, case.measure, case.average)]
        if case.b:
            other = case.measure_b or case.measure
            arms.append(_values(runs, case.b, other, case.average_b))
        if statistic.two_arms and case.statistic in PAIRED:
            _check_rows(*arms)
        estimate = statistic.function(*arms, level)
    except ValueError as error:
        return Decided(case, None, OPEN, str(error), study_id=runs.study_id)
    return decided(case, estimate, runs.study_id)


def _values(runs: Runs, arm: str, name: str, average: int) -> np.ndarray:
    values = measure(runs, arm, name)
    if average > 1:
        whole = len(values) // average * average
        values = values[:whole].reshape(-1, average).mean(axis=1)
    return values


def _check_rows(a: np.ndarray, b: np.ndarray) -> None:
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} runs finished: rows do not match")
