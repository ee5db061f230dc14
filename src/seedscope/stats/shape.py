"""Do runs lie apart? Collapsed trainings, lumps, outliers and ties, before any mean.

The gap rule: the largest gap between neighbours is more than GAP times the sd within
the two sides. Simulated false alarms (3,000 samples; one run apart / two or more):

=========  ===========  ===========  ==============  =============
runs       normal       t5           lognormal .5    lognormal 1
=========  ===========  ===========  ==============  =============
8          .018 / .010  .040 / .010  .080 / .021     .24 / .046
10         .006 / .003  .023 / .001  .048 / .008     .22 / .036
20         .000 / .000  .017 / .000  .032 / .001     .19 / .028
100        .000 / .000  .021 / .000  .020 / .000     .19 / .023
=========  ===========  ===========  ==============  =============

With fewer runs normal scores gape as often as 22 % (n = 4), so there the gap has to be
CLEAR times the sd. Hartigan's dip finds lumps that touch, from about 30 runs on.
"""

from dataclasses import dataclass

import numpy as np

from seedscope.stats.interval import finite_scores

GAP, CLEAR = 5.0, 20.0  # sds within the sides
FEW = 8  # runs; below, CLEAR holds
DIP = 0.01  # p of Hartigan's test below which two lumps are named
MOST = 50_000  # runs that the dip is computed for


@dataclass(frozen=True)
class Shape:
    """What a reader must know of the scores before a mean of them."""

    runs: int
    apart: tuple[int, ...]  # places of the runs on the smaller side of a gap
    centre: float  # mean of those; nan where there are none
    rest: float  # mean of the others
    dip_p: float  # nan: too few runs or values
    lumps: tuple[int, int] | None  # runs in two lumps that touch, by the dip
    distinct: int  # different scores

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing has to be said."""
        return not self.apart and self.lumps is None and not self.tied

    @property
    def tied(self) -> bool:
        """Tell whether half of the scores are repeated ones, but not all are equal."""
        return 1 < self.distinct <= self.runs / 2 and self.runs >= 4


def shape(scores: np.ndarray) -> Shape:
    """Look for runs that lie apart, for two lumps and for ties.

    Args:
        scores: shape (replicates,); the places in `apart` are those of this array.

    Reference:
        Hartigan & Hartigan (1985), Annals of Statistics 13, 70-84.
    """
    scores = finite_scores(scores)
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    distinct = int(np.unique(ordered).size)
    split = _gap(ordered, distinct)
    if split is not None:
        low, high = order[:split], order[split:]
        few, many = (low, high) if len(low) <= len(high) else (high, low)
        places = tuple(sorted(int(place) for place in few))
        centre, rest = float(scores[few].mean()), float(scores[many].mean())
        return Shape(scores.size, places, centre, rest, np.nan, None, distinct)
    p, lumps = _dip(ordered, distinct)
    nothing = float("nan")
    rest = float(scores.mean())
    return Shape(scores.size, (), nothing, rest, p, lumps, distinct)


def _gap(ordered: np.ndarray, distinct: int) -> int | None:
    """Return how many runs lie below the gap, None where there is none."""
    runs = ordered.size
    if runs < 4 or distinct < 3:  # of two values nobody knows how fine the score is
        return None
    size = float(np.abs(ordered - ordered[0]).max())
    scaled = (ordered - ordered[0]) / size
    gaps = np.diff(scaled)
    split = int(gaps.argmax()) + 1
    if gaps[split - 1] < 3 * gaps[gaps > 0].min():  # as coarse as the test set is small
        return None
    sides = scaled[:split], scaled[split:]
    within = np.sqrt(sum(((s - s.mean()) ** 2).sum() for s in sides) / (runs - 2))
    needed = GAP if runs >= FEW else CLEAR
    return split if gaps[split - 1] > needed * within else None


def _dip(ordered: np.ndarray, distinct: int) -> tuple[float, tuple[int, int] | None]:
    """Return the p of the dip, and the sizes of two lumps where it is small."""
    runs = ordered.size
    if not FEW <= runs <= MOST or distinct <= runs / 2:
        return float("nan"), None
    from diptest import diptest  # half a second that most commands do not need

    p = float(diptest(ordered)[1])
    if p >= DIP:
        return p, None
    scaled = ordered - ordered.mean()
    below = np.arange(1, runs)
    left = scaled.cumsum()[:-1]
    between = left**2 / below + left**2 / (runs - below)  # sum of squares explained
    split = int(between.argmax()) + 1
    return p, (split, runs - split)
