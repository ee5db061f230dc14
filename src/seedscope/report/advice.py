"""Advice as tables: what these runs can say, and which runs to make next."""

from collections.abc import Iterator

from seedscope.analysis.results import Comparison
from seedscope.report.rounding import probability, ratio, rounded, with_interval
from seedscope.report.sheet import Sheet
from seedscope.report.tables import unit_in

_NO_ENDS = (float("nan"), float("nan"))


def what_can_be_said(comparison: Comparison) -> Iterator[Sheet]:
    """Yield what the runs at hand can and cannot say, and what more would give."""
    advice = comparison.advice
    if advice is None:
        return
    unit, said = unit_in(comparison, advice.score), advice.said
    s = advice.spread

    def scaled(value: float) -> str:
        ends = [unit.scale * value * sd / s.sd for sd in (s.sd, s.sd_low, s.sd_high)]
        return with_interval(*ends, unit=unit.of_spread)

    rows = (
        ("the mean is known to within ±", scaled(said.mean_half_width)),
        (
            f"smallest difference of two arms seen with power {said.power:g}",
            scaled(said.detectable),
        ),
        ("the same with paired seeds that do not help", scaled(said.detectable_paired)),
        (
            "power to see one standard deviation",
            ratio(100 * said.power_one_sd, *_NO_ENDS, "%"),
        ),
        (
            "power to see half a standard deviation",
            ratio(100 * said.power_half_sd, *_NO_ENDS, "%"),
        ),
        (
            "smallest p-value a permutation test can give",
            probability(said.smallest_permutation_p),
        ),
        (
            "runs per arm to see one standard deviation",
            str(said.runs_for_one_sd),
        ),
        (
            "runs per arm to see half a standard deviation",
            str(said.runs_for_half_sd),
        ),
        (
            "runs to know the standard deviation to within 20 %",
            str(said.runs_for_sd_within_20_percent),
        ),
        (
            "runs to halve the interval of the mean",
            str(advice.runs_for_half_the_interval),
        ),
    )
    worth = ""
    if said.replicates != s.replicates:
        worth = f" These runs share seeds: they count as {said.replicates} independent."
    yield Sheet(
        f"You ran {s.replicates} seeds: what you can say, and what more would give",
        f"From the spread of {advice.score} in arm {advice.arm}. The intervals carry "
        f"over how well that spread is known.{worth}",
        ("question", "answer"),
        rows,
    )


def which_design(comparison: Comparison) -> Iterator[Sheet]:
    """Yield the design to choose for as many runs as there were, and for more."""
    advice = comparison.advice
    if advice is None:
        return
    rows = []
    for budget, found in zip(advice.budgets, advice.designs, strict=True):
        best = found.advice
        width = "-" if best.half_width != best.half_width else _percent(best.half_width)
        command = f"design={best.design} replicates={best.replicates}"
        warn = ", names a dominant source only" if best.names_dominant_only else ""
        rows.append((str(budget), command, str(best.runs), f"{width}{warn}"))
    yield Sheet(
        "To tell the sources apart: which design for how many runs",
        "The design with the smallest error that the budget allows, and how well it "
        "will know each source's share of the variance at worst.",
        ("runs", "design", "of them used", "shares known to within ±"),
        tuple(rows),
    )


def _percent(fraction: float) -> str:
    return f"{rounded(100 * fraction, 0)} points of 100"
