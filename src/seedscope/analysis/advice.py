"""What the runs at hand can and cannot say, and how many more a question needs."""

from collections.abc import Sequence

from seedscope.analysis.results import Advice, ArmResult
from seedscope.stats.planning import runs_for_mean, what_can_be_said
from seedscope.stats.recommend import recommend_design

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
    said = what_can_be_said(spread.replicates, spread.sd, level)
    half = runs_for_mean(HALVED * said.mean_half_width, spread.sd, level)
    sources = len({source for arm in arms for source in arm.vary} - {"unknown"})
    budgets = _budgets(sum(arm.runs for arm in arms), sources)
    designs = tuple(recommend_design(sources, budget, level) for budget in budgets)
    return Advice(arm.name, score, spread, said, half, designs, budgets)


def _budgets(runs: int, sources: int) -> tuple[int, ...]:
    """Return as many runs as there were, and more; none where no source is known."""
    least = 2 * (sources + 1)
    return tuple(max(runs, least) * more for more in MORE) if sources > 1 else ()
