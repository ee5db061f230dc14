"""Load the data sets that come with seedscope.

A loader is any function that returns `(x, y)`, or `((x, y), (x_test, y_test))` where
the data has an official test set. Integer labels make a classification, floats a
regression. A loader that takes `seed` is given the run's seed of the source `data`.
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]


def digits() -> Arrays:
    """Return 1,797 images of handwritten digits, shape (1797, 8, 8, 1), in 0..1.

    Reference: Alpaydin and Kaynak 1998, UCI optical recognition of handwritten digits.
    """
    from sklearn.datasets import load_digits  # half a second, only where it is used

    loaded: Any = load_digits(return_X_y=True)
    images, labels = loaded
    pixels = images.reshape(-1, 8, 8, 1).astype(np.float32) / 16
    return pixels, labels.astype(np.int32)


def synthetic(
    seed: int, examples: int, features: int, labels: str, noise: float
) -> Arrays:
    """Draw uniform features, shape (examples, features), and labels for them.

    Args:
        seed: of the source `data`.
        examples: how many to draw.
        features: how many each example has.
        labels: rule (the sign of a random linear score, a fraction `noise` of them
            flipped) | noise (fair coin flips) | value (the score plus normal noise).
        noise: fraction of flipped labels, or the sd of the noise.

    Raises:
        ValueError: a count below 1, or labels of an unknown kind.
    """
    if examples < 1 or features < 1:
        raise ValueError(
            f"data.examples={examples} and data.features={features} must be 1 or more"
        )
    rng = np.random.default_rng(seed)
    x = rng.random((examples, features), dtype=np.float32)
    score = (x - 0.5) @ rng.standard_normal(features).astype(np.float32)
    if labels == "rule":
        flipped = rng.random(examples) < noise
        return x, ((score > 0) ^ flipped).astype(np.int32)
    if labels == "noise":
        return x, rng.integers(0, 2, examples).astype(np.int32)
    if labels == "value":
        error = noise * rng.standard_normal(examples)
        return x, (score + error).astype(np.float32)
    raise ValueError(f"data.labels={labels!r} is unknown; choose rule, noise or value")


def mnist1d(examples: int) -> Arrays:
    """Make the MNIST-1D data set, shape (examples, 40), in ten classes.

    Its authors' generator and seed: the same arrays in every run.

    Reference: Greydanus 2020, Scaling down deep learning, arXiv:2011.14439.
    """
    from mnist1d.data import get_dataset_args, make_dataset

    arguments: Any = get_dataset_args()
    arguments.num_samples = examples
    made = make_dataset(arguments)
    x = np.concatenate([made["x"], made["x_test"]]).astype(np.float32)
    return x, np.concatenate([made["y"], made["y_test"]]).astype(np.int32)


def fashion_mnist(folder: str | None = None) -> tuple[Arrays, Arrays]:
    """Return Fashion-MNIST, 60,000 and 10,000 images of shape (28, 28, 1), in 0..1.

    Args:
        folder: holds the four idx files, gzipped or not; None: Keras' loader, which
            downloads them once.

    Raises:
        ValueError: the files are neither there nor to be had.

    Reference: Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747.
    """
    train, test = _from_idx(Path(folder)) if folder else _from_keras()
    return _scaled(*train), _scaled(*test)


def _from_keras() -> tuple[Arrays, Arrays]:
    from keras.datasets import fashion_mnist as loader

    try:
        return loader.load_data()
    except Exception as error:  # Keras raises a bare Exception where it cannot download
        raise ValueError(
            f"data=fashion_mnist is not cached and could not be downloaded ({error}); "
            "set data.folder to a folder with the four idx files (on Debian: apt-get "
            "install dataset-fashion-mnist, then "
            "data.folder=/usr/share/datasets/fashion-mnist)"
        ) from None


def _from_idx(folder: Path) -> tuple[Arrays, Arrays]:
    train, test = (
        (
            _idx(folder, f"{part}-images-idx3-ubyte"),
            _idx(folder, f"{part}-labels-idx1-ubyte"),
        )
        for part in ("train", "t10k")
    )
    return train, test


def _idx(folder: Path, name: str) -> np.ndarray:
    """Read one idx file: two zero bytes, type 8, the rank, big-endian sizes, bytes."""
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.exists()), None)
    if path is None:
        raise ValueError(f"data.folder={folder} holds neither {name} nor {name}.gz")
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    shape = (
        np.frombuffer(raw, ">u4", count=raw[3], offset=4)
        if raw[:3] == b"\0\0\x08"
        else []
    )
    if len(shape) == 0 or len(raw) != 4 + 4 * len(shape) + int(np.prod(shape)):
        raise ValueError(f"{path} is no whole idx file of bytes; fetch it again")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _scaled(images: np.ndarray, labels: np.ndarray) -> Arrays:
    return images[..., None].astype(np.float32) / 255, labels.astype(np.int32)
