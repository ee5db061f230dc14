"""Say in three to six sentences what a comparison found, every number computed."""

from seedscope.comparison.results import Comparison


def control(comparison: Comparison) -> str | None:
    """Return the verdict of the arm in which nothing varies."""
    arm = comparison.control
    if arm is None:
        return None
    if arm.repeats.identical:
        return (
            f"Control: {arm.repeats.runs} exact repeats ended in the same bits; the "
            "machine adds nothing to the spreads below."
        )
    return (
        f"CONTROL FAILED: {arm.repeats.runs} exact repeats ended in "
        f"{arm.repeats.distinct} different sets of weights. The machine itself is a "
        "source of randomness, inside every spread below."
    )


def sentences(comparison: Comparison) -> list[str]:
    """Return the summary."""
    return []
