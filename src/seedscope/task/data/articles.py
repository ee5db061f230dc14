"""Data of the articles' examples without a network: a parabola, a line, a cubic.

They are ordinary data sets here, so everything that holds for a network holds for them.
"""

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]
WIDEST = 10.0  # the cubic's x lies between 0 and WIDEST


def one_point() -> tuple[Arrays, Arrays]:
    """Return one example, x = 1 and y = 2, to train and to be tested on.

    The squared error of a model that answers with its one weight w is (w - 2)^2, and
    `seedscope.task.models.articles.one_weight` takes 1 off: w^2 - 4 w + 3.
    """
    point = np.ones((1, 1), np.float32), np.array([2.0], np.float32)
    return point, point


def line(seed: int, examples: int, noise: float) -> Arrays:
    """Draw x uniformly from 0 to 10, and y = 2 x + 1 + normal noise.

    Args:
        seed: of the source `data`.
        examples: how many to draw.
        noise: sd of the noise.
    """
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, examples)
    y = 2 * x + 1 + noise * rng.standard_normal(examples)
    return x[:, None].astype(np.float32), y.astype(np.float32)


def cubic(seed: int, examples: int, noise: float) -> Arrays:
    """Draw x uniformly from 0 to 10, and y = (x - 1) (x - 5) (x - 9) + normal noise.

    Args:
        seed: of the source `data`.
        examples: how many to draw.
        noise: sd of the noise.
    """
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, WIDEST, examples)
    y = (x - 1) * (x - 5) * (x - 9) + noise * rng.standard_normal(examples)
    return x[:, None], y


def coin_flips(numpy_seed: int, examples: int) -> tuple[Arrays, Arrays]:
    """Draw 10 uniform features and random labels as the articles' programs print it.

    Args:
        numpy_seed: of NumPy's older generator, as in `np.random.seed(42)`.
        examples: for training; as many again are there to be tested on.
    """
    rng = np.random.RandomState(numpy_seed)  # noqa: NPY002: the articles' draws
    parts = []
    for _ in ("train", "test"):
        x = rng.rand(examples, 10)
        parts.append((x.astype(np.float32), rng.randint(2, size=examples)))
    return parts[0], parts[1]
