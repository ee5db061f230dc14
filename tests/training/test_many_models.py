"""A differential test: each model by plain Keras, one by one, in groups or its refusal.

The optimizer is SGD: Adam makes a step of its rate out of a gradient that is rounding.
Steps one by one run eagerly, which traces nothing and costs a tenth; those of groups
are compiled, as always: `pytest -m long` trains them.
"""

import keras
import many_models
import numpy as np
import pytest
from composing import plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedscope.study.words import Engine
from seedscope.task.data.load import load
from seedscope.task.model import build
from seedscope.task.orders import epoch_orders
from seedscope.training.batched import batched
from seedscope.training.batched.refusal import refusal
from seedscope.training.sequential import loops

EAGER = "runtime.compilation=eager"
AUTO = Engine("auto", workers=1, group_size=4, keep_weights="epochs")


def runs(target, kind, *overrides):
    return plan(
        "model=own", f"model._target_=many_models.{target}", "data=own",
        "data._target_=many_models.data", f"+data.kind={kind}", "replicates=2",
        "loop.epochs=1", "loop.batch_size=16", "optimizer=sgd",
        "optimizer.learning_rate=0.02",
        "factor=all", *overrides,
    )  # fmt: skip


def by_keras(run):
    """Return the weights and scores that plain Keras makes of a run."""
    examples, eager = load(run), run.settings.runtime.compilation == "eager"
    model = build(run.settings.model, examples.sample, examples.labels, run.seeds).model
    model.compile(
        keras.optimizers.SGD(0.02), "sparse_categorical_crossentropy",
        metrics=["accuracy"], run_eagerly=eager, jit_compile=False,
    )  # fmt: skip
    x, y, _ = examples.part("train")
    (order,) = epoch_orders(run.seeds["shuffle"], len(x), 1, "epoch")
    model.fit(x[order], y[order], batch_size=16, shuffle=False, verbose=0)
    x, y, _ = examples.part("test")
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    return np.concatenate([np.asarray(w).ravel() for w in model.weights]), scores


def agree(run):
    weights, scores = by_keras(run)
    trace = loops.train(run, "final")
    np.testing.assert_allclose(trace.weights[-1], weights, rtol=1e-4, atol=1e-6)
    for name, value in scores.items():
        assert trace.test[name] == pytest.approx(value, rel=1e-4, abs=1e-6)
    return trace


def test_there_are_at_least_sixty_models():
    assert len(many_models.MODELS) >= 60


@pytest.mark.parametrize("name", many_models.MODELS)
def test_each_model_trains_one_by_one_as_plain_keras_does(name):
    kind, _ = many_models.MODELS[name]
    agree(runs("model", kind, f"+model.which={name}", EAGER)[0])


@pytest.mark.long
@pytest.mark.parametrize("name", many_models.MODELS)
def test_each_model_trains_in_groups_as_one_by_one_or_is_refused(name):
    kind, _ = many_models.MODELS[name]
    planned = runs("model", kind, f"+model.which={name}")
    if why := refusal(planned[0], AUTO.group_size):
        assert "\n" not in why
        return
    together = [t for group in batched.train(planned, AUTO) for t in group]
    eager = runs("model", kind, f"+model.which={name}", EAGER)
    for run, got in zip(eager, together, strict=True):
        alone = loops.train(run, "final")
        np.testing.assert_allclose(
            got.weights[-1], alone.weights[-1], rtol=1e-3, atol=1e-4
        )
        assert got.test["loss"] == pytest.approx(alone.test["loss"], rel=1e-3)


@settings(
    max_examples=4, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.lists(st.sampled_from(sorted(many_models.STACKED)), max_size=4))
def test_drawn_models_train_as_plain_keras_does(layers):
    agree(runs("drawn", "vectors", f"+model.layers=[{','.join(layers)}]", EAGER)[0])
