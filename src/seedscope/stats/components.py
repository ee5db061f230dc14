"""Variance components of crossed sources: what each, and each interaction, adds.

Balanced tables: mean squares (method of moments), negative estimates shown; intervals
by generalized pivots, each mean square divided by its own chi-square. Tables that lost
runs: the same from the sums of squares that each effect explains after the lower ones.
Any table: REML, by `mixedlm`, gated on the digits of lme4; a component that is zero
comes out as 0. From components follow S_j (its own over the sum) and T_j (all that
contain j).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from seedscope.stats.attribution import seed_columns
from seedscope.stats.interval import Interval, check_level

DRAWS = 20_000  # of the pivots; the ends are then stable to about 1 % of the width
FEWEST_LEVELS = 5  # of each source; below, a component of 0 is covered by up to 1.00
NEARLY = 0.8  # of all combinations of levels: intervals are checked down to .88 of them
MOST_FITTED = 3000  # runs of a table that lost some: two matrices of 72 MB
RESIDUAL = "residual"


@dataclass(frozen=True)
class Component:
    """Variance that one source, or an interaction "a:b", adds, and its interval."""

    name: str  # "a", "a:b", or "residual"
    sources: tuple[str, ...]  # () for the residual
    variance: float  # squared unit of the score; moments may be negative
    low: float
    high: float


@dataclass(frozen=True)
class ComponentShare:
    """First and total index of a source, computed from the components."""

    source: str
    first: float
    first_interval: Interval
    total: float  # all components that contain the source; and the residual
    total_interval: Interval


@dataclass(frozen=True)
class Components:
    """All variance components of one crossed table.

    Where no cell was repeated, the highest interaction and the nondeterminism cannot
    be told apart: both are in the residual.
    """

    replicates: int
    method: str  # "anova", "moments" (not balanced) or "reml"
    components: tuple[Component, ...]  # by order of interaction, residual last
    shares: tuple[ComponentShare, ...]  # empty where the sum is not positive
    repeated: bool  # cells were repeated, so the residual is nondeterminism alone
    mean: float
    level: float
    approximate: bool

    def variance(self, name: str) -> float:
        """Return the variance of one component by its name."""
        return next(c.variance for c in self.components if c.name == name)


@dataclass(frozen=True)
class MeanSquare:
    """One row of the analysis of variance."""

    name: str
    dof: int
    squares: float  # sum of squares


def moment_components(
    table: np.ndarray,
    scores: np.ndarray,
    sources: Sequence[str],
    rng: np.random.Generator,
    level: float = 0.95,
) -> Components:
    """Estimate components of a crossed table by the method of moments.

    Of a balanced table from the mean squares of its analysis of variance. Where runs
    were lost, each effect gets the sum of squares that it explains after those before
    it, in the order of `anova_table`, and the expectation of that sum; of a balanced
    table these are the same. The sums are nearly independent and nearly chi-square
    where few runs are missing: of 5 x 5 x 5 runs without 1 or 15 the intervals of the
    shares cover .93-.99; with fewer they are approximate.

    Args:
        table: the seed of each source in each run, shape (runs, sources).
        scores: shape (runs,).
        sources: names of the columns.
        rng: draws the pivots of the intervals.
        level: coverage of the intervals.

    Raises:
        ValueError: more than 3,000 runs of a table that is not balanced, an effect that
            the table cannot show, a source with one level, scores that are all equal or
            not finite.

    Reference:
        Searle, Casella & McCulloch (1992), Variance Components, chapter 4 and section
        5.5 (Henderson's method 3); Weerahandi (1995), Exact Statistical Methods for
        Data Analysis, chapter 7.
    """
    check_level(level)
    table, scores = seed_columns(table, scores, sources)
    size = np.abs(scores - scores[0]).max()
    if size == 0:
        raise ValueError("all scores are equal; there is no variance to split")
    unit = (scores - scores[0]) / size
    cells, copies = np.unique(table, axis=0, return_counts=True)
    levels = [np.unique(column).size for column in table.T]
    balanced = len(cells) == np.prod(levels) and np.ptp(copies) == 0
    if balanced:
        rows = anova_table(table, unit, sources)
        counts = dict(zip(sources, levels, strict=True))
        weights = _moment_weights(rows, counts, int(copies[0]))
    else:
        rows, weights = _in_turn(table, unit, sources)
    names = [row.name for row in rows]
    sums = np.array([max(row.squares, 0.0) for row in rows])
    dofs = np.array([row.dof for row in rows])
    estimates = weights @ (sums / dofs)
    pivots = weights @ (sums / rng.chisquare(dofs, (DRAWS, dofs.size))).T
    ends = _quantiles(pivots, level)
    few = min(levels) < FEWEST_LEVELS
    rough = few or len(cells) < NEARLY * float(np.prod(levels))
    return Components(
        replicates=scores.size,
        method="anova" if balanced else "moments",
        components=tuple(
            Component(name, _members(name), *(float(size**2 * v) for v in values))
            for name, *values in zip(names, estimates, *ends.T, strict=True)
        ),
        shares=_shares(names, sources, estimates, pivots, level, rough),
        repeated=bool((copies > 1).any()),
        mean=float(scores[0] + (scores - scores[0]).mean()),
        level=level,
        approximate=rough,
    )


def _in_turn(
    table: np.ndarray, scores: np.ndarray, sources: Sequence[str]
) -> tuple[tuple[MeanSquare, ...], np.ndarray]:
    """Return what each effect explains after those before it, and the weights.

    The weights turn mean squares into components, as those of `_moment_weights` do.
    """
    if scores.size > MOST_FITTED:
        raise ValueError(f"{scores.size} runs; {MOST_FITTED} are the most")
    repeated = len(np.unique(table, axis=0)) < scores.size
    sets = [
        axes
        for count in range(1, len(sources) + (1 if repeated else 0))
        for axes in combinations(range(len(sources)), count)
    ]
    names = [*(":".join(sources[a] for a in axes) for axes in sets), RESIDUAL]
    dummies = [_dummies(table[:, list(axes)]) for axes in sets]
    found = np.full((scores.size, 1), scores.size**-0.5)
    system = np.zeros((len(names), len(names)))
    sums, dofs = np.zeros(len(names)), np.zeros(len(names), int)
    for i, dummy in enumerate(dummies):
        left, sizes, _ = np.linalg.svd(
            dummy - found @ (found.T @ dummy), full_matrices=False
        )
        own = left[:, sizes > 1e-8 * np.sqrt(scores.size)]
        sums[i], dofs[i] = ((own.T @ scores) ** 2).sum(), own.shape[1]
        system[i, :-1] = [((d.T @ own) ** 2).sum() for d in dummies]
        found = np.hstack([found, own])
    dofs[-1] = scores.size - found.shape[1]
    sums[-1] = (scores**2).sum() - ((found.T @ scores) ** 2).sum()
    system[:, -1] = dofs
    if (dofs < 1).any():
        raise ValueError(f"{names[int(dofs.argmin())]} has no degree of freedom")
    rows = tuple(
        MeanSquare(name, int(dof), float(squares))
        for name, dof, squares in zip(names, dofs, sums, strict=True)
    )
    return rows, np.linalg.inv(system / dofs[:, None])


def anova_table(
    table: np.ndarray, scores: np.ndarray, sources: Sequence[str]
) -> tuple[MeanSquare, ...]:
    """Return degrees of freedom and sum of squares of every effect, residual last.

    Raises:
        ValueError: not every combination of levels equally often, or a single level.
    """
    table, scores = seed_columns(table, scores, sources)
    ranks = [np.unique(column, return_inverse=True)[1] for column in table.T]
    counts = [int(rank.max()) + 1 for rank in ranks]
    if min(counts) < 2:
        raise ValueError(f"sources need two or more levels each, got {counts}")
    cell = np.ravel_multi_index(ranks, counts)
    sizes = np.bincount(cell, minlength=int(np.prod(counts)))
    if np.ptp(sizes):
        raise ValueError(
            f"not balanced: {np.prod(counts)} combinations of seeds were run "
            f"{sizes.min()} to {sizes.max()} times; use reml_components"
        )
    repeats = int(sizes[0])
    centred = scores - scores.mean()
    cells = (np.bincount(cell, centred) / repeats).reshape(counts)
    rows = []
    for size in range(1, len(counts) + 1):
        for axes in combinations(range(len(counts)), size):
            dof = int(np.prod([counts[a] - 1 for a in axes]))
            copies = scores.size / np.prod([counts[a] for a in axes])
            squares = float(copies * (_effect(cells, axes) ** 2).sum())
            rows.append(MeanSquare(":".join(sources[a] for a in axes), dof, squares))
    if repeats == 1:  # the highest interaction is the residual
        last = rows.pop()
        return (*rows, MeanSquare(RESIDUAL, last.dof, last.squares))
    within = float(((centred - cells.ravel()[cell]) ** 2).sum())
    return (*rows, MeanSquare(RESIDUAL, scores.size - sizes.size, within))


def _dummies(columns: np.ndarray) -> np.ndarray:
    """Return a column of 0 and 1 for each combination of levels, (runs, levels)."""
    group = np.unique(columns, axis=0, return_inverse=True)[1].ravel()
    return (group[:, None] == np.arange(group.max() + 1)).astype(float)


def reml_components(
    table: np.ndarray,
    scores: np.ndarray,
    sources: Sequence[str],
    interactions: Sequence[Sequence[str]] = (),
    level: float = 0.95,
) -> Components:
    """Estimate components of any table, balanced or not, by restricted likelihood.

    Intervals are Satterthwaite's, from the information matrix, and always approximate.

    Args:
        table: the seed of each source in each run, shape (runs, sources).
        scores: shape (runs,).
        sources: names of the columns.
        interactions: the sets of sources whose interaction is a component of its own.
        level: coverage of the intervals.

    Raises:
        ValueError: a source with one level, an interaction that is the residual, a
            source unknown, all scores equal, or no convergence.

    Reference:
        Bates et al. (2015), Journal of Statistical Software 67(1); Searle, Casella &
        McCulloch (1992), section 6.6 (information matrix).
    """
    check_level(level)
    table, scores = seed_columns(table, scores, sources)
    groups = _groups(table, sources, interactions)
    size = np.abs(scores - scores[0]).max()
    if size == 0:
        raise ValueError("all scores are equal; there is no variance to split")
    fitted, mean = _fit_reml((scores - scores[0]) / size, list(groups.values()))
    errors = _reml_errors(fitted, list(groups.values()))
    names = [*groups, RESIDUAL]
    components = tuple(
        Component(
            name, _members(name), *_satterthwaite(size**2 * v, size**2 * e, level)
        )
        for name, v, e in zip(names, fitted, errors, strict=True)
    )
    sizes = np.unique(table, axis=0, return_counts=True)[1]
    return Components(
        replicates=scores.size,
        method="reml",
        components=components,
        shares=_shares(names, sources, fitted, None, level, True),
        repeated=bool((sizes > 1).any()),
        mean=float(scores[0] + size * mean),
        level=level,
        approximate=True,
    )


def _effect(cells: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return the effect of a set of axes: cell means swept of all lower effects."""
    others = tuple(a for a in range(cells.ndim) if a not in axes)
    effect = cells.mean(axis=others, keepdims=True) if others else cells
    for axis in axes:
        effect = effect - effect.mean(axis=axis, keepdims=True)
    return effect


def _moment_weights(
    rows: Sequence[MeanSquare], counts: dict[str, int], repeats: int
) -> np.ndarray:
    """Return the matrix that turns mean squares into components.

    The expected mean square of u is the residual plus, for every w that contains u, its
    component times the runs per level combination of w.
    """
    sets = [frozenset(_members(row.name)) for row in rows]
    everything = float(np.prod(list(counts.values()))) * repeats
    expected = np.zeros((len(rows), len(rows)))
    for i, u in enumerate(sets):
        for j, w in enumerate(sets):
            if u and u <= w:
                expected[i, j] = everything / np.prod([counts[s] for s in w])
        expected[i, -1] = 1.0
    return np.linalg.inv(expected)


def _members(name: str) -> tuple[str, ...]:
    return () if name == RESIDUAL else tuple(name.split(":"))


def _quantiles(draws: np.ndarray, level: float) -> np.ndarray:
    tails = [(1 - level) / 2, (1 + level) / 2]
    return np.quantile(draws, tails, axis=-1).T


def _shares(
    names: Sequence[str],
    sources: Sequence[str],
    variances: np.ndarray,
    pivots: np.ndarray | None,
    level: float,
    approximate: bool,
) -> tuple[ComponentShare, ...]:
    """Return first and total indices, with intervals where pivots were drawn."""

    def index(members: list[bool]) -> tuple[float, Interval]:
        value = float(variances[members].sum() / variances.sum())
        if pivots is None:
            return value, Interval(np.nan, np.nan, level, "none", True)
        # Draws of single components stay negative where they are: cut off at 0, they
        # would push a total of 1 below 1 in every draw (coverage .5).
        low, high = _quantiles(pivots[members].sum(axis=0) / pivots.sum(axis=0), level)
        return value, Interval(float(low), float(high), level, "pivots", approximate)

    if variances.sum() <= 0:
        return ()
    found = []
    for source in sources:
        first = index([name == source for name in names])
        total = index([source in _members(n) or n == RESIDUAL for n in names])
        found.append(ComponentShare(source, *first, *total))
    return tuple(found)


def _groups(
    table: np.ndarray, sources: Sequence[str], interactions: Sequence[Sequence[str]]
) -> dict[str, np.ndarray]:
    """Return the group of each run for every source and interaction, by name."""
    groups = {}
    for members in [[source] for source in sources] + [list(i) for i in interactions]:
        unknown = set(members) - set(sources)
        if unknown:
            raise ValueError(f"unknown source {unknown}; known: {', '.join(sources)}")
        columns = table[:, [list(sources).index(m) for m in members]]
        group = np.unique(columns, axis=0, return_inverse=True)[1].ravel()
        name = ":".join(members)
        if group.max() == 0:
            raise ValueError(f"{name} has one level only; leave it out")
        if group.max() + 1 == len(table):
            raise ValueError(f"{name} is new in every run: it is the residual")
        groups[name] = group
    return groups


def _fit_reml(scores: np.ndarray, groups: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Return the variances (residual last) and the mean, fitted by mixedlm."""
    # Both take over a second to import, and only this function needs them.
    import mixedlm
    import pandas as pd

    columns = {f"g{i}": np.char.add("s", g.astype(str)) for i, g in enumerate(groups)}
    formula = "y ~ 1 + " + " + ".join(f"(1|{name})" for name in columns)
    with warnings.catch_warnings():
        # Zero components and few levels are results here, not mistakes.
        warnings.simplefilter("ignore")
        fit = mixedlm.lmer(formula, pd.DataFrame({"y": scores, **columns}))
    if not fit.converged:
        raise ValueError(f"REML did not converge: {fit.message}")
    ratios = np.asarray(fit.theta) ** 2
    return fit.sigma**2 * np.r_[ratios, 1.0], float(fit.fixef()["(Intercept)"])


def _reml_errors(variances: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Return standard errors from the expected information, tr(P Vi P Vj) / 2."""
    runs = groups[0].size
    shapes = [(g[:, None] == g).astype(float) for g in groups] + [np.eye(runs)]
    inverse = np.linalg.inv(sum(v * s for v, s in zip(variances, shapes, strict=True)))
    swept = inverse.sum(axis=1)
    projection = inverse - np.outer(swept, swept) / swept.sum()
    products = [projection @ shape for shape in shapes]
    information = [[(a * b.T).sum() / 2 for b in products] for a in products]
    return np.sqrt(np.maximum(np.diag(np.linalg.pinv(np.array(information))), 0))


def _satterthwaite(
    variance: float, error: float, level: float
) -> tuple[float, float, float]:
    """Return the variance and its interval as a scaled chi-square."""
    if error == 0:  # the table holds no information about this component
        return float(variance), np.nan, np.nan
    if variance <= error:  # fewer than 2 degrees of freedom: the ends would run away
        high = variance + stats.norm.ppf((1 + level) / 2) * error
        return float(variance), 0.0, float(high)
    dof = 2 * (variance / error) ** 2
    low, high = dof * variance / stats.chi2.ppf([(1 + level) / 2, (1 - level) / 2], dof)
    return float(variance), float(low), float(high)
