"""What a user brings is what is trained: whose value each weight holds, whose step."""

import warnings

import keras
import numpy as np
import pytest
from brought_cases import blobs
from composing import plan
from keras import layers

from seedscope.study.words import Engine
from seedscope.task.model import build
from seedscope.training.batched import batched
from seedscope.training.batched.refusal import refusal
from seedscope.training.sequential import loops as sequential

AUTO = Engine("auto", workers=1, group_size=4, keep_weights="epochs")
SEEDS = {"init": 1, "dropout": 2, "augmentation": 3}
SAMPLE = blobs(8)[0]
HERE = __name__


def runs(model, *overrides, data="brought_cases.blobs"):
    return plan(
        "model=own", f"model._target_={model}", "data=own", f"data._target_={data}",
        "replicates=2", "loop.epochs=2", *overrides,
    )  # fmt: skip


def built(model, **seeds):
    target = model if "." in model else f"{HERE}.{model}"
    return build({"_target_": target}, SAMPLE, 3, SEEDS | seeds)


def start(model, **seeds):
    """Return {path without the model's name: initial value}."""
    made = built(model, **seeds).model
    return {w.path: np.asarray(w) for w in made.weights}


def origins(model):
    return [weight.origin for weight in built(model).weights]


# ---- whose value is it ------------------------------------------------------------


def ways(input_shape, outputs, way):
    """A model of which the first layer is set, in one of the ways that people use."""
    first = layers.Dense(4, name="first")
    model = keras.Sequential(
        [keras.Input(input_shape), first, layers.BatchNormalization(name="norm"),
         layers.Dense(outputs, activation="softmax", name="last")]
    )  # fmt: skip
    kernel = np.full((6, 4), 0.125, "float32")
    if way == "set_weights":
        first.set_weights([kernel, np.full(4, 0.5)])
    elif way == "assign":
        first.kernel.assign(kernel)
    elif way == "in part":
        first.kernel.assign(np.concatenate([np.asarray(first.kernel)[:3], kernel[:3]]))
    elif way == "moving":
        model.get_layer("norm").moving_mean.assign(np.full(4, 0.25))
    elif way == "drawn":
        first.kernel.assign(np.random.normal(size=(6, 4)))  # noqa: NPY002
    elif way == "copied":
        model.get_layer("last").bias.assign(first.kernel[0, :3])
    elif way == "no seed reaches":
        first.kernel.assign(np.random.default_rng().normal(size=(6, 4)))
    return model


WAYS = {
    "set_weights": ("kept kept constant constant constant constant drawn constant"),
    "assign": ("kept constant constant constant constant constant drawn constant"),
    "in part": ("own constant constant constant constant constant drawn constant"),
    "moving": ("drawn constant constant constant kept constant drawn constant"),
    "drawn": ("own constant constant constant constant constant drawn constant"),
    "copied": ("drawn constant constant constant constant constant drawn own"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_the_function_sets_is_kept_and_what_it_draws_follows_init(way):
    def made(seed):
        options = {"_target_": f"{HERE}.ways", "way": way}
        return build(options, SAMPLE, 3, SEEDS | {"init": seed})

    first, again, other = made(1), made(1), made(9)
    assert [w.origin for w in first.weights] == WAYS[way].split()
    for one, same, differs in zip(
        first.weights, again.weights, other.weights, strict=True
    ):
        now = np.asarray(one.variable)
        np.testing.assert_array_equal(now, np.asarray(same.variable))
        follows = not np.array_equal(now, np.asarray(differs.variable))
        assert follows == (one.origin in ("drawn", "own")), one.variable.path


def test_a_copy_of_a_drawn_weight_stays_that_weights_copy():
    options = {"_target_": f"{HERE}.ways", "way": "copied"}
    model = build(options, SAMPLE, 3, SEEDS).model
    kernel = np.asarray(model.get_layer("first").kernel)
    np.testing.assert_array_equal(model.get_layer("last").bias, kernel[0, :3])


def test_a_draw_that_no_seed_reaches_is_refused():
    options = {"_target_": f"{HERE}.ways", "way": "no seed reaches"}
    with pytest.raises(ValueError, match="starts sequential/first/kernel from numbers"):
        build(options, SAMPLE, 3, SEEDS)


def test_loaded_weights_stay_and_the_head_is_drawn():
    start_of, other = (start("brought_cases.loaded_and_frozen", init=i) for i in (1, 2))
    assert (start_of["body/kernel"] == 0.125).all()
    assert (start_of["body/bias"] == 0.5).all()
    assert not np.array_equal(start_of["dense/kernel"], other["dense/kernel"])
    assert built("brought_cases.loaded_and_frozen").kept == ("body/kernel", "body/bias")


_FILES = {}


@pytest.fixture
def saved(tmp_path):
    """A model on the disk, whole and as weights."""
    model = ways((6,), 3, "set_weights")
    model.compile("adam", "sparse_categorical_crossentropy")
    _FILES["whole"] = str(tmp_path / "saved.keras")
    _FILES["weights"] = str(tmp_path / "saved.weights.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Keras with NumPy 2
        model.save(_FILES["whole"])
        model.save_weights(_FILES["weights"])
    return [np.asarray(weight) for weight in model.weights]


def from_a_file(input_shape, outputs):
    return keras.models.load_model(_FILES["whole"], compile=False)


def from_weights(input_shape, outputs):
    model = ways(input_shape, outputs, "nothing")
    model.load_weights(_FILES["weights"])
    return model


@pytest.mark.parametrize("way", ["from_a_file", "from_weights"])
def test_a_model_from_a_file_starts_where_the_file_says(way, saved):
    for value, expected in zip(start(way).values(), saved, strict=True):
        np.testing.assert_array_equal(value, expected)
    assert not {"drawn", "own"} & set(origins(way))
    with pytest.raises(ValueError, match="no initial weight of the model is drawn"):
        sequential.train(runs(f"{HERE}.{way}", "factor=init")[0])


class Embedded(layers.Layer):
    """Initializers by position: a name, a class, an object, a function."""

    def build(self, shape):
        self.a = self.add_weight((shape[-1],), "ones")
        self.b = self.add_weight((50,), keras.initializers.RandomNormal)
        self.c = self.add_weight((50,), keras.initializers.RandomNormal(stddev=9.0))
        self.d = self.add_weight((50,), Shifted(100.0))
        self.e = self.add_weight((50,), lambda shape, dtype: np.full(shape, 7, dtype))

    def call(self, x):
        return x * self.a


class Shifted(keras.initializers.RandomNormal):
    """An initializer of one's own that says nothing of its shift in its config."""

    def __init__(self, shift=0.0):
        super().__init__(stddev=1.0)
        self.shift = shift

    def __call__(self, shape, dtype=None):
        return super().__call__(shape, dtype) + self.shift


def positional(input_shape, outputs):
    return keras.Sequential(
        [keras.Input(input_shape), Embedded(), layers.Dense(outputs)]
    )


def test_initializers_arrive_by_position_with_their_own_scale():
    first, other = (list(start("positional", init=i).values()) for i in (1, 2))
    assert (first[0] == 1).all()
    assert first[1].std() == pytest.approx(0.05, rel=0.5)
    assert first[2].std() == pytest.approx(9.0, rel=0.5)
    assert first[3].mean() == pytest.approx(100, abs=2)
    assert (first[4] == 7).all()
    differ = [not np.array_equal(a, b) for a, b in zip(first, other, strict=True)]
    assert differ[:5] == [False, True, True, True, False]
    assert origins("positional")[:5] == [
        "constant",
        "drawn",
        "drawn",
        "own",
        "constant",
    ]


class Own(keras.Model):
    """A variable that is made by hand, and drawn by NumPy."""

    def __init__(self, outputs):
        super().__init__()
        draw = np.random.normal(size=(6, outputs)).astype("float32")  # noqa: NPY002
        self.kernel = keras.Variable(draw)
        self.shift = keras.Variable(np.full(outputs, 3.0, "float32"))

    def call(self, x):
        return x @ self.kernel + self.shift


def by_hand(outputs):
    return Own(outputs)


def test_variables_made_by_hand_are_found():
    assert origins("by_hand") == ["own", "kept"]
    same, other = start("by_hand", dropout=9), start("by_hand", init=9)
    first = start("by_hand")
    kernels = [next(iter(values.values())) for values in (first, same, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_a_model_that_is_the_same_object_each_time_is_refused():
    with pytest.raises(ValueError, match="returned weights that it did not make in"):
        built("brought_cases.the_same_object_each_time")


def seeded(input_shape, outputs):
    """Integer seeds, given to one initializer and to two layers of noise."""
    return keras.Sequential(
        [keras.Input(input_shape),
         layers.Dense(9, kernel_initializer=keras.initializers.HeNormal(seed=42)),
         layers.Dropout(0.5, seed=42, name="fixed"), layers.Dropout(0.5, name="free"),
         layers.Dense(outputs)]
    )  # fmt: skip


def test_integer_seeds_are_kept_for_initializers_and_noise_alike():
    first, other = built("seeded"), built("seeded", init=9, dropout=9)
    assert first.pinned == ("sequential/dense/kernel",)
    assert first.pinned_noise == ("fixed",)
    states = [
        {x.name: np.asarray(x.seed_generator.state) for x in b.model.layers[1:3]}
        for b in (first, other)
    ]
    assert states[0]["fixed"].tolist() == states[1]["fixed"].tolist() == [42, 0]
    assert states[0]["free"].tolist() != states[1]["free"].tolist()
    assert first.facts().keys() == {"pinned_weights", "pinned_noise"}
    message = "the noise of dropout has an integer seed, which is kept"
    with pytest.raises(ValueError, match=message):
        sequential.train(runs("brought_cases.dropout_with_a_seed", "factor=dropout")[0])


@pytest.mark.long
@pytest.mark.parametrize(
    ("model", "factor"),
    [("loaded_and_frozen", "all"), ("own_initializer", "init"),
     ("dropout_with_a_seed", "all"), ("positional_initializer", "init")],
)  # fmt: skip
def test_groups_start_as_each_run_does_alone(model, factor):
    planned = runs(f"brought_cases.{model}", f"factor={factor}")
    assert refusal(planned[0], AUTO.group_size) is None
    together = [t for group in batched.train(planned, AUTO) for t in group]
    for run, got in zip(planned, together, strict=True):
        alone = sequential.train(run, "epochs")
        assert got.weights_sha256[0] == alone.weights_sha256[0]
        np.testing.assert_allclose(got.weights, alone.weights, atol=1e-6)
        told = ("kept_weights", "own_weights", "pinned_noise")
        assert [got.facts.get(k) for k in told] == [alone.facts.get(k) for k in told]


def test_a_fine_tuned_model_stays_where_its_frozen_weights_say():
    trace = sequential.train(
        runs("brought_cases.loaded_and_frozen", "factor=none")[0], "epochs"
    )
    body = trace.weights[:, : 6 * 12 + 12]
    assert (body[:, :72] == 0.125).all()
    assert (body[:, 72:] == 0.5).all()
    assert trace.facts["kept_weights"] == "body/kernel body/bias"


# ---- whose step is it ---------------------------------------------------------------


class OwnUpdate(keras.optimizers.SGD):
    """An optimizer that does something else where `fit` calls it."""

    def apply_gradients(self, grads_and_vars):
        return super().apply_gradients([(0.0 * g, v) for g, v in grads_and_vars])


def constrained(input_shape, outputs):
    dense = layers.Dense(outputs, kernel_constraint=lambda kernel: 0.0 * kernel)
    return keras.Sequential([keras.Input(input_shape), dense])


REFUSED = [
    (("brought_cases.own_train_step",), "_NoUpdate has its own train_step"),
    (("brought_cases.own_compute_loss",), "_NoLoss has its own compute_loss"),
    (("brought_cases.compiled_by_the_user",), "the model is compiled by its function"),
    ((f"{HERE}.constrained", "model.from_logits=true"), "a constraint of its author's"),
    (
        ("brought_cases.plain", f"optimizer._target_={HERE}.OwnUpdate"),
        "optimizer OwnUpdate has its own apply_gradients",
    ),
]


@pytest.mark.parametrize(("asked", "reason"), REFUSED)
def test_a_step_of_ones_own_is_never_trained_in_groups(asked, reason):
    assert reason in refusal(runs(*asked)[0], AUTO.group_size)
