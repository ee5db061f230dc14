"""Intraclass correlations: the published example and coverage."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from seedscope.stats.icc import intraclass_correlations

REFERENCE = Path(__file__).parent.parent / "reference"
KNOWN = json.loads((REFERENCE / "answers.json").read_text())["R"]["shrout_fleiss"]


def test_shrout_and_fleiss_example():
    with (REFERENCE / "shrout_fleiss.csv").open() as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    result = intraclass_correlations(np.array(scores).reshape(6, 4))
    assert result.one_way == pytest.approx(KNOWN["icc11"], rel=1e-9)
    assert result.agreement == pytest.approx(KNOWN["icc21"], rel=1e-6)  # from REML
    assert result.consistency == pytest.approx(KNOWN["icc31"], rel=1e-9)
    # intervals as printed by R's psych::ICC
    found = result.one_way_interval, result.agreement_interval
    ends = [(i.low, i.high) for i in (*found, result.consistency_interval)]
    printed = [(-0.133, 0.723), (0.019, 0.761), (0.342, 0.946)]
    np.testing.assert_allclose(ends, printed, atol=6e-4)


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="full, finite table"):
        intraclass_correlations(np.array([[1.0, np.nan], [1, 2]]))
    with pytest.raises(ValueError, match="agree exactly"):
        intraclass_correlations(np.array([[1.0, 1], [2, 2], [5, 5]]))


@pytest.mark.slow
@pytest.mark.parametrize(("targets", "judges"), [(6, 4), (30, 3)])
def test_the_intervals_cover(targets, judges):
    rng = np.random.default_rng(targets)
    size, hits = (targets, judges), []
    for _ in range(500):
        plain = rng.normal(size=(targets, 1)) + rng.normal(size=size)
        one = intraclass_correlations(plain)
        two = intraclass_correlations(plain + rng.normal(0, 0.7, (1, judges)))
        hits.append(
            (
                one.one_way_interval.contains(0.5),
                two.agreement_interval.contains(1 / 2.49),
                two.consistency_interval.contains(0.5),
            )
        )
    assert all(0.92 <= share <= 0.98 for share in np.mean(hits, axis=0))
