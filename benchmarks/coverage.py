"""How often do the intervals hold the truth? Simulated, written to docs/coverage.md.

python benchmarks/coverage.py [samples]

Every interval is the one that the product prints, at a nominal 95 %. "Marked" is the
share of samples in which it stands behind a ≈: where the coverage is low, it should be.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from seedscope.stats.compare import compare, superiority, welch
from seedscope.stats.interval import Interval
from seedscope.stats.share import variance_share
from seedscope.stats.spread import Spread, spread

PAGE = Path(__file__).parents[1] / "docs" / "coverage.md"
RUNS = (3, 5, 10, 30, 100)
SHAPES: dict[str, tuple[Callable, float, float]] = {  # draw, true mean, true sd
    "normal": (lambda rng, n: rng.normal(size=n), 0.0, 1.0),
    "t with 5 degrees": (lambda rng, n: rng.standard_t(5, n), 0.0, (5 / 3) ** 0.5),
    "skewed (lognormal .5)": (lambda rng, n: rng.lognormal(0, 0.5, n), 0.0, 0.5),
    "very skewed (lognormal 1)": (lambda rng, n: rng.lognormal(0, 1, n), 0.0, 1.0),
}
# Variances that the sources a, b, c, their interactions and the machine add.
SCENARIOS = {
    "additive": ({(0,): 0.4, (1,): 0.2, (2,): 0.1, (0, 1): 0.1}, 0.2),
    "chaotic": ({(0,): 0.02, (1,): 0.02, (2,): 0.01, (0, 1): 0.05}, 0.9),
}


def truth(shape: str) -> tuple[float, float]:
    """Return mean and sd of the distribution."""
    _, mean, sd = SHAPES[shape]
    if not shape.endswith(")"):
        return mean, sd
    return np.exp(sd**2 / 2), np.sqrt((np.exp(sd**2) - 1) * np.exp(sd**2))


def hits(found: Spread, mean: float, sd: float) -> Iterator[tuple[bool, bool]]:
    """Yield (holds the truth, is marked) of the mean and of the sd."""
    yield found.mean_low <= mean <= found.mean_high, found.mean_approximate
    yield found.sd_low <= sd <= found.sd_high, found.approximate


def independent(rng: np.random.Generator, samples: int) -> list[str]:
    """Return the rows of runs that share nothing."""
    rows = []
    for shape, (draw, _, _) in SHAPES.items():
        mean, sd = truth(shape)
        for n in RUNS:
            found = []
            for _ in range(samples):
                a, b = draw(rng, n), draw(rng, n)
                ratio = variance_share(a, b)
                pair: list[tuple[Interval, float]] = [
                    (welch(a, b).interval, 0.0),
                    (superiority(a, b).interval, 0.5),
                ]
                cells = [*hits(spread(a), mean, sd)]
                cells += [(i.contains(v), i.approximate) for i, v in pair]
                cells.append((ratio.low <= 1 <= ratio.high, ratio.approximate))
                found.append(cells)
            rows.append(row([shape, str(n)], np.mean(found, axis=0)))
    return rows


def unlike(rng: np.random.Generator, samples: int) -> list[str]:
    """Return the rows of P(A>B) where one arm is wider than the other."""
    rows = []
    for sd in (2, 5):
        for sizes in ((5, 5), (10, 10), (30, 30), (5, 30), (30, 5), (20, 50)):
            cells = []
            for p in (0.5, 0.7, 0.9):
                shift = norm.ppf(p) * np.hypot(sd, 1)
                found = [
                    superiority(
                        rng.normal(shift, sd, sizes[0]), rng.normal(size=sizes[1])
                    ).interval
                    for _ in range(samples)
                ]
                marked = np.mean([i.approximate for i in found])
                cells.append((np.mean([i.contains(p) for i in found]), marked))
            rows.append(row([f"{sd} : 1", *map(str, sizes)], np.array(cells)))
    return rows


def designs() -> dict[str, np.ndarray]:
    """Return the seed tables, three sources a column each."""
    blocks = []
    for block in range(10):
        base, fresh = [2 * block] * 3, [2 * block + 1] * 3
        blocks += [base, fresh]
        blocks += [[*base[:j], fresh[j], *base[j + 1 :]] for j in range(3)]
    pools, last = [], 0
    for _ in range(10):  # a superblock: four stars, paired source by source
        bases = np.zeros((4, 3), int)
        for j, rounds in enumerate(
            (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
        ):
            for pair in rounds:
                last += 1
                bases[list(pair), j] = last
        for base in bases:
            pools += [base, base]
            for j in range(3):
                last += 1
                spoke = base.copy()
                spoke[j] = last
                pools.append(spoke)
    crossed = np.stack([g.ravel() for g in np.meshgrid(*[np.arange(5)] * 3)], axis=1)
    return {
        "10 blocks": np.array(blocks),
        "10 superblocks of stars": np.array(pools),
        "crossed 5 x 5 x 5": crossed,
        "crossed, 8 runs lost": crossed[:-8],
    }


def effects(rng: np.random.Generator, table: np.ndarray, scenario: str) -> np.ndarray:
    """Return scores with a random effect for each seed, and noise."""
    variances, noise = SCENARIOS[scenario]
    scores = np.sqrt(noise) * rng.normal(size=len(table))
    for columns, variance in variances.items():
        where = np.unique(table[:, list(columns)], axis=0, return_inverse=True)[1]
        where = where.ravel()
        scores += np.sqrt(variance) * rng.normal(size=where.max() + 1)[where]
    return scores


def shared(rng: np.random.Generator, samples: int) -> list[str]:
    """Return the rows of designs whose runs share seeds."""
    rows = []
    for name, table in designs().items():
        for scenario in SCENARIOS:
            found = []
            few = samples // 4 if name.startswith("crossed") else samples
            for _ in range(few):
                a, b = (effects(rng, table, scenario) for _ in "ab")
                two = compare(a, b, rng, seeds=(table, table + 10**6))
                cells = [*hits(spread(a, seeds=table), 0.0, 1.0)]
                alone = spread(a)
                cells.append((two.difference.p < 0.05, False))
                cells += [(hit, False) for hit, _ in hits(alone, 0.0, 1.0)]
                found.append(cells)
            mean = np.mean(found, axis=0)
            rows.append(row([name, scenario, str(few)], mean[:2], mean[2:, 0]))
    return rows


def row(names: list[str], cells: np.ndarray, plain: np.ndarray | tuple = ()) -> str:
    """Return one row of Markdown: coverage, and how often marked where ever."""
    texts = [
        f"{100 * hit:.0f}" + (f" (≈ {100 * marked:.0f})" if marked >= 0.005 else "")
        for hit, marked in cells
    ]
    return f"| {' | '.join([*names, *texts, *(f'{100 * v:.0f}' for v in plain)])} |"


def table(heads: list[str], rows: list[str]) -> str:
    """Return a table as Markdown."""
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows])


def main(samples: int) -> None:
    """Simulate both tables and write the page."""
    rng = np.random.default_rng(20)
    error = 100 * (0.95 * 0.05 / samples) ** 0.5
    alone = table(
        ["scores", "runs", "mean", "sd", "A - B", "P(A>B)", "variance ratio"],
        independent(rng, samples),
    )
    wider = table(
        ["sd of A : sd of B", "runs of A", "runs of B", "P = .5", "P = .7", "P = .9"],
        unlike(rng, samples),
    )
    together = table(
        [
            *("design", "training", "samples", "mean", "sd", "falsely better"),
            *("mean as if independent", "sd as if independent"),
        ],
        shared(rng, samples),
    )
    PAGE.write_text(
        "# How often the intervals hold the truth\n\n"
        f"`python benchmarks/coverage.py {samples}` wrote this page. Percent of "
        "simulated samples whose interval holds the truth; nominal 95, standard error "
        f"{error:.1f} (twice that where a quarter of the samples are given). `(≈ 40)`: "
        "in 40 % of the samples the product marks the interval as approximate. "
        "Three to five runs do not show whether scores are skewed, so there every "
        "mean, standard deviation and ratio is marked, whatever the sample; a "
        "difference of two arms of like size and spread is not, as their skewness "
        "cancels.\n\n"
        "## Runs that share no seed\n\nTwo arms of the same shape and size.\n\n"
        f"{alone}\n\n"
        "## One arm wider than the other\n\nP(A>B) of normal scores.\n\n"
        f"{wider}\n\n"
        "## Runs that share seeds\n\n`falsely better`: how often A and B with seeds of "
        "their own and no true difference are told apart (nominal 5). The last two "
        "columns are what treating each run as independent would give.\n\n"
        f"{together}\n",
        encoding="utf-8",
    )
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
