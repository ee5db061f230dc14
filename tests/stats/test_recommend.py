"""Which design for which budget, and whether the predicted widths come true."""

import numpy as np
import pytest

from seedscope.stats.attribution import attribute
from seedscope.stats.recommend import recommend_design
from stats.tables import planted, round_robin, saltelli


@pytest.mark.parametrize(
    ("sources", "least"), [(3, 160), (4, 300), (5, 360)]
)  # ten superblocks without repeats
def test_stars_are_recommended_as_soon_as_ten_superblocks_fit(sources, least):
    assert recommend_design(sources, least, repeats=False).advice.design == "stars"
    below = recommend_design(sources, least - 1, repeats=False)
    assert below.advice.design == "blocks"


def test_small_budgets_vary_one_at_a_time_and_say_so():
    result = recommend_design(4, 30)
    assert result.advice.design == "vary"
    assert result.advice.approximate
    assert np.isnan(result.advice.half_width)
    assert (result.advice.replicates, result.advice.runs) == (6, 30)
    assert recommend_design(1, 30).advice.replicates == 30
    with pytest.raises(ValueError, match="5 arms of 2 runs"):
        recommend_design(4, 9)


def test_no_recommendation_exceeds_its_budget_and_more_runs_help():
    widths = []
    for budget in (100, 300, 1000, 3000):
        result = recommend_design(4, budget)
        every = (result.advice, *result.alternatives)
        assert all(advice.runs <= budget for advice in every)
        widths.append(result.advice.half_width)
    assert widths[0] > 0.25  # 100 runs name a dominant source, no more
    assert widths[-1] < 0.1


@pytest.mark.long
@pytest.mark.parametrize(("make", "budget"), [(saltelli, 180), (round_robin, 800)])
def test_the_predicted_width_comes_true(make, budget):
    rng = np.random.default_rng(budget)
    result = recommend_design(3, budget)
    advice = result.advice
    assert advice.design == {saltelli: "blocks", round_robin: "stars"}[make]
    table = make(advice.replicates, 3)
    assert len(table) == advice.runs
    widths = []
    for _ in range(100):  # chaos: the worst case, rho = 0
        found = attribute(table, planted(rng, table, {(0, 1, 2): 1.0}, 0.1), "abc")
        widths += [(s.total.high - s.total.low) / 2 for s in found.sources]
    assert np.median(widths) == pytest.approx(advice.half_width, rel=0.2)
