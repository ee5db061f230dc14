"""What two runs of one arm do differently: labels, errors, weights.

All numbers are means over pairs of runs. Pairs share runs, so they are not independent:
every interval is a jackknife over runs, never over pairs. The test set is held fixed.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from seedscope.stats.interval import check_level
from seedscope.stats.spread import Spread, mean_ends, spread

# Simulated coverage is .90-.985 below 20 runs and .92-.98 from there on: where pairs
# are nearly independent the jackknife is too wide, where runs differ much too narrow.
APPROXIMATE_BELOW = 20
_CELLS = 4_000_000  # labels counted at once: 32 MB


@dataclass(frozen=True)
class PairMean:
    """Mean over all pairs of runs of some disagreement or likeness."""

    replicates: int
    mean: float
    low: float  # nan with two runs: one pair has no interval
    high: float
    level: float
    approximate: bool


@dataclass(frozen=True)
class PairMatrix:
    """A value for each pair of runs and its mean."""

    matrix: np.ndarray  # (runs, runs), symmetric
    mean: PairMean


@dataclass(frozen=True)
class EnsembleGain:
    """What averaging the probabilities of all runs gains over a single run."""

    replicates: int
    examples: int
    single_accuracy: float  # mean over runs
    ensemble_accuracy: float
    gain: float
    low: float  # over draws of test examples; the runs are held fixed
    high: float
    level: float
    approximate: bool


@dataclass(frozen=True)
class ClassSpread:
    """Spread over runs of the accuracy on the examples of one class."""

    label: int
    examples: int
    spread: Spread


def churn(labels: np.ndarray, level: float = 0.95) -> PairMean:
    """Estimate how often two runs give one test example different labels.

    Counts classes per example: O(runs x examples), no pair is ever formed.

    Args:
        labels: predicted class of each example in each run, shape (runs, examples),
            integers from 0 on.
        level: coverage of the interval.

    Raises:
        ValueError: fewer than two runs, or not integers from 0 on.

    Reference:
        Milani Fard et al. (2016), "Launch and iterate: reducing prediction churn".
    """
    labels = _label_table(labels)
    runs, examples = labels.shape
    others = np.zeros(runs)  # agreements of each run with all others
    classes = int(labels.max()) + 1
    block = max(1, _CELLS // max(runs, classes))
    for start in range(0, examples, block):
        part = labels[:, start : start + block].astype(np.int64)
        cell = part + classes * np.arange(part.shape[1])
        counts = np.bincount(cell.ravel(), minlength=classes * part.shape[1])
        others += (counts[cell] - 1).sum(axis=1)
    disagreements = (runs - 1) * examples - others
    return _mean_over_pairs(disagreements / examples, level, (0.0, 1.0))


def flip_rates(labels: np.ndarray) -> np.ndarray:
    """Return for each example how often two runs label it differently, (examples,).

    Its mean is the churn.

    Args:
        labels: shape (runs, examples), integers from 0 on.
    """
    labels = _label_table(labels)
    runs, examples = labels.shape
    classes = int(labels.max()) + 1
    rates = np.empty(examples)
    block = max(1, _CELLS // max(runs, classes))
    for start in range(0, examples, block):
        part = labels[:, start : start + block].astype(np.int64)
        width = part.shape[1]
        cell = part + classes * np.arange(width)[None, :]
        counts = np.bincount(cell.ravel(), minlength=classes * width)
        same = (counts.reshape(width, classes) ** 2).sum(axis=1) - runs
        rates[start : start + width] = 1 - same / (runs * (runs - 1))
    return rates


def error_correlation(correct: np.ndarray, level: float = 0.95) -> PairMatrix:
    """Return the correlation over examples of the errors of each pair of runs.

    Args:
        correct: 0 or 1, shape (runs, examples).
        level: coverage of the interval of the mean.

    Raises:
        ValueError: a run without any error, or with nothing but errors, has none.
    """
    correct = correct_table(correct).astype(np.float64)
    centred = correct - correct.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    flat = np.flatnonzero(length == 0)
    if flat.size:
        raise ValueError(
            f"runs {flat.tolist()} get all examples right or all wrong; their errors "
            "correlate with nothing, leave them out"
        )
    centred /= length
    matrix = np.clip(centred @ centred.T, -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return PairMatrix(matrix, _mean_over_pairs(matrix.sum(axis=1) - 1, level))


def weight_distance(
    weights: np.ndarray, kind: str = "l2", level: float = 0.95
) -> PairMatrix:
    """Return the distance between the weights of each pair of runs.

    Distances are summed from differences, so runs one bit apart keep their distance.

    Args:
        weights: all weights of each run in one order, shape (runs, parameters).
        kind: "l2", in the unit of the weights, or "cosine": 1 - cos of the angle.
        level: coverage of the interval of the mean.

    Raises:
        ValueError: not finite, an unknown kind, or cosine of weights that are all 0.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or len(weights) < 2 or not np.isfinite(weights).all():
        raise ValueError(
            f"need finite weights (runs, parameters) of 2 or more runs, got shape "
            f"{weights.shape}"
        )
    if kind not in ("l2", "cosine"):
        raise ValueError(f"kind is l2 or cosine, got {kind!r}")
    if kind == "cosine":
        length = np.linalg.norm(weights, axis=1, keepdims=True)
        if not length.all():
            raise ValueError("weights that are all 0 have no direction")
        # 1 - cos = |a - b|^2 / 2 of unit vectors, without cancellation
        matrix = squareform(pdist(weights / length, "sqeuclidean")) / 2
    else:
        matrix = squareform(pdist(weights))
    return PairMatrix(matrix, _mean_over_pairs(matrix.sum(axis=1), level))


def ensemble_gain(
    probabilities: np.ndarray, y: np.ndarray, level: float = 0.95
) -> EnsembleGain:
    """Compare the accuracy of the averaged probabilities with that of a single run.

    Args:
        probabilities: shape (runs, examples, classes).
        y: true class of each example, shape (examples,).
        level: coverage of the interval of the gain over draws of test examples.

    Raises:
        ValueError: shapes do not fit or a probability is not finite.

    Reference:
        Lakshminarayanan et al. (2017), "Simple and scalable predictive uncertainty
        estimation using deep ensembles".
    """
    probabilities, y = np.asarray(probabilities), np.asarray(y)
    if probabilities.ndim != 3 or y.shape != probabilities.shape[1:2]:
        raise ValueError(
            f"need (runs, examples, classes) and (examples,), got "
            f"{probabilities.shape} and {y.shape}"
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("a probability is NaN or infinite; leave diverged runs out")
    check_level(level)
    runs, examples, _ = probabilities.shape
    single = (probabilities.argmax(axis=2) == y).mean(axis=0)
    together = probabilities.mean(axis=0, dtype=np.float64).argmax(axis=1) == y
    gains = together - single
    half = np.nan
    if examples > 1:
        half = stats.t.ppf((1 + level) / 2, examples - 1) * stats.sem(gains)
    gain = float(gains.mean())
    return EnsembleGain(
        replicates=runs,
        examples=examples,
        single_accuracy=float(single.mean()),
        ensemble_accuracy=float(together.mean()),
        gain=gain,
        low=gain - half,
        high=gain + half,
        level=level,
        approximate=int(np.count_nonzero(gains)) < 30,
    )


def class_spread(
    correct: np.ndarray,
    y: np.ndarray,
    level: float = 0.95,
    seeds: np.ndarray | None = None,
) -> tuple[ClassSpread, ...]:
    """Return the spread over runs of the accuracy on each class, in label order.

    Args:
        correct: 0 or 1, shape (runs, examples).
        y: true class of each example, shape (examples,).
        level: coverage of the intervals.
        seeds: of the runs, shape (runs, sources); those that share one count as such.
    """
    correct, y = correct_table(correct), np.asarray(y)
    if y.shape != correct.shape[1:]:
        raise ValueError(f"need one true class per example, got {y.shape}")
    return tuple(
        ClassSpread(
            int(label),
            int((y == label).sum()),
            spread(correct[:, y == label].mean(axis=1), level, 0, seeds),
        )
        for label in np.unique(y)
    )


def correct_table(correct: np.ndarray) -> np.ndarray:
    """Return 0/1 correctness as bytes, shape (runs, examples).

    Raises:
        ValueError: fewer than two runs, no example, or a value other than 0 and 1.
    """
    correct = np.asarray(correct)
    if correct.ndim != 2 or correct.shape[0] < 2 or correct.shape[1] < 1:
        raise ValueError(
            f"need (runs, examples) with two or more runs, got {correct.shape}"
        )
    if not ((correct == 0) | (correct == 1)).all():
        raise ValueError("correct holds 1 where a run is right and 0 where it is wrong")
    return correct.astype(np.uint8)


def _label_table(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.shape[0] < 2 or labels.shape[1] < 1:
        raise ValueError(
            f"need (runs, examples) with two or more runs, got {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError("labels are classes: integers from 0 on")
    return labels


def _mean_over_pairs(
    row_sums: np.ndarray,
    level: float,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> PairMean:
    """Return the mean over pairs and its jackknife interval over runs.

    Args:
        row_sums: for each run, the sum of its values with all other runs.
        level: coverage, in (0, 1).
        bounds: that no value can pass: the interval is then made on the logit scale.
    """
    check_level(level)
    runs = row_sums.size
    total = row_sums.sum() / 2
    mean = total / (runs * (runs - 1) / 2)
    if runs == 2:
        return PairMean(2, float(mean), np.nan, np.nan, level, True)
    left_out = (total - row_sums) / ((runs - 1) * (runs - 2) / 2)
    se = np.sqrt((runs - 1) / runs * ((left_out - left_out.mean()) ** 2).sum())
    ends, _ = mean_ends(float(mean), float(se), runs - 1, level, bounds)
    return PairMean(
        replicates=runs,
        mean=float(mean),
        low=ends[0],
        high=ends[1],
        level=level,
        approximate=runs < APPROXIMATE_BELOW,
    )
