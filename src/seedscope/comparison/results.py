"""What a comparison finds, as data: `report` shows it, `tracking` stores it.

Every number is in the unit of its score; an accuracy is a fraction of 1 here.
"""

from dataclasses import dataclass

from seedscope.runs import Runs
from seedscope.stats.pairs import ClassSpread, EnsembleGain, PairMean
from seedscope.stats.share import Share
from seedscope.stats.spread import Spread
from seedscope.stats.test_set import FiniteTestSet


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


@dataclass(frozen=True)
class ArmResult:
    """What one arm's runs say."""

    name: str
    vary: tuple[str, ...]
    runs: int  # finished, diverged ones included
    diverged: int
    planned: int
    spreads: dict[str, Spread]  # score -> spread; none where no run holds the score
    shares: dict[str, Share]  # score -> variance relative to the arm `all`
    test_set: OnTestSet | None  # none without predictions on one shared test set
    weight_distance: dict[str, PairMean]  # l2, cosine; empty without stored weights
    repeats: Repeats | None  # where nothing varies
    notes: tuple[str, ...]  # what a reader must know about this arm


@dataclass(frozen=True)
class Comparison:
    """The comparison of all arms."""

    title: str
    score: str  # the one that tables and figures lead with
    scores: tuple[str, ...]
    level: float  # of every interval
    arms: tuple[ArmResult, ...]
    notes: tuple[str, ...]  # what a reader must know about the study
    runs: Runs

    @property
    def control(self) -> ArmResult | None:
        """The arm in which nothing varies, if there is one."""
        return next((arm for arm in self.arms if arm.repeats), None)
