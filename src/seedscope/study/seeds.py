"""Turn one root seed into the seed of every source of randomness of every replicate.

A *source* is one place where training draws random numbers. A source that is not under
study keeps the seed of replicate 0 in every run: runs differ only where they should.

Seeds are hashed from (root, source, replicate), never added up: with root + replicate,
replicate 1 of root 7 is replicate 0 of root 8, and two studies share their runs.
"""

from zlib import crc32

import numpy as np

SOURCES = (
    "init",  # initial weights
    "shuffle",  # order of the examples
    "dropout",  # every stochastic layer: Dropout, GaussianNoise, ...
    "augmentation",  # random preprocessing layers: RandomFlip, RandomTranslation, ...
    "split",  # which examples train, validate and test
    "data",  # the draw of synthetic examples and of label noise
    "perturbation",  # one bit of one live initial weight
)
FREE = SOURCES[:-1]  # what varies where nobody fixes a seed: all but perturbation
UNPERTURBED = 0  # the seed of `perturbation` in a run whose weights are left alone


def source_seed(root: int, source: str, replicate: int) -> int:
    """Return the seed of one source in one replicate, in [0, 2**31)."""
    check_source(source)
    return _hashed(root, source, replicate)


def stream_seed(seed: int, purpose: str, ordinal: int = 0) -> int:
    """Return the seed of one draw inside a source, in [0, 2**31).

    A source feeds many draws (each weight, each Dropout layer): every draw has its own
    stream, so a layer more or less moves no other layer's noise.
    """
    return _hashed(seed, purpose, ordinal)


def check_source(source: str) -> None:
    """Refuse a source that does not exist."""
    if source not in SOURCES:
        raise ValueError(f"unknown source {source!r}; known: {', '.join(SOURCES)}")


def _hashed(seed: int, name: str, number: int) -> int:
    key = (crc32(name.encode()), number)  # by name: a new source moves no old seed
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0] >> 1)
