"""What the runs at hand can and cannot say, and how many more a question needs."""

from collections.abc import Sequence

from seedscope.comparison.results import Advice, ArmResult
from seedscope.stats.planning import runs_for_mean, what_can_be_said

HALVED = 0.5  # the interval of the mean that more runs are planned for


def advise(arms: Sequence[ArmResult], score: str, level: float) -> Advice | None:
    """Return advice on the arm in which all is free, else the one that moves most."""
    able = [
        arm
        for arm in arms
        if score in arm.spreads
        and arm.spreads[score].replicates > 1
        and arm.spreads[score].sd > 0
    ]
    if not able:
        return None
    free = [arm for arm in able if arm.name.split(" ")[0] == "all"]
    arm = free[0] if free else max(able, key=lambda arm: arm.spreads[score].sd)
    spread = arm.spreads[score]
    said = what_can_be_said(spread.replicates, spread.sd, level)
    half = runs_for_mean(HALVED * said.mean_half_width, spread.sd, level)
    return Advice(arm.name, score, spread, said, runs_for_half_the_interval=half)
