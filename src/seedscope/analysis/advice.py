"""What the runs at hand can and cannot say, and how many more a question needs."""

import math
from collections.abc import Sequence

from seedscope.analysis.results import Advice, ArmResult
from seedscope.stats.planning import runs_for_mean, what_can_be_said
from seedscope.stats.recommend import recommend_design
from seedscope.stats.spread import Spread

MORE = (1, 4, 16)  # times the runs there were
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
    free = [arm for arm in able if arm.free]
    arm = free[0] if free else max(able, key=lambda arm: arm.spreads[score].sd)
    spread = arm.spreads[score]
    runs = _independent(spread)
    said = what_can_be_said(runs, spread.sd, level)
    half = runs_for_mean(HALVED * said.mean_half_width, spread.sd, level)
    half = math.ceil(half * spread.replicates / runs)  # of the same design
    sources = len({source for arm in arms for source in arm.vary} - {"unknown"})
    budgets = _budgets(sum(arm.runs for arm in arms), sources)
    designs = tuple(recommend_design(sources, budget, level) for budget in budgets)
    return Advice(arm.name, score, spread, said, half, designs, budgets)


def _independent(spread: Spread) -> int:
    """Return the runs there are, or as how many independent ones they count.

    Runs that share seeds know the mean as well as fewer independent ones do; plans of
    tests are made for those.
    """
    if spread.shared is None or not math.isfinite(spread.effective_runs):
        return spread.replicates
    return max(2, min(spread.replicates, int(spread.effective_runs)))


def _budgets(runs: int, sources: int) -> tuple[int, ...]:
    """Return as many runs as there were, and more; none where no source is known."""
    least = 2 * (sources + 1)
    return tuple(max(runs, least) * more for more in MORE) if sources > 1 else ()
