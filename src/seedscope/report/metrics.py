"""Name every statistic as a metric of the study run: `init/test_accuracy/sd`.

People chart these names in the MLflow UI, so they are an interface. The UI rounds to
two decimals; the spread of an accuracy is there in percentage points too (`sd_pp`).
"""

import re

from seedscope.analysis.results import Comparison, Estimate
from seedscope.report.tables import statistics, unit_in


def of_comparison(comparison: Comparison) -> dict[str, float]:
    """Return {metric: value} for every arm and score; NaN where there is no number."""
    found: dict[str, float] = {}
    for arm in comparison.arms:
        for score in comparison.scores:
            path = f"{_part(arm.name)}/{_part(score)}"
            values = statistics(arm, score, unit_in(comparison, score))
            found |= {f"{path}/{name}": value for name, value in values.items()}
        if arm.repeats:
            found[f"{_part(arm.name)}/bit_identical"] = float(arm.repeats.identical)
    for result in comparison.attributions:
        path = f"{_part(result.arm)}/{_part(result.score)}"
        for effect in result.effects:
            found |= _ends(f"{path}/total_{effect.source}", effect.total)
            found |= _ends(f"{path}/first_{effect.source}", effect.first)
    return found


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    names = (name, f"{name}_low", f"{name}_high")
    return dict(zip(names, estimate, strict=True))


def _part(name: str) -> str:
    """Return one part of a metric's path: letters that every store takes, no slash."""
    return re.sub(r"[^\w.\- :]", "_", name)
