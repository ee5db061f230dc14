import gzip
from dataclasses import replace

import numpy as np
import pytest
from composing import plan, read

from seedscope.study.words import Split
from seedscope.task.data import articles, datasets
from seedscope.task.data.load import load, uses_data_seed
from seedscope.task.data.split import split

HOLDOUT = Split("holdout", 0.15, 0.2, 5, None, 0.0)


def own_data(x, y):
    return x, y


@pytest.mark.parametrize("method", ["holdout", "kfold", "bootstrap"])
def test_no_example_is_in_two_parts(method):
    parts = split(101, replace(HOLDOUT, method=method), seed=3)
    train, test = set(parts.train), set(parts.test)
    validation = set(parts.validation)
    assert len(train) + len(test) + len(validation) == 101
    assert len(train | test | validation) == 101


def test_the_folds_of_one_permutation_partition_the_data():
    kfold = replace(HOLDOUT, method="kfold")
    tests = [split(103, kfold, seed=70 + fold).test for fold in range(5)]
    assert sorted(np.concatenate(tests)) == list(range(103))


def test_a_bootstrap_trains_on_as_many_examples_as_there_are():
    parts = split(1000, replace(HOLDOUT, method="bootstrap"), seed=1)
    assert len(parts.train) == 1000
    assert abs(len(set(parts.train)) - 632) < 40


def test_an_official_test_set_stays_whole():
    parts = split(100, HOLDOUT, seed=1, official_test=30)
    assert list(parts.test) == list(range(100, 130))
    assert len(parts.train) == 85


def test_impossible_splits_are_refused():
    with pytest.raises(ValueError, match="split.folds=12 is more than the 11 examples"):
        split(11, replace(HOLDOUT, method="kfold", folds=12), seed=1)
    with pytest.raises(ValueError, match="split.train_size=90 is more than the 65"):
        split(100, replace(HOLDOUT, train_size=90), seed=1)
    with pytest.raises(ValueError, match="2 examples leave 2 to train and 0 to test"):
        split(2, HOLDOUT, seed=1)


def test_digits_are_the_real_ones():
    x, y = datasets.digits()
    assert x.shape == (1797, 8, 8, 1)
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (x.min(), x.max()) == (0, 1)


def test_mnist1d_is_the_same_in_every_call():
    first, second = datasets.mnist1d(200), datasets.mnist1d(200)
    assert first[0].shape == (200, 40)
    np.testing.assert_array_equal(first[0], second[0])


def test_noise_labels_cannot_be_learnt_and_rule_labels_can():
    from sklearn.linear_model import LogisticRegression

    def accuracy(labels):
        x, y = datasets.synthetic(3, 4000, 10, labels, 0.1)
        half = LogisticRegression().fit(x[:2000], y[:2000])
        return half.score(x[2000:], y[2000:])

    assert abs(accuracy("noise") - 0.5) < 0.05
    assert 0.8 < accuracy("rule") < 0.95


def write_idx(folder, packed):
    rng = np.random.default_rng(0)
    for part, count in (("train", 5), ("t10k", 3)):
        for kind, shape in (("images-idx3", (count, 4, 4)), ("labels-idx1", (count,))):
            values = rng.integers(0, 9, shape).astype(np.uint8)
            head = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            name, raw = f"{part}-{kind}-ubyte", head + values.tobytes()
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(raw))
            else:
                (folder / name).write_bytes(raw)


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_idx_files_is_read(tmp_path, packed):
    write_idx(tmp_path, packed)
    (x, y), (x_test, y_test) = datasets.fashion_mnist(str(tmp_path))
    assert (x.shape, y.shape) == ((5, 4, 4, 1), (5,))
    assert (x_test.shape, y_test.dtype) == ((3, 4, 4, 1), np.int32)


def test_a_broken_or_missing_idx_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds neither train-images-idx3-ubyte nor"):
        datasets.fashion_mnist(str(tmp_path))
    write_idx(tmp_path, packed=False)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x05ab")
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte is no whole idx file"):
        datasets.fashion_mnist(str(tmp_path))


def test_label_noise_touches_training_labels_only():
    clean = load(plan("factor=none")[0])
    noisy = load(plan("factor=none", "split.label_noise=0.5")[0])
    np.testing.assert_array_equal(clean.y_test, noisy.y_test)
    np.testing.assert_array_equal(clean.x_train, noisy.x_train)
    changed = (clean.y_train != noisy.y_train).mean()
    assert 0.4 < changed < 0.5  # one in ten of the random labels is the old one


def test_only_the_data_source_redraws_synthetic_examples():
    def digest(source):
        runs = plan("data=synthetic", f"factor={source}", "replicates=2")
        return [load(run).digests["data"] for run in runs]

    assert len(set(digest("data"))) == 2
    assert len(set(digest("split"))) == 1


def test_a_fixed_data_set_does_not_use_the_data_seed():
    assert not uses_data_seed(plan("data=digits")[0])
    assert uses_data_seed(plan("data=synthetic")[0])
    assert uses_data_seed(plan("data=digits", "split.label_noise=0.1")[0])


def run_with(data):
    run = plan("factor=none")[0]
    settings = read("factor=none").arms[0].settings
    return replace(run, settings=replace(settings, data=data))


def test_an_unknown_key_of_a_loader_is_named_with_its_signature():
    run = run_with({"_target_": "seedscope.task.data.datasets.digits", "exampels": 3})
    with pytest.raises(
        ValueError, match="data: seedscope.task.data.datasets.digits.*exampels"
    ):
        load(run)


BAD_ARRAYS = [
    ([[1.0], [2.0]], [0], "2 examples but 1 labels"),
    ([[1.0], [2.0]], [0, -1], "one class number from 0 on"),
    ([[1.0], [2.0]], [0.5, float("nan")], "y holds values that are not finite"),
    ([[1.0], [2.0]], ["a", "b"], "labels must be numbers"),
]


@pytest.mark.parametrize(("x", "y", "message"), BAD_ARRAYS)
def test_arrays_that_do_not_fit_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        load(run_with({"_target_": "test_data.own_data", "x": x, "y": y}))


def test_coin_flips_are_those_that_the_articles_program_draws():
    (x, y), (x_test, y_test) = articles.coin_flips(numpy_seed=42, examples=100)
    assert x[0, :3].tolist() == pytest.approx([0.37454012, 0.95071431, 0.73199394])
    assert x.shape == x_test.shape == (100, 10)
    assert set(y) == set(y_test) == {0, 1}
    assert not (x == x_test).any()
