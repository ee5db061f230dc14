"""Every family of layers trains as the sequential engine trains it, or is refused."""

from dataclasses import replace

import numpy as np
import pytest
from batched_models import FAMILIES, REFUSED
from composing import plan

from seedscope.study.words import Engine
from seedscope.training.batched import batched
from seedscope.training.batched.refusal import refusal
from seedscope.training.sequential import loops as sequential

SMALL = (
    "replicates=2",
    "factor=init",
    "data=digits",
    "loop=custom",
    "loop.epochs=2",
    "loop.batch_size=20",
    "split.train_size=50",
    "split.validation=0.02",
    "split.test=0.02",
    "optimizer=sgd",
)
WIDTH = Engine("batched", workers=1, group_size=2, keep_weights="epochs", again=False)
FAST = ("noise",)


def planned(family):
    runs = plan(*SMALL)
    model = {
        "_target_": "batched_models.model",
        "from_logits": True,
        "family": family,
    }
    return [replace(r, settings=replace(r.settings, model=model)) for r in runs]


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(name, marks=[pytest.mark.long] if name not in FAST else [])
        for name in FAMILIES
    ],
)
def test_layers_train_as_the_sequential_engine_trains_them(family):
    runs = planned(family)
    assert refusal(runs[0], WIDTH.group_size) is None
    got = next(batched.train(runs, WIDTH))[1]
    expected = sequential.train(runs[1], "epochs")
    assert got.weights_sha256[0] == expected.weights_sha256[0]
    np.testing.assert_allclose(got.weights, expected.weights, atol=3e-6)
    for name in ("loss", "accuracy"):
        for part in ("batch", "train", "val"):
            values, wanted = getattr(got, part)[name], getattr(expected, part)[name]
            np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        got.predictions.outputs, expected.predictions.outputs, atol=1e-5
    )


@pytest.mark.long
@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_cannot_be_trained_in_groups_is_named(name):
    reason = refusal(planned(name)[0], WIDTH.group_size)
    assert reason is not None
    assert "\n" not in reason
    told = {
        "recurrent_noise": "simple_rnn",
        "seed generator": "draws random numbers that no layer names",
    }
    assert told.get(name, name).lower() in reason.lower()
