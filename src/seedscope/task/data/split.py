"""Split a data set into examples to train on, to validate on and to test on."""

from dataclasses import dataclass

import numpy as np

from seedscope.study.words import Split


@dataclass(frozen=True)
class Parts:
    """Row numbers of the data set; no row is in two parts."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(examples: int, settings: Split, seed: int, official_test: int = 0) -> Parts:
    """Split `examples` rows; the official test set, if any, is numbered after them.

    Args:
        examples: rows to split.
        settings: method and fractions.
        seed: of the source `split`; for k-fold the fold is `seed % folds` and the
            permutation belongs to `seed // folds`, so the folds of one permutation
            partition the data.
        official_test: rows of a test set of its own; holdout leaves it whole.

    Raises:
        ValueError: a part would be empty, or there are more folds than examples.
    """
    methods = {"holdout": _holdout, "kfold": _kfold, "bootstrap": _bootstrap}
    parts = methods[settings.method](examples, settings, seed, official_test)
    if settings.train_size is not None:
        if settings.train_size > len(parts.train):
            raise ValueError(
                f"split.train_size={settings.train_size} is more than the "
                f"{len(parts.train)} training examples of this split"
            )
        parts = Parts(parts.train[: settings.train_size], parts.validation, parts.test)
    if not (len(parts.train) and len(parts.test)):
        raise ValueError(
            f"{examples} examples leave {len(parts.train)} to train and "
            f"{len(parts.test)} to test on; change split.test, split.validation or "
            "the size of the data"
        )
    return parts


def _holdout(examples: int, settings: Split, seed: int, official_test: int) -> Parts:
    order = np.random.default_rng(seed).permutation(examples)
    if official_test:
        test = examples + np.arange(official_test)
    else:
        test, order = np.split(order, [round(settings.test * examples)])
    validation, train = np.split(order, [round(settings.validation * examples)])
    return Parts(train, validation, test)


def _kfold(examples: int, settings: Split, seed: int, _: int) -> Parts:
    if settings.folds > examples:
        raise ValueError(
            f"split.folds={settings.folds} is more than the {examples} examples"
        )
    order = np.random.default_rng(seed // settings.folds).permutation(examples)
    folds = np.array_split(order, settings.folds)
    test = folds.pop(seed % settings.folds)
    rest = np.concatenate(folds)
    validation, train = np.split(rest, [round(settings.validation * examples)])
    return Parts(train, validation, test)


def _bootstrap(examples: int, settings: Split, seed: int, _: int) -> Parts:
    """Train on a bootstrap sample, validate and test on what it left out.

    Reference: Bouthillier et al. 2021, section 2.1 (out-of-bootstrap).
    """
    rng = np.random.default_rng(seed)
    train = rng.integers(0, examples, examples)
    left_out = rng.permutation(np.setdiff1d(np.arange(examples), train))
    share = settings.validation / (settings.validation + settings.test)
    validation, test = np.split(left_out, [round(share * len(left_out))])
    return Parts(train, validation, test)
