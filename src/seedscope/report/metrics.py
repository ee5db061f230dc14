"""Name every statistic as a metric of the study run: `init/test_accuracy/sd`.

People chart these names in the MLflow UI, so they are an interface. The UI rounds to
two decimals; the spread of an accuracy is there in percentage points too (`sd_pp`).
"""

import re
from collections.abc import Sequence
from itertools import chain, count

from seedscope.analysis.results import Comparison, Estimate
from seedscope.report.tables import statistics, unit_in


def of_comparison(comparison: Comparison) -> dict[str, float]:
    """Return {metric: value} for every arm and score; NaN where there is no number."""
    found: dict[str, float] = {}
    called = _parts([arm.name for arm in comparison.arms])
    for arm in comparison.arms:
        for score in comparison.scores:
            path = f"{called[arm.name]}/{_part(score)}"
            values = statistics(arm, score, unit_in(comparison, score))
            found |= {f"{path}/{name}": value for name, value in values.items()}
        if arm.repeats:
            found[f"{called[arm.name]}/bit_identical"] = float(arm.repeats.identical)
    for result in comparison.attributions:
        path = f"{called[result.arm]}/{_part(result.score)}"
        for effect in result.effects:
            found |= _ends(f"{path}/total_{effect.source}", effect.total)
            found |= _ends(f"{path}/first_{effect.source}", effect.first)
    return found


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    names = (name, f"{name}_low", f"{name}_high")
    return dict(zip(names, estimate, strict=True))


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
