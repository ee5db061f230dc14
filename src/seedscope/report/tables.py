"""The variance table: for the terminal, as Markdown, and with all digits as a frame.

`rows` makes the text of every cell once; the terminal, the note and the page show the
same rows. `frame` holds the unrounded numbers, one row per arm and score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from seedscope.analysis.results import ArmResult, Comparison, OnTestSet
from seedscope.report import asked
from seedscope.report.fitted import Fitted, fitted
from seedscope.report.harmless import markdown as text
from seedscope.report.rounding import (
    NONE,
    Unit,
    extremes,
    percent,
    places,
    ratio,
    unit_of,
    with_interval,
)
from seedscope.stats.share import Share
from seedscope.stats.spread import Spread

LEAST = ("test_set", "churn", "range", "share")  # columns that a terminal lacks first
SHOWN = 3  # scores with a table of their own, where nobody chose


@dataclass(frozen=True)
class Row:
    """One arm in the table of one score, as text."""

    arm: str
    runs: str
    mean: str
    sd: str
    range: str
    share: str
    churn: str
    test_set: str

    def cells(self, columns: Sequence[str]) -> list[str]:
        """Return the text under each column."""
        return [getattr(self, column) for column in columns]


HEADS = {
    "arm": "arm",
    "runs": "runs",
    "mean": "mean",
    "sd": "sd over runs",
    "range": "min … max",
    "share": "variance, all = 100 %",
    "churn": "two runs disagree",
    "test_set": "only finite test set",
}


def unit_in(comparison: Comparison, score: str) -> Unit:
    """Return the unit in which a comparison shows a score."""
    return unit_of(comparison.runs.about(score))


def shown_scores(comparison: Comparison) -> tuple[str, ...]:
    """Return the scores that get a table: what was tested, not how long it took."""
    lead = comparison.runs.score
    about = comparison.runs.about
    tested = [s for s in comparison.scores if about(s).part == "test" or s == lead]
    return tuple(tested or comparison.scores)[:SHOWN]


def rows(comparison: Comparison, score: str) -> list[Row]:
    """Return the table of one score, arms in the order of the study."""
    unit = unit_in(comparison, score)
    held = [_row(arm, score, unit) for arm in comparison.arms]
    return held + [_without_runs(*arm) for arm in comparison.runs.without_runs()]


def columns(table: Sequence[Row]) -> list[str]:
    """Return the columns that say something; one that is empty throughout is left out.

    The first four always stay.
    """
    names = list(HEADS)
    filled = [n for n in names[4:] if any(getattr(r, n) != NONE for r in table)]
    return names[:4] + filled


def terminal(comparison: Comparison, score: str, width: int) -> Fitted:
    """Return the table of one score for a terminal of so many characters."""
    body = rows(comparison, score)
    shown = columns(body)
    held = [row.arm for row in body[: len(comparison.arms)]]
    head, names = comparison.runs.short_names(held)
    names += [row.arm for row in body[len(held) :]]
    body = [replace(row, arm=name) for row, name in zip(body, names, strict=True)]
    return fitted(
        f"{score}, intervals at {100 * comparison.level:g} %",
        [head, *(HEADS[name] for name in shown[1:])],
        [row.cells(shown) for row in body],
        width,
        [shown.index(name) for name in LEAST if name in shown],
    )


def markdown(comparison: Comparison, score: str) -> str:
    """Return the table of one score as Markdown."""
    body = rows(comparison, score)
    shown = columns(body)
    lines = [_line(HEADS[name] for name in shown)]
    marks = [":---" if name == "arm" else "---:" for name in shown]
    lines.append(f"| {' | '.join(marks)} |")
    lines += [_line(row.cells(shown)) for row in body]
    return "\n".join(lines)


def frame(comparison: Comparison) -> pl.DataFrame:
    """Return every statistic unrounded: one row per arm and score."""
    table = [
        {"arm": arm.name, "vary": " ".join(arm.vary), "score": score}
        | statistics(arm, score, unit_in(comparison, score))
        | (asked.columns(comparison, arm.name) if score == comparison.score else {})
        for arm in comparison.arms
        for score in comparison.scores
    ]
    return pl.DataFrame(table, infer_schema_length=None)


def statistics(arm: ArmResult, score: str, unit: Unit) -> dict[str, float]:
    """Return {statistic: value} of one arm and score; these names are an interface."""
    found: dict[str, float] = {
        "runs": arm.runs,
        "diverged": arm.diverged,
        "missing": arm.planned - arm.runs,
    }
    spread = arm.spreads.get(score)
    if spread is not None:
        found |= {"diverged": spread.diverged} | _of_spread(spread)
        if unit.of_spread == "pp":
            names = ("sd", "sd_low", "sd_high", "range", "iqr", "mad")
            found |= {f"{name}_pp": 100 * found[name] for name in names}
    if (beyond := arm.beyond.get(score)) is not None:
        found |= {f"best_of_{k}": value for k, value in beyond.best_of.items()}
        if (ends := beyond.sd_bootstrap) is not None:
            found |= {"sd_bootstrap_low": ends.low, "sd_bootstrap_high": ends.high}
    if (share := arm.shares.get(score)) is not None:
        found |= {
            "share": share.ratio,
            "share_low": share.low,
            "share_high": share.high,
        }
    if arm.test_set is not None and is_tested(arm, score):
        found |= _of_test_set(arm.test_set)
    return found


def share_of(share: Share) -> str:
    """Return a share of `all`'s variance in percent."""
    values = (100 * v for v in (share.ratio, share.low, share.high))
    return ratio(*values, unit="%", approximate=share.approximate)


def is_tested(arm: ArmResult, score: str) -> bool:
    """Tell whether the stored predictions are what this score was computed from."""
    return arm.test_set is not None and score in arm.test_set.scores


def _of_spread(spread: Spread) -> dict[str, float]:
    names = ("mean", "mean_low", "mean_high", "mean_error", "mean_dof")
    names += ("sd", "sd_low", "sd_high", "median", "iqr", "mad", "cv", "range")
    names += ("effective_runs",)
    found = {"n": spread.replicates} | {n: getattr(spread, n) for n in names}
    rough = spread.mean_approximate, spread.approximate
    found |= {"mean_approximate": float(rough[0]), "sd_approximate": float(rough[1])}
    return found | {"min": spread.minimum, "max": spread.maximum}


def _of_test_set(on: OnTestSet) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in ("churn", "error_correlation"):
        if (pair := getattr(on, name)) is not None:
            found |= {
                name: pair.mean,
                f"{name}_low": pair.low,
                f"{name}_high": pair.high,
            }
    if on.split is not None:
        found |= {
            "test_set_sd": on.split.test_set**0.5,
            "test_set_share": on.split.share,
            "test_set_share_low": on.split.share_low,
            "test_set_share_high": on.split.share_high,
            "distribution_variance": on.split.distribution,
            "distribution_variance_se": on.split.distribution_se,
        }
    if on.ensemble is not None:
        found |= {
            "ensemble_gain": on.ensemble.gain,
            "ensemble_gain_low": on.ensemble.low,
            "ensemble_gain_high": on.ensemble.high,
        }
    return found


def _row(arm: ArmResult, score: str, unit: Unit) -> Row:
    spread, share = arm.spreads.get(score), arm.shares.get(score)
    mean = sd = span = NONE
    if spread is not None:
        low, high = (unit.scale * v for v in (spread.mean_low, spread.mean_high))
        rough = spread.mean_approximate
        mean = with_interval(unit.scale * spread.mean, low, high, unit.of_score, rough)
        sd = _sd(spread, unit)
        decimals = places(low, high)
        if spread.replicates > 1:
            least, most = (unit.scale * v for v in (spread.minimum, spread.maximum))
            span = extremes(least, most, decimals)
    tested = arm.test_set if is_tested(arm, score) else None
    return Row(
        arm=arm.name,
        runs=_runs(arm, spread),
        mean=mean,
        sd=sd,
        range=span,
        share=share_of(share) if share else NONE,
        churn=_churn(tested),
        test_set=_part(tested),
    )


def _without_runs(arm: str, planned: int) -> Row:
    rest = dict.fromkeys(HEADS, NONE) | {"arm": arm, "runs": f"0 ({planned} missing)"}
    return Row(**rest)


def _sd(spread: Spread, unit: Unit) -> str:
    if spread.replicates < 2:
        return NONE
    values = [unit.scale * v for v in (spread.sd, spread.sd_low, spread.sd_high)]
    rough = spread.approximate
    return with_interval(*values, unit=unit.of_spread, approximate=rough)


def _runs(arm: ArmResult, spread: Spread | None) -> str:
    extra = []
    diverged = arm.diverged if spread is None else spread.diverged
    if diverged:
        extra.append(f"{diverged} diverged")
    held = 0 if spread is None else spread.replicates
    if held and (without := arm.runs - held - diverged):
        extra.append(f"{without} without it")
    if arm.runs < arm.planned:
        extra.append(f"{arm.planned - arm.runs} missing")
    return f"{arm.runs} ({', '.join(extra)})" if extra else str(arm.runs)


def _churn(tested) -> str:
    if tested is None or tested.churn is None:
        return NONE
    churn = tested.churn
    return percent(churn.mean, churn.low, churn.high, churn.approximate)


def _part(tested) -> str:
    split = tested.split if tested else None
    if split is None or split.observed == 0:
        return NONE
    return percent(split.share, split.share_low, split.share_high, split.approximate)


def _line(cells) -> str:
    return "| " + " | ".join(text(str(c)) for c in cells) + " |"
