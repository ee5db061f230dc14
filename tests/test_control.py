"""A failed control is repeated one by one before the machine is blamed."""

from dataclasses import replace

import polars as pl
import pytest
from composing import plan

from seedscope.commands import control
from seedscope.runs.table import Runs
from seedscope.trace.trace import Trace


def ended(*digests, overrides=("factor=none",)):
    runs = plan(*overrides, f"replicates={len(digests)}")
    return [
        Trace(run, {}, weights_sha256=("start", digest))
        for run, digest in zip(runs, digests, strict=True)
    ]


def test_only_an_arm_in_which_nothing_varies_must_repeat():
    assert control.unequal(ended("a", "a", "a")) == []
    assert control.unequal(ended("a", "b", overrides=("factor=init",))) == []
    again = control.unequal(ended("a", "a", "b", "a"))
    assert [run.replicate for run in again] == [0, 1, 2]


def test_who_is_blamed_is_what_shows_one_by_one():
    assert control.blamed(ended("a", "a")) == "engine"
    assert control.blamed(ended("a", "b")) == "machine"


@pytest.mark.parametrize(
    ("engine", "found", "whose"),
    [
        ("batched", None, "unknown"),
        ("batched", "engine", "engine"),
        ("batched", "machine", "machine"),
        ("sequential", None, "machine"),
    ],
)
def test_the_machine_is_blamed_for_what_was_seen_one_by_one_alone(engine, found, whose):
    table = pl.DataFrame({"arm": ["none"] * 2, "engine": [engine] * 2})
    assert replace(Runs("x", table, ()), control=found).whose_fault("none") == whose
