"""The one line that a gate prints."""

from seedscope.analysis.gate import FAILS, HOLDS, Gate
from seedscope.report.rounding import mark

WORDS = {FAILS: "fails", HOLDS: "holds"}


def line(gate: Gate) -> str:
    """Return what became of a condition, with the numbers that decide it."""
    numbers = f"{gate.value:.4g} [{gate.low:.4g}, {gate.high:.4g}]"
    said = gate.why or f"{mark(gate.approximate)}{numbers}"
    word = WORDS.get(gate.outcome)
    if word is None:
        why = "" if gate.why else ", and the limit is inside: train more runs"
        return f"gate cannot be told: fail_if {gate.condition.text}: {said}{why}"
    return f"gate {word}: fail_if {gate.condition.text}: {said}"
