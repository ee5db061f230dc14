"""Draws of any kind belong to a source: repeatable, and varied by it alone."""

from dataclasses import replace

import numpy as np
import pytest
from composing import plan

from seedscope.task.data.load import load
from seedscope.task.sources import check_sources
from seedscope.training.batched.refusal import UNNAMED, refusal
from seedscope.training.sequential import loops
from seedscope.training.sequential.prepare import prepare

NAMED = ("ByOwnGenerator", "ByDropout")
UNNAMED_KINDS = (
    "ByTensorFlow",
    "ByKeras",
    "ByNumPy",
    "ByStrayGenerator",
    "ByTensorFlowGenerator",
    "ByGlobalGenerator",
)


def planned(kind, *overrides):
    return plan(
        "data=own",
        "data._target_=drawing_layers.data",
        "model=own",
        "model._target_=drawing_layers.model",
        f"+model.kind={kind}",
        "loop.epochs=1",
        "replicates=2",
        *overrides,
    )


def trained(run):
    """Return the noise that a run drew last, and the digests of its other sources."""
    trace = loops.train(run, "final")
    initial = {"init": trace.weights_sha256[0]}
    return trace.weights[0][:6], dict(trace.digests) | initial


@pytest.mark.parametrize("kind", [*NAMED, *UNNAMED_KINDS])
def test_a_draw_of_any_kind_follows_the_source_dropout_alone(kind):
    run, other = planned(kind, "factor=all")
    noise, digests = trained(run)
    changed = replace(run, seeds={**run.seeds, "dropout": other.seeds["dropout"]})
    its_noise, its_digests = trained(changed)
    assert not np.array_equal(its_noise, noise)
    assert its_digests == digests
    kept = replace(other, seeds={**other.seeds, "dropout": run.seeds["dropout"]})
    its_noise, its_digests = trained(kept)
    np.testing.assert_array_equal(its_noise, noise)
    for source in ("init", "order", "split"):
        assert its_digests[source] != digests[source]


@pytest.mark.parametrize("kind", UNNAMED_KINDS)
def test_groups_refuse_what_only_the_global_seeds_reach(kind):
    (run, _) = planned(kind, "factor=dropout")
    assert refusal(run, None) == UNNAMED
    check_sources(run, prepare(run, load(run)).built)  # it is a source all the same


def test_a_draw_that_no_seed_reaches_is_refused():
    with pytest.raises(ValueError, match="draws numbers that no seed reaches"):
        loops.train(planned("Unreached")[0])


def test_what_an_optimizer_of_ones_own_draws_is_found_out_by_trial():
    asked = ("factor=dropout", "data=synthetic", "data.examples=60", "loop.epochs=1")
    asked = (*asked, "model.dropout=0", "replicates=2", "optimizer=sgd")
    runs = plan(*asked, "optimizer._target_=drawing_layers.NoisySGD")
    first, other, again = (loops.train(runs[n]).weights_sha256 for n in (0, 1, 0))
    assert first == again
    assert first[0] == other[0]
    assert first[-1] != other[-1]
    silent = plan(*asked, "optimizer._target_=drawing_layers.OwnSGD")[0]
    with pytest.raises(ValueError, match="the model has no stochastic layer"):
        loops.train(silent)


def test_a_model_without_any_draw_has_no_source_dropout():
    run = plan("factor=dropout", "data=synthetic", "model.dropout=0")[0]
    with pytest.raises(ValueError, match="the model has no stochastic layer"):
        prepare(run, load(run))
