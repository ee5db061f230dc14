"""Round numbers to the digits that their intervals support, and name their units.

The only place of the project that rounds. An interval decides: two digits of its half
width count where they are 35 or less, one otherwise (the rule of the Particle Data
Group), and the number and both ends are shown to that place. Each of them keeps one
significant digit of its own, whatever the interval: `0` means exactly 0. `≈` stands
before a number whose interval is not to be counted on.
"""

import math
from dataclasses import dataclass

from seedscope.runs.score import FRACTION, Score

NONE = "-"  # a number that does not exist, like the sd of one run
MOST = 6  # decimals; a number that needs more is shown as 1.2e-07


@dataclass(frozen=True)
class Unit:
    """How a score is shown."""

    scale: float  # the score is multiplied by it
    of_score: str  # "%" for an accuracy
    of_spread: str  # "pp": percentage points


def unit_of(score: Score) -> Unit:
    """Return how a score is shown: fractions that people write in percent are."""
    if score.unit == FRACTION:
        return Unit(100.0, "%", "pp")
    return Unit(1.0, score.unit, score.unit)


def places(low: float, high: float) -> int | None:
    """Return how many decimals an interval supports; None where it supports all."""
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return None
    exponent = math.floor(math.log10(half))
    leading = math.floor(half / 10.0 ** (exponent - 1) + 0.5)
    return -exponent + (1 if leading <= 35 else 0)


def rounded(value: float, decimals: int | None) -> str:
    """Return a number with so many decimals; None: as many as it takes, up to 4.

    A number that is not 0 keeps one significant digit: 0.4 is never shown as 0.
    """
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if decimals is None:
        return f"{value:.4g}"
    decimals = max(decimals, -math.floor(math.log10(abs(value))))
    if decimals > MOST or (decimals < -5):
        return f"{value:.2g}"
    return f"{round(value, decimals):.{max(decimals, 0)}f}"


def extremes(low: float, high: float, decimals: int | None) -> str:
    """Return `97.6 … 98.3`: with as many decimals as it takes to tell them apart."""
    apart = high - low
    if decimals is not None and math.isfinite(apart) and apart > 0:
        decimals = max(decimals, -math.floor(math.log10(apart)))
    return f"{rounded(low, decimals)} … {rounded(high, decimals)}"


def with_interval(
    value: float, low: float, high: float, unit: str = "", approximate: bool = False
) -> str:
    """Return `94.3 % [93.9, 94.7]`, or the number alone where it has no interval."""
    decimals = places(low, high)
    shown = unit and f" {unit}"
    if math.isnan(value):
        return NONE
    if math.isnan(low) or math.isnan(high):
        return f"{rounded(value, None)}{shown}"
    if low == high == value:
        return f"{rounded(value, None)}{shown}"
    ends = f"[{rounded(low, decimals)}, {rounded(high, decimals)}]"
    return f"{mark(approximate)}{rounded(value, decimals)}{shown} {ends}"


def ratio(
    value: float, low: float, high: float, unit: str = "", approximate: bool = False
) -> str:
    """Return a ratio with its interval, two digits each: it lives on a log scale."""
    if math.isnan(value):
        return NONE
    shown = unit and f" {unit}"
    if math.isnan(low) or math.isnan(high) or low == high:
        return f"{_two_digits(value)}{shown}"
    ends = f"[{_two_digits(low)}, {_two_digits(high)}]"
    return f"{mark(approximate)}{_two_digits(value)}{shown} {ends}"


def mark(approximate: bool) -> str:
    """Return the sign of an interval whose nominal coverage is not to be trusted."""
    return "≈" if approximate else ""


def _two_digits(value: float) -> str:
    if math.isinf(value) or value == 0:
        return rounded(value, None)
    return f"{value:.2g}" if abs(value) < 1e-3 else f"{float(f'{value:.2g}'):,g}"


def percent(value: float, low: float, high: float, approximate: bool = False) -> str:
    """Return a fraction of 1 with its interval, in percent."""
    return with_interval(100 * value, 100 * low, 100 * high, "%", approximate)


def probability(p: float) -> str:
    """Return a p-value: two digits, and never 0."""
    if math.isnan(p):
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
