"""Curves: planted noise and trends, simultaneous coverage, known divergence."""

import numpy as np
import pytest

from seedscope.stats.curves import bands, divergence, first_reach, fluctuation


def test_batch_noise_is_recovered_under_a_trend():
    rng = np.random.default_rng(0)
    steps = np.linspace(0, 1, 2000)
    curves = 3 - 40 * steps + 10 * steps**2 + 0.2 * rng.normal(size=(6, 2000))
    result = fluctuation(curves, lower_is_better=True)
    np.testing.assert_allclose(result.batch_noise, 0.2, rtol=0.06)
    assert result.noise_spread.replicates == 6
    # a straight line alone has no noise at all
    line = fluctuation(np.linspace(0, 5, 40)[None], lower_is_better=True)
    assert line.batch_noise[0] == pytest.approx(0, abs=1e-14)


def test_drawdown_drops_and_step_change_of_a_short_curve():
    accuracy = np.array([[0.1, 0.5, 0.3, 0.4, 0.9, 0.2]])
    result = fluctuation(accuracy, lower_is_better=False, window=3)
    assert result.drawdown[0] == pytest.approx(0.7)
    assert result.drops[0] == 2
    change = np.sqrt(np.mean(np.array([0.4, 0.2, 0.1, 0.5, 0.7]) ** 2))
    assert result.step_change[0] == pytest.approx(change)
    loss = fluctuation(-accuracy, lower_is_better=True, window=3)
    assert loss.drawdown[0] == pytest.approx(0.7)
    with pytest.raises(ValueError, match="window must be odd"):
        fluctuation(accuracy, lower_is_better=True, window=4)
    with pytest.raises(ValueError, match="window must be odd"):
        fluctuation(accuracy, lower_is_better=True, window=7)


def test_bands_are_bonferroni_t_and_chi_square():
    curves = np.random.default_rng(1).normal(size=(10, 5)) + 1e8
    result = bands(curves)
    sd = curves.std(axis=0, ddof=1)
    # t and chi-square quantiles at .025 / 5 with 9 degrees of freedom
    half = (result.mean_high - result.mean_low) / 2
    np.testing.assert_allclose(half, 3.24984 * sd / np.sqrt(10), rtol=1e-4)
    np.testing.assert_allclose(result.sd_low, sd * np.sqrt(9 / 23.5894), rtol=1e-4)
    np.testing.assert_allclose(result.sd_high, sd * np.sqrt(9 / 1.7349), rtol=1e-4)


def test_steps_at_which_all_runs_agree_have_a_band_of_zero():
    curves = np.random.default_rng(2).normal(size=(6, 4))
    curves[:, 0] = 0.1
    result = bands(curves)
    assert (result.sd[0], result.sd_low[0], result.sd_high[0]) == (0, 0, 0)
    assert result.mean_low[0] == result.mean_high[0] == 0.1


def test_a_broken_curve_is_named():
    curves = np.ones((3, 4))
    curves[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"replicates \[2\] diverged"):
        bands(curves)
    with pytest.raises(ValueError, match="2 or more runs"):
        bands(np.ones((1, 4)))


def test_few_runs_and_heavy_tails_are_called_approximate():
    rng = np.random.default_rng(3)
    assert bands(rng.normal(size=(4, 5))).approximate
    assert not bands(rng.normal(size=(40, 5))).approximate
    assert bands(rng.standard_t(2, size=(60, 50))).approximate


def test_first_reach_counts_the_runs_that_never_do():
    curves = np.array([[3.0, 2, 1], [3, 1, 2], [3, 3, 3], [1, 3, 3]])
    result = first_reach(curves, 1.0, lower_is_better=True)
    assert result.first_steps.tolist() == [2, 1, -1, 0]
    assert (result.reached, result.spread.mean) == (3, 1.0)
    # Clopper-Pearson for 3 of 4
    assert result.rate_low == pytest.approx(0.1941, abs=1e-4)
    assert result.rate_high == pytest.approx(0.9937, abs=1e-4)
    never = first_reach(curves, 9.0, lower_is_better=False)
    assert (never.reached, never.spread) == (0, None)


def test_divergence_finds_the_first_step_and_the_growth_rate():
    steps = np.arange(30)
    gap = np.where(steps < 4, 0, 1e-8 * np.exp(0.5 * (steps - 4)))
    result = divergence(np.zeros(30), np.minimum(gap, 1e-3))
    assert result.first_step == 4
    assert result.growth == pytest.approx(0.5, rel=1e-6)
    assert result.doubling_steps == pytest.approx(np.log(2) / 0.5, rel=1e-6)
    assert result.saturation_step == 26
    two = divergence(np.zeros((30, 2)), np.stack([gap, gap], axis=1))
    np.testing.assert_allclose(two.distance, np.sqrt(2) * gap)


def test_equal_runs_never_diverge_and_nan_is_refused():
    result = divergence(np.arange(5.0), np.arange(5.0))
    assert (result.first_step, result.saturation_step) == (-1, -1)
    assert np.isnan(result.growth)
    with pytest.raises(ValueError, match="NaN"):
        divergence(np.array([np.nan, 1]), np.array([0.0, 1]))
    with pytest.raises(ValueError, match="one shape"):
        divergence(np.ones(3), np.ones(4))


@pytest.mark.long
@pytest.mark.parametrize("runs", [5, 20])
@pytest.mark.parametrize("correlated", [True, False])
def test_bands_cover_all_steps_at_once(runs, correlated):
    rng = np.random.default_rng(runs)
    steps, means, sds = 40, 0, 0
    # Correlated steps are an average of one common and one own draw, sd still 1.
    for _ in range(600):
        curves = rng.normal(size=(runs, steps))
        if correlated:
            curves = np.sqrt(0.3) * rng.normal(size=(runs, 1)) + np.sqrt(0.7) * curves
        result = bands(curves)
        means += np.all((result.mean_low <= 0) & (result.mean_high >= 0))
        sds += np.all((result.sd_low <= 1) & (result.sd_high >= 1))
    assert 0.92 <= means / 600 <= 0.98
    assert 0.92 <= sds / 600 <= 0.98
