import numpy as np
import pytest

from seedscope.study.seeds import SOURCES, source_seed, stream_seed


def test_neighbouring_roots_share_no_seed():
    # With root + replicate, replicate 1 of root 7 would be replicate 0 of root 8.
    seeds = [source_seed(r, s, k) for r in range(9) for s in SOURCES for k in range(30)]
    assert len(set(seeds)) == len(seeds)


def test_seeds_are_the_same_on_every_machine():
    # Printed once; a change here moves every run of every study that was ever logged.
    assert source_seed(20240, "init", 0) == 1350349233
    assert stream_seed(5, "weight", 2) == 1438108636


def test_zero_is_a_seed_like_any_other():
    assert source_seed(0, "init", 0) != source_seed(1, "init", 0)


def test_seeds_look_uniform():
    seeds = np.array([source_seed(1, "shuffle", k) for k in range(2000)]) / 2**31
    assert abs(seeds.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(seeds[1:], seeds[:-1])[0, 1]) < 0.08


def test_unknown_source_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown source 'weights'; known: init, "):
        source_seed(1, "weights", 0)
