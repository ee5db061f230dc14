"""Share of a source over several backgrounds: warning, recovery, coverage."""

import numpy as np
import pytest

from seedscope.stats.backgrounds import alone_share


def arms(rng, backgrounds, runs, everything=40):
    """Scores whose sd within a background differs: (1 + z/2) times a normal, plus z."""
    z = rng.normal(size=(backgrounds, 1))
    alone = (1 + 0.5 * z) * rng.normal(size=(backgrounds, runs)) + z
    free = rng.normal(size=everything)
    together = (1 + 0.5 * free) * rng.normal(size=everything) + free
    return alone.ravel(), together, np.repeat(np.arange(backgrounds), runs)


TRUTH = 1.25 / 2.25


def test_one_background_warns_and_is_approximate():
    result = alone_share(*arms(np.random.default_rng(0), 1, 30))
    assert "only one background" in result.warning
    assert result.share.approximate
    few = alone_share(*arms(np.random.default_rng(0), 3, 30))
    assert "few backgrounds" in few.warning
    enough = alone_share(*arms(np.random.default_rng(0), 5, 30))
    assert enough.warning is None
    assert not enough.share.approximate


def test_differences_between_backgrounds_are_not_the_sources():
    rng = np.random.default_rng(1)
    alone, everything, background = arms(rng, 6, 10)
    one = alone_share(alone, everything, background)
    two = alone_share(alone + 100.0 * background, everything, background)
    assert two.share.ratio == pytest.approx(one.share.ratio)
    assert two.share.low == pytest.approx(one.share.low)


def test_a_planted_share_is_recovered():
    result = alone_share(*arms(np.random.default_rng(2), 400, 5, 4000))
    assert result.share.ratio == pytest.approx(TRUTH, abs=0.08)
    assert result.share.low < TRUTH < result.share.high


def test_degenerate_arms_have_answers():
    background = np.array([0, 0, 1, 1])
    moving = np.array([1.0, 2, 4, 8])
    assert alone_share(np.ones(4), moving, background).share.ratio == 0
    assert alone_share(moving, np.ones(4), background).share.ratio == np.inf
    assert np.isnan(alone_share(np.ones(4), np.ones(4), background).share.ratio)
    with pytest.raises(ValueError, match="nothing varies alone"):
        alone_share(moving, moving, np.arange(4))
    with pytest.raises(ValueError, match="one background per run"):
        alone_share(moving, moving, np.arange(3))


@pytest.mark.long
@pytest.mark.parametrize(("backgrounds", "runs"), [(5, 5), (8, 10), (20, 2)])
def test_the_interval_covers_over_backgrounds(backgrounds, runs):
    rng = np.random.default_rng(backgrounds)
    shares = [alone_share(*arms(rng, backgrounds, runs)).share for _ in range(2500)]
    assert 0.92 <= np.mean([s.low <= TRUTH <= s.high for s in shares]) <= 0.98
