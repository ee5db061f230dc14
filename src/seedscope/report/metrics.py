"""Name the few statistics that are metrics of a study: `study/init/test_accuracy/sd`.

People chart these names in the MLflow UI, so they are an interface; all others stand in
the tables beside the page. They begin with `study/`, so that charts open on `batch`.
The UI rounds to two decimals: the spread of an accuracy is there in percentage points
too (`sd_pp`).
"""

import re
from collections.abc import Sequence
from itertools import chain, count

from seedscope.analysis.results import Comparison
from seedscope.report.tables import statistics, unit_in

SHOWN = (  # of each arm and the leading score, as far as there is a number
    *("mean", "mean_low", "mean_high", "sd", "sd_low", "sd_high", "sd_pp", "share"),
)
OF_CONTROL = ("mean", "sd")


def of_comparison(comparison: Comparison) -> dict[str, float]:
    """Return {metric: value}, at most eight an arm; NaN where there is no number."""
    found: dict[str, float] = {}
    called = _parts([arm.name for arm in comparison.arms])
    score = comparison.score
    for arm in comparison.arms:
        path = f"study/{called[arm.name]}/{_part(score)}"
        values = statistics(arm, score, unit_in(comparison, score))
        shown = OF_CONTROL if arm.repeats else SHOWN
        found |= {f"{path}/{name}": values[name] for name in shown if name in values}
        if arm.repeats:
            found[f"study/{called[arm.name]}/bit_identical"] = float(
                arm.repeats.identical
            )
    return found


def _parts(names: Sequence[str]) -> dict[str, str]:
    """Return the part of a path for each arm; two never share one."""
    found: dict[str, str] = {}
    for name in names:
        plain, taken = _part(name), set(found.values())
        others = (f"{plain} {number}" for number in count(2))
        found[name] = next(part for part in chain([plain], others) if part not in taken)
    return found


def _part(name: str) -> str:
    """Return one part of a metric's path: letters that every store takes, no slash."""
    return re.sub(r"[^\w.\- :]", "_", name)
