"""Levels at which nothing varies: repeats, and distances from the first level."""

from dataclasses import replace

import numpy as np
import pytest
from studies import log_arm, made_trace

from seedscope.analysis.compare import compare
from seedscope.report import answer, note
from seedscope.report import levels as report
from seedscope.report.plots.draw import draw
from seedscope.store.read import read_study

LEVELS = "+factor.levels={runtime.intra_op_threads: [1, 2, 4]}"


def trace(run):
    """Level 1 repeats; level 2 leaves it at batch 3; level 4 never repeats."""
    threads = run.settings.runtime.intra_op_threads
    made = made_trace(run, bits=f"{threads}{run.replicate if threads == 4 else ''}")
    loss = made.batch["loss"].copy()
    weights = np.array([[0.0, 0.0], [3.0, 4.0]])  # the baseline goes 5 far
    if threads == 2:
        loss[2:] += 1
        weights[-1] += [0, 1]
    if threads == 4:
        loss[1:] += run.replicate
        weights[-1] += [run.replicate, 0]
    digests = dict(made.digests) | {"order": f"o{run.replicate if threads == 4 else 0}"}
    return replace(
        made,
        batch={"loss": loss},
        weights=weights,
        digests=digests,
        seconds=float(threads),
    )


@pytest.fixture
def comparison(store):
    log_arm(store, "factor.name=threads", LEVELS, "replicates=3", trace=trace)
    return compare(read_study(store, "made"), (), 0.95)


def test_levels_say_whether_they_repeat_and_how_far_they_land(comparison):
    one, two, four = comparison.levels
    assert one.repeats.identical
    assert two.repeats.identical
    assert four.repeats.distinct == 3
    assert (one.first_step, two.first_step) == (-1, 3)
    assert (one.own_first_step, four.own_first_step) == (-1, 2)
    assert two.distance.tolist() == pytest.approx([0, 0.2])
    assert four.own_distance == pytest.approx(2 / 5)
    assert (two.seconds_ratio, four.seconds_ratio) == (2, 4)
    assert not four.draws["order"]
    assert four.draws["data"]


def test_a_level_that_does_not_repeat_is_named_in_every_report(comparison):
    said, drawn = answer.of_comparison(comparison).answer
    assert drawn == "Drawn anew in each repeat: threads intra_op_threads:4 (order)."
    assert "2 of 3 levels repeat bit for bit" in said
    assert "threads intra_op_threads:4 (3 of 3)" in said
    assert any("the machine itself is a source" in n for n in comparison.notes)
    assert report.TITLE in note.markdown(comparison)
    assert "3 ways" in report.markdown(comparison)
    assert "levels" in draw(comparison)


def test_one_arm_that_varies_nothing_is_a_control_and_no_level(store):
    log_arm(store, "factor=none", "replicates=2")
    comparison = compare(read_study(store, "made"), (), 0.95)
    assert comparison.levels == ()
    assert comparison.control is not None
