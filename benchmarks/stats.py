"""Time the statistics that grow with runs and examples.

python benchmarks/stats.py
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from seedscope.stats.attribution import attribute
from seedscope.stats.bootstrap import bootstrap_interval
from seedscope.stats.pairs import churn, flip_rates
from seedscope.stats.spread import spread


def sd(samples: np.ndarray) -> np.ndarray:
    return samples.std(axis=1, ddof=1)


def spreads_with_bootstrap(rng: np.random.Generator) -> None:
    for scores in rng.normal(size=(20, 500)):
        spread(scores)
        bootstrap_interval(scores, sd, rng)


def churn_and_flips(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 10, (1000, 10_000), dtype=np.uint8)
    churn(labels)
    flip_rates(labels)


def shares_of_four_sources(rng: np.random.Generator) -> None:
    a = rng.integers(0, 2**31, (1000, 6, 4))
    table = np.repeat(a[:, :1], 6, axis=1)
    table[:, 1] = a[:, 1]
    for source in range(4):
        table[:, 2 + source, source] = a[:, 1, source]
    attribute(table.reshape(-1, 4), rng.normal(size=6000), "abcd")


def main() -> None:
    rng = np.random.default_rng(0)
    for what, run, limit in [
        ("spread with bootstrap, 20 arms x 500 runs", spreads_with_bootstrap, 5),
        ("churn and flips, 1,000 runs x 10,000 examples", churn_and_flips, 5),
        ("shares of 4 sources, 1,000 blocks of 6 runs", shares_of_four_sources, 5),
    ]:
        start = time.perf_counter()
        run(rng)
        seconds = time.perf_counter() - start
        print(f"{what}: {seconds:.2f} s (goal: under {limit} s)")


if __name__ == "__main__":
    main()
