"""Mean and spread of runs that share seeds: the design counts, not the runs.

Runs that share a seed are not independent. Two numbers say all that a table of seeds
allows about the mean, whatever its shape: over pairs of runs that share nothing, half
the mean squared difference estimates the variance of one fresh run; over pairs that
share something, how much smaller it is estimates what they have in common. From both
follow the variance of one run and that of the mean (for balanced crossed tables these
are the moment estimators, and lme4's where none of its components is 0).

Intervals come from independent blocks where there are two or more (delete-a-block
jackknife, t with blocks - 1), else from the components, with Satterthwaite's degrees of
freedom. Simulated coverage of mean / sd, nominal .95, three sources, 1,500 tables:

=================  =========  =========
design             additive   chaotic
=================  =========  =========
4 blocks           .949/.935  .949/.957
6 blocks           .947/.939  .954/.953
10 blocks          .946/.938  .943/.954
10 superblocks     .953/.937  .951/.937
crossed 4^3                   .986/.969
crossed 5^3        .957/.944  .971/.964
crossed 10^3                  .947/.955
=================  =========  =========

With 3^3 the intervals are too wide (1.00/.98): fewer than 5 levels are `approximate`.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from seedscope.stats.attribution import independent_blocks
from seedscope.stats.interval import Interval, finite_scores

FEWEST_BLOCKS = 4
FEWEST_LEVELS = 5  # of every source of a crossed table
MOST_PAIRED = 2000  # runs whose pairs are listed: four matrices of 32 MB
BLOCKS, COMPONENTS = "independent blocks", "variance components"


@dataclass(frozen=True)
class Shared:
    """Mean and variance of scores whose runs share seeds. Unit of the score."""

    mean: float
    error: float  # standard error of the mean
    dof: float  # of the error
    sd: float  # of one run with fresh seeds
    log_error: float  # standard error of the log of the variance
    log_dof: float
    method: str  # BLOCKS or COMPONENTS
    blocks: int  # independent ones; 1: everything hangs together
    approximate: bool

    @property
    def variance(self) -> float:
        """Return the variance of one run with fresh seeds, in the squared unit."""
        return self.sd**2

    @property
    def effective_runs(self) -> float:
        """Return as many independent runs as know the mean as well as these."""
        return (self.sd / self.error) ** 2 if self.error > 0 else np.nan

    def sd_interval(self, level: float) -> Interval:
        """Return the interval of the sd of a fresh run.

        By t on the log of the variance with blocks, as a scaled chi-square with
        Satterthwaite's degrees of freedom with components.
        """
        sd = self.sd
        if sd == 0:
            return Interval(0.0, 0.0, level, "constant", False)
        name = f"{self.method}, sd"
        if not np.isfinite(self.log_error):
            return Interval(0.0, np.inf, level, name, True)
        tails = [(1 + level) / 2, (1 - level) / 2]
        if self.method == BLOCKS:
            half = stats.t.ppf(tails, self.log_dof) * self.log_error / 2
            low, high = sd * np.exp(-half)
        else:
            dof = 2 / self.log_error**2
            low, high = sd * np.sqrt(dof / stats.chi2.ppf(tails, dof))
        return Interval(float(low), float(high), level, name, self.approximate)


def share_seeds(table: np.ndarray) -> bool:
    """Tell whether two runs of a table of seeds share one that varies.

    Args:
        table: the seed of each source in each run, shape (runs, sources).
    """
    columns = _varying(table)
    return columns.shape[1] > 0 and len(np.unique(independent_blocks(columns))) < len(
        columns
    )


def shared_mean(table: np.ndarray, scores: np.ndarray) -> Shared:
    """Estimate mean and variance of runs that share seeds.

    Lost runs do no harm: nothing here needs a complete table.

    Args:
        table: the seed of each source in each run, integers, shape (runs, sources).
        scores: shape (runs,).

    Raises:
        ValueError: shapes do not fit, a score is not finite, or no run shares a seed.

    Reference:
        Searle, Casella & McCulloch (1992), Variance Components, sections 2.2 and 4.5;
        Satterthwaite (1946), Biometrics Bulletin 2, 110-114; Arvesen (1969), Annals of
        Mathematical Statistics 40, 2076-2100 (jackknife).
    """
    scores = finite_scores(scores, 2)
    if table.shape[:1] != scores.shape or not share_seeds(table):
        raise ValueError(
            "need a table of seeds, a row for each run, some of them equal"
        )
    columns = _varying(table)
    centre, offset = scores[0], scores - scores[0]
    size = np.abs(offset - offset.mean()).max()
    block = independent_blocks(columns)
    blocks = int(block.max()) + 1
    if size == 0:
        method = BLOCKS if blocks > 1 else COMPONENTS
        return Shared(
            float(centre), 0.0, np.inf, 0.0, 0.0, np.inf, method, blocks, True
        )
    centred = (offset - offset.mean()) / size
    found = _by_blocks(block, centred) if blocks > 1 else _by_pairs(columns, centred)
    error, dof, variance, log_error, log_dof, rough = found
    return Shared(
        mean=float(centre + offset.mean()),
        error=float(size * error),
        dof=float(dof),
        sd=float(size * np.sqrt(variance)),
        log_error=float(log_error),
        log_dof=float(log_dof),
        method=BLOCKS if blocks > 1 else COMPONENTS,
        blocks=blocks,
        approximate=bool(rough),
    )


def _varying(table: np.ndarray) -> np.ndarray:
    """Return the columns in which a seed changes, as ranks."""
    table = np.asarray(table)
    if table.ndim != 2 or not len(table):
        return np.empty((len(table), 0), int)
    varies = (table != table[0]).any(axis=0)
    columns = [np.unique(c, return_inverse=True)[1] for c in table[:, varies].T]
    return np.stack(columns, axis=1) if columns else np.empty((len(table), 0), int)


_Found = tuple[float, float, float, float, float, bool]


def _by_blocks(block: np.ndarray, scores: np.ndarray) -> _Found:
    """Delete-a-block jackknife of the mean and of the log variance of a fresh run."""
    blocks = int(block.max()) + 1
    runs = np.bincount(block).astype(float)
    sums = np.bincount(block, scores)
    squares = np.bincount(block, scores**2)
    # Sums of (y - y')^2 / 2 over ordered pairs of different blocks, whole and without.
    inside = runs * squares - sums**2
    whole = np.array([runs.sum(), sums.sum(), squares.sum()])
    pairs = whole[0] ** 2 - (runs**2).sum()
    apart = whole[0] * whole[2] - whole[1] ** 2 - inside.sum()
    left = whole[:, None] - np.stack([runs, sums, squares])
    left_pairs = left[0] ** 2 - ((runs**2).sum() - runs**2)
    left_apart = left[0] * left[2] - left[1] ** 2 - (inside.sum() - inside)
    factor = (blocks - 1) / blocks
    means = left[1] / left[0]
    error = np.sqrt(factor * ((means - means.mean()) ** 2).sum())
    if blocks == 2 or (left_apart <= 1e-12 * apart).any():
        return error, blocks - 1, apart / pairs, np.inf, blocks - 1, True
    logs = np.log(left_apart / left_pairs)
    log_error = np.sqrt(factor * ((logs - logs.mean()) ** 2).sum())
    rough = blocks < FEWEST_BLOCKS
    return error, blocks - 1, apart / pairs, log_error, blocks - 1, rough


def _by_pairs(columns: np.ndarray, scores: np.ndarray) -> _Found:
    """Estimate from pairs of runs where everything hangs together.

    The variance of the mean is at least that of independent runs and its degrees of
    freedom are at least those of the source with fewest levels: without either, few
    levels and chaotic training give an interval of width 0 in every tenth table.
    """
    runs = scores.size
    levels = int(columns.max(axis=0).min()) + 1
    sums = _pair_sums(columns, scores)
    apart, variance = sums[frozenset()]
    if apart == 0:  # every two runs share something: nothing is known of what all share
        error = scores.std(ddof=1) / np.sqrt(runs)
        return error, levels - 1, scores.var(ddof=1), np.inf, levels - 1, True
    shared = {u: found for u, found in sums.items() if u and found[0]}
    # Ordered pairs, each run with itself among them, that share something.
    joined = runs + sum(count for count, _ in shared.values())
    of_mean = joined * variance - sum(count * half for count, half in shared.values())
    of_mean /= runs**2
    error = np.sqrt(max(of_mean, variance / runs))
    rough = levels < FEWEST_LEVELS or of_mean < variance / runs
    if runs > MOST_PAIRED or variance <= 0:
        log_error = np.sqrt(2 / (levels - 1))
        return error, levels - 1, max(variance, 0.0), log_error, np.inf, True
    weights_mean, weights_one = _weights(columns, apart, joined)
    covariance = _covariance(columns, sums, variance)
    spread_mean = _variance_of_form(weights_mean, covariance)
    spread_one = _variance_of_form(weights_one, covariance)
    dof = max(levels - 1, 2 * error**4 / spread_mean if spread_mean > 0 else np.inf)
    dof_one = 2 * variance**2 / spread_one
    return error, dof, variance, np.sqrt(2 / max(dof_one, 1)), np.inf, rough


def _pair_sums(
    columns: np.ndarray, scores: np.ndarray
) -> dict[frozenset[int], tuple[float, float]]:
    """Return, for each set of sources, the ordered pairs of runs that share exactly it.

    And the mean over them of half the squared difference. By inclusion and exclusion
    from groups of runs that share at least the set: O(runs), no pair is formed.
    """
    count = columns.shape[1]
    subsets = [
        frozenset(u)
        for size in range(count + 1)
        for u in combinations(range(count), size)
    ]
    at_least = {}
    for u in subsets:
        group = np.zeros(scores.size, int)
        if u:
            group = np.unique(columns[:, list(u)], axis=0, return_inverse=True)[
                1
            ].ravel()
        n = np.bincount(group).astype(float)
        total, square = np.bincount(group, scores), np.bincount(group, scores**2)
        pairs, half = (n * (n - 1)).sum(), (n * square - total**2).sum()
        at_least[u] = np.array([pairs, half])
    found = {}
    for u in subsets:
        signed = [(-1) ** (len(w) - len(u)) * at_least[w] for w in subsets if u <= w]
        pairs, half = np.sum(signed, axis=0)
        pairs = round(pairs)
        found[u] = (float(pairs), float(half / pairs) if pairs else 0.0)
    return found


def _shares(columns: np.ndarray) -> np.ndarray:
    """Return which sources each pair of runs shares, as bits, shape (runs, runs)."""
    code = np.zeros((len(columns), len(columns)), np.int16)
    for j, column in enumerate(columns.T):
        code |= (column[:, None] == column).astype(np.int16) << j
    return code


def _weights(
    columns: np.ndarray, apart: float, joined: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrices A of the estimates y'Ay: variance of the mean, of one run.

    A sum of w (y - y')^2 / 2 over ordered pairs is the form of diag(w 1) - w.
    """
    runs = len(columns)
    nothing = _shares(columns) == 0
    of_mean = np.where(nothing, joined / runs**2 / apart, -1.0 / runs**2)
    np.fill_diagonal(of_mean, 0.0)
    of_one = nothing / apart
    one, other = (np.diag(w.sum(axis=1)) - w for w in (of_mean, of_one))
    return one, other


def _covariance(
    columns: np.ndarray,
    sums: dict[frozenset[int], tuple[float, float]],
    variance: float,
) -> np.ndarray:
    """Return the covariance of the runs, from components that are not negative.

    What pairs that share the set u have in common is the sum of the components of all
    its subsets; sets that no pair shares exactly have no component of their own.
    """
    components: dict[frozenset[int], float] = {}
    for u in sorted((u for u in sums if u), key=len):
        if sums[u][0]:
            common = variance - sums[u][1]
            within = sum(c for w, c in components.items() if w < u)
            components[u] = max(common - within, 0.0)
    code = _shares(columns)
    matrix = np.zeros(code.shape)
    for u, component in components.items():
        bits = sum(1 << j for j in u)
        matrix += component * ((code & bits) == bits)
    rest = max(variance - sum(components.values()), 0.0)
    return matrix + rest * np.eye(len(columns))


def _variance_of_form(form: np.ndarray, covariance: np.ndarray) -> float:
    """Return the variance of y'Ay for normal y: 2 tr(A V A V)."""
    product = form @ covariance
    return float(2 * (product * product.T).sum())
