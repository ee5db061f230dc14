"""Seed tables and planted models for the tests of attribution."""

import numpy as np


def saltelli(blocks, count):
    """Blocks of A, B and A with each column of B: count + 2 rows each."""
    rows = []
    for block in range(blocks):
        a, b = [2 * block] * count, [2 * block + 1] * count
        rows += [a, b]
        rows += [[*a[:j], b[j], *a[j + 1 :]] for j in range(count)]
    return np.array(rows)


def round_robin(superblocks, count):
    """Stars whose base rows are paired source by source, with an exact repeat each."""
    stars = (count + 2) // 2 * 2
    fresh, rows = 0, []
    for _ in range(superblocks):
        bases = np.zeros((stars, count), int)
        ring = list(range(1, stars))
        for j in range(count):
            order = [0, *ring]
            for i in range(stars // 2):
                fresh += 1
                bases[[order[i], order[-1 - i]], j] = fresh
            ring = ring[1:] + ring[:1]
        for base in bases:
            rows += [base, base.copy()]
            for j in range(count):
                fresh += 1
                spoke = base.copy()
                spoke[j] = fresh
                rows.append(spoke)
    return np.array(rows)


def effects(rng, keys, sd):
    """One normal draw per distinct row of keys, standing for a seed's effect."""
    where = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    return sd * rng.normal(size=where.max() + 1)[where]


def planted(rng, table, sds, noise=0.0):
    """Scores with a random effect per set of columns.

    Args:
        rng: draws the effects.
        table: seeds, shape (runs, sources).
        sds: {tuple of columns: sd of its effect}.
        noise: sd of what exact repeats differ by.
    """
    total = noise * rng.normal(size=len(table))
    for columns, sd in sds.items():
        total = total + effects(rng, table[:, list(columns)], sd)
    return total


def indices(sds, count, noise=0.0):
    """True first and total index of every source, and the nondeterminism."""
    whole = sum(sd**2 for sd in sds.values()) + noise**2
    first = [sds.get((j,), 0.0) ** 2 / whole for j in range(count)]
    total = [
        (sum(sd**2 for u, sd in sds.items() if j in u) + noise**2) / whole
        for j in range(count)
    ]
    return first, total, noise**2 / whole
