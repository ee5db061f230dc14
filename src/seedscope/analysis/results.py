"""What a comparison finds, as data: `report` shows it, `tracking` stores it.

Every number is in the unit of its score; an accuracy is a fraction of 1 here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seedscope.runs.score import Score
from seedscope.runs.table import Runs
from seedscope.stats.attribution import Attribution
from seedscope.stats.compare import Comparison as Against
from seedscope.stats.compare import MeanDifference
from seedscope.stats.components import Components
from seedscope.stats.curves import Bands, Reach
from seedscope.stats.interval import Interval
from seedscope.stats.multi_bootstrap import TwoWays
from seedscope.stats.nested import Nested
from seedscope.stats.oneway import OneWay
from seedscope.stats.pairs import ClassSpread, EnsembleGain, PairMean
from seedscope.stats.planning import WhatCanBeSaid
from seedscope.stats.recommend import Recommendation
from seedscope.stats.robust import TrimmedMean
from seedscope.stats.shape import Shape
from seedscope.stats.share import ArmPair, Share
from seedscope.stats.spread import Spread
from seedscope.stats.target import AgainstTarget
from seedscope.stats.tasks import OverTasks, Profile
from seedscope.stats.test_set import FiniteTestSet
from seedscope.stats.verdict import Verdict


@dataclass(frozen=True)
class Repeats:
    """Whether runs with the same settings and seeds gave the same bits."""

    runs: int
    distinct: int  # different final weights; 1: bit-identical

    @property
    def identical(self) -> bool:
        """Tell whether every run ended in the same bits."""
        return self.distinct == 1


@dataclass(frozen=True)
class OnTestSet:
    """What the runs of an arm do differently on one test set that they share."""

    examples: int
    split: FiniteTestSet | None  # none where the score is no mean over examples
    churn: PairMean | None  # classification only, as all below
    error_correlation: PairMean | None  # none where a run is right or wrong throughout
    ensemble: EnsembleGain | None  # none where only labels were stored
    classes: tuple[ClassSpread, ...]
    scores: tuple[str, ...] = ()  # that the stored predictions give again
    flips: tuple[tuple[str, float], ...] = ()  # examples whose label flips most


@dataclass(frozen=True)
class Beyond:
    """What resampling and ranking say of the leading score of an arm."""

    sd_bootstrap: Interval | None  # none below 20 runs or without spread
    best_of: dict[int, float]  # k -> expected best of k runs, up to the runs there are


@dataclass(frozen=True)
class ArmShape:
    """The shape of one arm's scores, with the names of the runs that lie apart."""

    arm: str
    score: str
    shape: Shape
    names: tuple[str, ...]  # of the runs apart: their seeds, else their ids


@dataclass(frozen=True)
class ArmResult:
    """What one arm's runs say."""

    name: str
    vary: tuple[str, ...]
    free: bool  # all varies that varies where nobody fixes a seed
    runs: int  # finished, diverged ones included
    diverged: int  # by the leading score: NaN, infinite or recorded as such
    planned: int
    spreads: dict[str, Spread]  # score -> spread; none where no run holds the score
    shares: dict[str, Share]  # score -> variance relative to the arm `all`
    beyond: dict[str, Beyond]  # of the leading score
    test_set: OnTestSet | None  # none without predictions on one shared test set
    weight_distance: dict[str, PairMean]  # l2, cosine; empty without stored weights
    repeats: Repeats | None  # where nothing varies
    notes: tuple[str, ...]  # what a reader must know about this arm
    shape: ArmShape | None = None  # of the leading score; none: nothing to be said


@dataclass(frozen=True)
class Curve:
    """One metric over the epochs, of every run of an arm that holds it."""

    metric: str
    steps: np.ndarray  # (steps,), counted from 1; those at which any run has a value
    values: np.ndarray  # (runs, steps); NaN where a run has none, as after its end
    band: Bands | None  # over the first `shortest` steps; none with one run
    shortest: int  # steps from the first on that every run has


@dataclass(frozen=True)
class Noise:
    """Noise from batch to batch in one run, and the spread between runs, over time."""

    metric: str
    steps: np.ndarray  # (blocks,), the middle of each block of batches
    within: np.ndarray  # (blocks,), sd around a line in single runs, mean over runs
    between: Bands  # of the means over a block
    batches: int  # in a block
    cut: bool  # it ends where the first run does, and others go on


@dataclass(frozen=True)
class Parting:
    """When the runs of an arm part from its first run."""

    first_steps: np.ndarray  # (runs - 1,), first batch whose loss differs; -1: never


@dataclass(frozen=True)
class ArmCurves:
    """The curves of one arm, diverged runs left out."""

    curve: Curve
    threshold: float | None  # the height whose reaching is timed
    reach: Reach | None
    noise: Noise | None  # none with too few batches
    parting: Parting | None  # none with one run


Estimate = tuple[float, float, float]  # value, and the ends of its interval


@dataclass(frozen=True)
class SourceEffect:
    """What one source does to the variance; shares of different sources overlap."""

    source: str
    first: Estimate  # lost when its seed is fixed
    total: Estimate  # seen when only its seed varies


@dataclass(frozen=True)
class ArmAttribution:
    """Shares of the variance of one arm by source. No parts of a whole."""

    arm: str
    score: str
    method: str
    effects: tuple[SourceEffect, ...]
    pairs: Attribution
    components: Components | None
    approximate: bool
    warning: str | None


@dataclass(frozen=True)
class Level:
    """What one level does at which nothing varies, next to the factor's first level."""

    arm: str
    repeats: Repeats | None  # none with one run
    draws: dict[str, bool]  # draw -> equal in all repeats
    first_step: int | None  # first batch whose loss is not the baseline's; -1: none
    own_first_step: int | None  # the same between repeats of this level
    distance: np.ndarray | None  # (snapshots,); 1: as far as the baseline went
    own_distance: float | None  # final one between repeats, in the same unit
    churn: float | None  # test examples with another label than the baseline gives
    score_difference: float
    seconds_ratio: float  # of medians


@dataclass(frozen=True)
class Contrast:
    """Two arms that differ in one setting only; the base is at its first level."""

    setting: str
    base: str
    other: str
    spread: Share | None  # variance of other over base; none where one does not vary
    mean: MeanDifference  # other - base
    seconds: float  # of a run, other over base; NaN where not known
    spread_holm: float = math.nan  # p of equal spreads, adjusted over all contrasts
    mean_holm: float = math.nan  # p of equal means, adjusted in the same way


@dataclass(frozen=True)
class Advice:
    """What the runs of one arm can say."""

    arm: str
    score: str
    spread: Spread
    said: WhatCanBeSaid
    runs_for_half_the_interval: int  # of the mean
    designs: tuple[Recommendation, ...]  # to tell the sources apart, by budget
    budgets: tuple[int, ...]  # runs of the whole study


@dataclass(frozen=True)
class TwoGroups:
    """A against B in one score; differences are A - B as logged."""

    a: str
    b: str
    score: str
    about: Score  # what is known of the score
    direction: str | None  # "higher" or "lower", the better one; None: not known
    runs: tuple[int, int]  # that were asked for, diverged ones included
    diverged: tuple[int, int]  # left out
    without_partner: tuple[int, int]  # left out: no run of the other has their seeds
    result: Against
    verdict: Verdict
    shapes: tuple[ArmShape, ...] = ()  # of the groups of which something must be said
    context: Mapping[str, str] = field(default_factory=dict)  # what was run, in words

    @property
    def lower_is_better(self) -> bool:
        """Tell whether the lower score is known to be the better one."""
        return self.direction == "lower"


@dataclass(frozen=True)
class Asked:
    """What people ask beside the table, by arm; one without an answer is missing."""

    score: str
    targets: dict[str, AgainstTarget] = field(default_factory=dict)
    one_way: dict[str, tuple[str, OneWay]] = field(default_factory=dict)  # source
    nested: dict[str, Nested] = field(default_factory=dict)
    robust: dict[str, tuple[TrimmedMean, ...]] = field(default_factory=dict)
    tasks: dict[str, OverTasks] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    examples: dict[str, TwoWays] = field(default_factory=dict)
    differences: dict[tuple[str, str], TwoWays] = field(default_factory=dict)  # A - B
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """The comparison of all arms."""

    title: str
    score: str  # the one that tables and figures lead with
    scores: tuple[str, ...]
    level: float  # of every interval
    arms: tuple[ArmResult, ...]
    curves: dict[str, ArmCurves]  # arm -> curves; empty without traces
    attributions: tuple[ArmAttribution, ...]  # of arms whose seed table allows it
    spread_tests: tuple[ArmPair, ...]
    advice: Advice | None  # none where no score varies
    notes: tuple[str, ...]  # what a reader must know about the study
    runs: Runs
    asked: Asked
    levels: tuple[Level, ...] = ()  # where two or more arms vary nothing
    contrasts: tuple[Contrast, ...] = ()  # arms that differ in one setting only

    @property
    def control(self) -> ArmResult | None:
        """The one arm in which nothing varies; several are levels to be compared."""
        found = [arm for arm in self.arms if arm.repeats]
        return found[0] if len(found) == 1 else None
