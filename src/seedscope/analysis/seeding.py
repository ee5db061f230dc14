"""The generator of permutations and resamples.

One fixed seed: the same runs give the same p-values and intervals in every comparison.
"""

import numpy as np

RESAMPLING_SEED = 20240


def generator() -> np.random.Generator:
    """Return a fresh generator for one statistic."""
    return np.random.default_rng(RESAMPLING_SEED)
