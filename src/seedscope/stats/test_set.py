"""How much of the spread of a score is only the finite test set.

Two runs that are equally good on the whole distribution still differ on n examples,
because they err on different ones. Were the errors independent between examples, the
mean over n examples would vary by sum_i s_i^2 / n^2, with s_i^2 the variance over runs
on example i. What is left, times n / (n - 1), estimates without bias the variance on
the distribution. It is often negative: that is noise about a small number, and it is
shown. To resolve a quarter of the test set's sd takes about 1,400 runs.

The same split holds for any mean over examples: accuracy or mean squared error.
"""

from dataclasses import dataclass

import numpy as np

from seedscope.stats.interval import check_level
from seedscope.stats.pairs import correct_table
from seedscope.stats.spread import sd_interval, sd_of


@dataclass(frozen=True)
class FiniteTestSet:
    """The variance over runs of a mean over examples, split in two.

    Variances are in the squared unit of the score. observed = test_set +
    distribution * (examples - 1) / examples, exactly.
    """

    replicates: int
    examples: int
    observed: float  # variance over runs of the score, divisor replicates - 1
    test_set: float  # the part that independent errors on n examples would cause
    distribution: float  # variance on the whole distribution; may be negative
    distribution_se: float  # jackknife over runs; nan with two runs
    distribution_low: float
    distribution_high: float
    share: float  # test_set / observed; above 1 where distribution is negative
    share_low: float
    share_high: float
    level: float
    approximate: bool
    example_variance: np.ndarray  # s_i^2 over runs, shape (examples,)

    @property
    def flip_rates(self) -> np.ndarray:
        """Chance that two runs differ on an example (0/1 scores), shape (examples,)."""
        return 2 * self.example_variance


def finite_test_set(correct: np.ndarray, level: float = 0.95) -> FiniteTestSet:
    """Split the variance of the accuracy into test set and distribution.

    Args:
        correct: 1 where a run is right on an example, else 0; shape (runs, examples).
        level: coverage of the intervals.

    Raises:
        ValueError: fewer than two runs or examples, or values other than 0 and 1.

    Reference:
        Jordan (2023), "Calibrated chaos: variance between runs of neural network
        training is harmless and inevitable", section 4.
    """
    correct = correct_table(correct)
    runs = len(correct)
    right = correct.sum(axis=0, dtype=np.int64)
    # Whole numbers until the last division: no example with one answer gets s_i^2 > 0.
    example_variance = right * (runs - right) / (runs * (runs - 1))
    return _split(correct.mean(axis=1), example_variance, correct, level)


def finite_test_set_error(
    squared_errors: np.ndarray, level: float = 0.95
) -> FiniteTestSet:
    """Split the variance of a mean squared error into test set and distribution.

    Args:
        squared_errors: the loss of each run on each example, shape (runs, examples).
        level: coverage of the intervals.

    Raises:
        ValueError: fewer than two runs or examples, or an error that is not finite.
    """
    errors = np.asarray(squared_errors, dtype=np.float64)
    if errors.ndim != 2 or errors.shape[0] < 2 or not np.isfinite(errors).all():
        raise ValueError(
            f"need finite errors (runs, examples) of two or more runs, got shape "
            f"{errors.shape}"
        )
    return _split(errors.mean(axis=1), errors.var(axis=0, ddof=1), errors, level)


def _split(
    scores: np.ndarray, example_variance: np.ndarray, table: np.ndarray, level: float
) -> FiniteTestSet:
    """Assemble the split; the interval is that of the observed variance, shifted.

    The test-set part averages over examples and is known far better than the observed
    variance, whose interval (chi-square or Bonett) therefore decides.
    """
    check_level(level)
    runs, examples = table.shape
    if examples < 2:
        raise ValueError("one test example cannot be split; need two or more")
    observed = sd_of(scores) ** 2
    test_set = float(example_variance.sum() / examples**2)
    ends = sd_interval(scores, level)
    grow = examples / (examples - 1)

    def ratio(variance: float) -> float:
        return test_set / variance if variance > 0 else np.nan

    return FiniteTestSet(
        replicates=runs,
        examples=examples,
        observed=observed,
        test_set=test_set,
        distribution=grow * (observed - test_set),
        distribution_se=_jackknife_se(scores, example_variance, table),
        distribution_low=grow * (ends.low**2 - test_set),
        distribution_high=grow * (ends.high**2 - test_set),
        share=ratio(observed),
        share_low=ratio(ends.high**2),
        share_high=ratio(ends.low**2),
        level=level,
        approximate=ends.approximate,
        example_variance=example_variance,
    )


def _jackknife_se(
    scores: np.ndarray, example_variance: np.ndarray, table: np.ndarray
) -> float:
    """Return the standard error of the distribution variance, leaving out each run.

    Without run r a variance is (S - d_r^2 R / (R-1)) / (R-2), S the sum of squares and
    d_r the run's distance from the mean; summed over examples this needs one pass.
    """
    runs, examples = table.shape
    if runs < 3:
        return np.nan
    centre = table.mean(axis=0)
    # sum_i (t_ri - m_i)^2, expanded for bytes so that no second table is made
    if table.dtype == np.uint8:
        distance = table @ (1 - 2 * centre) + centre @ centre
    else:
        distance = ((table - centre) ** 2).sum(axis=1)
    inner = (runs - 1) * example_variance.sum() - distance * runs / (runs - 1)
    squares = (scores - scores.mean()) ** 2
    outer = squares.sum() - squares * runs / (runs - 1)
    left_out = (outer - inner / examples**2) / (runs - 2)
    left_out *= examples / (examples - 1)
    return float(np.sqrt((runs - 1) / runs * ((left_out - left_out.mean()) ** 2).sum()))
