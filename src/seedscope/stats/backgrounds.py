"""Share of a source that was varied alone, over several fixed backgrounds.

A background is one set of seeds for everything that is held still. How much a source
moves the score depends on it: with strong interactions infinitely many runs on one
background still leave a coefficient of variation over 100 %. So the share is averaged
over backgrounds, its interval comes from the differences between them, and one
background gives a warning instead of a conclusion.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from seedscope.stats.interval import check_level, finite_scores
from seedscope.stats.share import Share, variance_share
from seedscope.stats.spread import log_sd_pseudo_values, sd_of

FEWEST = 5  # backgrounds; simulated coverage is .88-.91 with 2 and .92-.96 from 5 on
ONE_BACKGROUND = (
    "only one background was used (the seeds of the sources that were fixed): the "
    "interval holds for it alone and says nothing about others"
)
FEW_BACKGROUNDS = "few backgrounds were used: the interval is approximate below 5"


@dataclass(frozen=True)
class AloneShare:
    """Variance of one source alone, averaged over backgrounds, relative to all."""

    share: Share
    backgrounds: int
    warning: str | None


def alone_share(
    alone: np.ndarray,
    everything: np.ndarray,
    background: np.ndarray,
    level: float = 0.95,
) -> AloneShare:
    """Estimate the share of a source from runs on several backgrounds.

    Args:
        alone: scores of the arm that varies the source alone, shape (runs,).
        everything: scores of the arm that varies every source, shape (replicates,).
        background: which fixed background each run of `alone` had, integers, (runs,).
        level: coverage of the interval.

    Raises:
        ValueError: fewer than two runs in an arm, no background with two runs, shapes
            that do not fit, or a score that is not finite.

    Reference:
        Jansen (1999), Computer Physics Communications 117, 35-43 (the total index).
    """
    check_level(level)
    alone, everything = finite_scores(alone, 2), finite_scores(everything, 2)
    background = np.asarray(background)
    if background.shape != alone.shape:
        raise ValueError(f"need one background per run, got {background.shape}")
    groups = [alone[background == b] for b in np.unique(background)]
    groups = [group for group in groups if group.size > 1]
    if not groups:
        raise ValueError("no background has two runs, so nothing varies alone in any")
    if len(groups) == 1:
        share = variance_share(groups[0], everything, level)
        return AloneShare(_approximate(share), 1, ONE_BACKGROUND)
    warning = FEW_BACKGROUNDS if len(groups) < FEWEST else None
    share = _pooled_share(groups, everything, level)
    return AloneShare(share, len(groups), warning)


def _pooled_share(
    groups: list[np.ndarray], everything: np.ndarray, level: float
) -> Share:
    """Pool the variances within backgrounds; jackknife over them on the log scale."""
    below = sd_of(everything)
    dofs = np.array([group.size - 1 for group in groups])
    runs = int(dofs.sum()) + len(groups)
    within = np.array([sd_of(group) for group in groups])
    if below == 0 or not within.any():
        ratio = 0.0 if below else np.inf if within.any() else np.nan
        return Share(
            ratio=ratio,
            low=ratio,
            high=ratio,
            level=level,
            method="constant",
            approximate=bool(below == 0),
            replicates=runs,
            replicates_all=everything.size,
        )
    squares = dofs * (within / below) ** 2
    ratio = squares.sum() / dofs.sum()
    left_out = (squares.sum() - squares) / (dofs.sum() - dofs)
    ends = 0.0, np.inf
    if left_out.all() and everything.size > 2:
        logs = np.log(left_out)
        count = len(groups)
        parts = np.array(
            [
                (count - 1) / count * ((logs - logs.mean()) ** 2).sum(),
                4 * _log_sd_error(everything / below) ** 2,
            ]
        )
        dof = parts.sum() ** 2 / (parts**2 / [count - 1, everything.size - 1]).sum()
        half = stats.t.ppf((1 + level) / 2, dof) * np.sqrt(parts.sum())
        ends = ratio * np.exp(-half), ratio * np.exp(half)
    return Share(
        ratio=float(ratio),
        low=float(ends[0]),
        high=float(ends[1]),
        level=level,
        method="jackknife over backgrounds",
        approximate=len(groups) < FEWEST,
        replicates=runs,
        replicates_all=everything.size,
    )


def _log_sd_error(scores: np.ndarray) -> float:
    pseudo = log_sd_pseudo_values(scores - scores[0])
    return float(pseudo.std(ddof=1) / np.sqrt(scores.size))


def _approximate(share: Share) -> Share:
    return Share(**{**share.__dict__, "approximate": True})
