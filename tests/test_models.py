"""Every source draws for itself, whatever the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from seedscope.task.model import build
from seedscope.task.objective import objective
from seedscope.task.optimizer import build_optimizer
from seedscope.trace.trace import digest

SEEDS = {"init": 1, "dropout": 2, "augmentation": 3}
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)


def stack():
    return [
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.Conv2D(4, 3),
        layers.SpatialDropout2D(0.5),
        layers.Reshape((36, 4)),
        layers.LSTM(5, recurrent_dropout=0.4, dropout=0.3),
        layers.GaussianNoise(1.0),
        layers.Dense(8),
        layers.Dropout(0.5),
        layers.Dense(3),
    ]


def sequential(input_shape):
    return keras.Sequential([keras.Input(input_shape), *stack()])


def functional(input_shape):
    x = inputs = keras.Input(input_shape)
    for layer in stack():
        x = layer(x)
    return keras.Model(inputs, x)


class Subclassed(keras.Model):
    """Its layers are built when it is first called."""

    def __init__(self):
        super().__init__()
        self.stack = stack()

    def call(self, x, training=False):
        for layer in self.stack:
            stochastic = hasattr(layer, "seed_generator") or "Random" in layer.name
            takes = "training" in layer._call_signature.parameters
            x = layer(x, training=training) if stochastic or takes else layer(x)
        return x


def subclassed(input_shape):
    return Subclassed()


def made(kind, seeds=SEEDS):
    options = {"_target_": f"test_models.{kind}"}
    return build(options, IMAGES, classes=3, seeds=seeds)


def draws(built):
    """Hash what each source draws: weights, noise of layers, augmented images."""
    model = built.model
    flat = model.stack if isinstance(model, Subclassed) else model.layers
    augmenters = [x for x in flat if type(x).__name__.startswith("Random")]
    augmented = [np.asarray(layer(IMAGES, training=True)) for layer in augmenters]
    outputs = []
    for layer in flat:
        if isinstance(layer, layers.Dropout | layers.SpatialDropout2D):
            ones = np.ones(
                (64, *[3] * (2 + isinstance(layer, layers.SpatialDropout2D)))
            )
            outputs.append(np.asarray(layer(ones.astype(np.float32), training=True)))
        if isinstance(layer, layers.GaussianNoise):
            outputs.append(np.asarray(layer(np.zeros((64, 5), "f4"), training=True)))
        if isinstance(layer, layers.LSTM):
            state = layer.cell.seed_generator.state
            outputs.append(np.asarray(state))
    return {
        "init": digest([np.asarray(w) for w in model.trainable_variables]),
        "dropout": digest(outputs),
        "augmentation": digest(augmented),
    }


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclassed"])
@pytest.mark.parametrize("source", ["init", "dropout", "augmentation"])
def test_one_source_changes_its_own_draws_and_no_others(kind, source):
    before, after = draws(made(kind)), draws(made(kind, SEEDS | {source: 99}))
    changed = [name for name in before if before[name] != after[name]]
    assert changed == [source]


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclassed"])
def test_the_same_seeds_give_the_same_draws(kind):
    assert draws(made(kind)) == draws(made(kind))


def test_sources_are_counted_by_layer():
    noise = made("sequential").noise
    assert [n.source for n in noise].count("augmentation") == 2
    assert len({tuple(np.asarray(n.variable)) for n in noise}) == len(noise)


def two_layers(input_shape, outputs, dropout):
    middle = [layers.Dropout(0.5)] if dropout else []
    dense = layers.Dense(outputs)
    return keras.Sequential(
        [keras.Input(input_shape), layers.Flatten(), layers.Dense(4), *middle, dense]
    )


def test_a_dropout_layer_moves_no_initial_weight():
    options = {"_target_": "test_models.two_layers"}
    plain = build({**options, "dropout": False}, IMAGES, 3, SEEDS).model
    noisy = build({**options, "dropout": True}, IMAGES, 3, SEEDS).model
    weights = [digest(map(np.asarray, m.trainable_variables)) for m in (plain, noisy)]
    assert weights[0] == weights[1]


def test_layers_of_one_shape_start_apart_and_have_the_initializers_spread():
    options = {"_target_": "seedscope.task.models.networks.mlp",
               "hidden": [64, 64, 64], "l1": 0,
               "l2": 0, "dropout": 0, "activation": "relu",
               "initializer": "glorot_uniform"}  # fmt: skip
    kernels = [np.asarray(w.variable) for w in build(options, IMAGES, 3, SEEDS).weights]
    first, second = kernels[0], kernels[2]
    assert first.shape == second.shape
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1
    limit = np.sqrt(6 / 128)
    assert np.abs(first).max() <= limit
    assert first.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


def test_a_pinned_initializer_is_found_and_left_alone():
    pinned = {"class_name": "HeNormal", "config": {"seed": 42}}
    options = {
        "_target_": "seedscope.task.models.networks.logistic",
        "l2": 0,
        "initializer": pinned,
    }
    first = build(options, IMAGES, 3, SEEDS)
    second = build(options, IMAGES, 3, SEEDS | {"init": 99})
    assert len(first.pinned) == 1
    kernels = [np.asarray(b.model.trainable_variables[0]) for b in (first, second)]
    np.testing.assert_array_equal(*kernels)


def not_a_model():
    return 3


def test_what_is_no_keras_model_is_refused():
    with pytest.raises(ValueError, match="must return a keras.Model, got int"):
        build({"_target_": "test_models.not_a_model"}, IMAGES, 3, SEEDS)


def test_a_cnn_on_tabular_data_says_what_to_use():
    options = {"_target_": "seedscope.task.models.networks.cnn",
               "filters": [2], "augmentation": 0,
               "dropout": 0, "activation": "relu", "l1": 0, "l2": 0,
               "initializer": "zeros"}  # fmt: skip
    with pytest.raises(ValueError, match="model=cnn needs images"):
        build(options, np.zeros((4, 10), "f4"), 2, SEEDS)


LOGITS = np.array([[2.0, -1.0, 0.0], [0.5, 0.1, 3.0]])
PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
MISFITS = [
    (True, 4, LOGITS, "3 outputs, the labels have 4 classes"),
    (False, 3, LOGITS, "outputs are no probabilities"),
    (True, 3, PROBABILITIES, "outputs are probabilities, but model.from_logits=true"),
    (True, 3, LOGITS[None], "one row of numbers for each example"),
]


@pytest.mark.parametrize(("from_logits", "classes", "outputs", "message"), MISFITS)
def test_outputs_that_do_not_fit_are_refused(from_logits, classes, outputs, message):
    with pytest.raises(ValueError, match=message):
        objective("auto", ["auto"], from_logits, classes, outputs)


def test_logits_and_probabilities_give_the_same_loss_and_answers():
    y = np.array([0, 2])
    exponents = np.exp(LOGITS)
    shares = exponents / exponents.sum(axis=1, keepdims=True)
    of_logits = objective("auto", ["auto"], True, 3, LOGITS)
    of_shares = objective("auto", ["auto"], False, 3, shares)
    losses = [
        float(o.loss(y, v)) for o, v in ((of_logits, LOGITS), (of_shares, shares))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    np.testing.assert_allclose(of_logits.answers(LOGITS)[0], shares)
    assert of_logits.answers(LOGITS)[1].tolist() == [0, 2]


def test_one_output_decides_between_two_classes():
    goal = objective("auto", ["auto"], True, 2, np.array([[1.0], [-1.0]]))
    answers, labels = goal.answers(np.array([[3.0], [-3.0]]))
    assert labels.tolist() == [1, 0]
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    assert goal.targets(np.array([1, 0])).shape == (2, 1)


def test_unknown_losses_and_metrics_are_named():
    with pytest.raises(ValueError, match=r"loop.loss=hubber: Keras has no such loss"):
        objective("hubber", ["auto"], True, 3, LOGITS)
    with pytest.raises(ValueError, match="'acuracy' is no function of keras.metrics"):
        objective("auto", ["acuracy"], True, 3, LOGITS)


@pytest.mark.parametrize("schedule", ["cosine", "exponential", "warmup_cosine"])
def test_a_schedule_ends_near_zero_and_peaks_at_the_rate(schedule):
    options = {"_target_": "keras.optimizers.SGD", "learning_rate": 0.5}
    rate = build_optimizer(options, schedule, 100)._learning_rate
    rates = np.array([float(rate(tf.constant(step))) for step in range(101)])
    assert rates.max() == pytest.approx(0.5)
    assert rates[-1] <= 0.005
