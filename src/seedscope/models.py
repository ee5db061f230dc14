"""Build Keras models whose every random draw belongs to a seed of the run.

Keras gives an initializer or a stochastic layer without `seed=` one from Python's
global generator when the layer is constructed: a Dropout layer more, and every later
layer starts elsewhere. So the model is built first and its draws are replaced
afterwards: each initial weight and each layer's noise gets a stream of its own, hashed
from the run's seed and its place in the model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, regularizers

from seedscope.seeds import stream_seed
from seedscope.targets import call

# ---- the models that come with seedscope ------------------------------------------


def logistic(
    input_shape: tuple[int, ...], outputs: int, l2: float, initializer: Any
) -> keras.Model:
    """Return one dense layer on the flattened features; it answers with logits."""
    return mlp(input_shape, outputs, [], "linear", 0.0, 0.0, l2, initializer)


def mlp(
    input_shape: tuple[int, ...],
    outputs: int,
    hidden: Sequence[int],
    activation: str,
    dropout: float,
    l1: float,
    l2: float,
    initializer: Any,
) -> keras.Model:
    """Return dense layers with dropout between them; the model answers with logits."""
    options = _dense_options(l1, l2, initializer)
    stack: list[keras.Layer] = [keras.Input(input_shape)]
    if len(input_shape) > 1:
        stack.append(layers.Flatten())
    for units in hidden:
        stack.append(layers.Dense(units, activation, **options()))
        if dropout:
            stack.append(layers.Dropout(dropout))
    return keras.Sequential([*stack, layers.Dense(outputs, **options())])


def cnn(
    input_shape: tuple[int, ...],
    outputs: int,
    filters: Sequence[int],
    activation: str,
    augmentation: float,
    dropout: float,
    l1: float,
    l2: float,
    initializer: Any,
) -> keras.Model:
    """Return convolutions with pooling and one dense layer, which answers with logits.

    Raises:
        ValueError: the examples are not images of shape (height, width, channels).
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"model=cnn needs images (height, width, channels), the data has shape "
            f"{input_shape}; use model=mlp, or data=digits or data=fashion_mnist"
        )
    options = _dense_options(l1, l2, initializer)
    stack: list[keras.Layer] = [keras.Input(input_shape)]
    if augmentation:
        shift = (-augmentation, augmentation)
        stack.append(layers.RandomTranslation(shift, shift, fill_mode="constant"))
    for count in filters:
        conv = layers.Conv2D(
            count, 3, padding="same", activation=activation, **options()
        )
        stack += [conv, layers.MaxPooling2D()]
    stack.append(layers.Flatten())
    if dropout:
        stack.append(layers.Dropout(dropout))
    return keras.Sequential([*stack, layers.Dense(outputs, **options())])


def _dense_options(l1: float, l2: float, initializer: Any) -> Callable[[], dict]:
    """Return a maker of kernel options: each layer gets an initializer of its own.

    An initializer given with an integer seed stays one object: that is what its user
    wants to see.
    """
    shared = keras.initializers.get(initializer)

    def options() -> dict[str, Any]:
        chosen: dict[str, Any] = {"kernel_initializer": shared}
        if getattr(shared, "_init_seed", None) is None:
            chosen["kernel_initializer"] = keras.initializers.get(initializer)
        if l1 or l2:
            chosen["kernel_regularizer"] = regularizers.L1L2(l1, l2)
        return chosen

    return options


# ---- building ---------------------------------------------------------------------


@dataclass(frozen=True)
class Weight:
    """One weight of a model and how it was initialized."""

    variable: Any  # keras.Variable
    initializer: Any  # a Keras initializer, or any callable
    ordinal: int  # in the order of creation

    @property
    def free(self) -> bool:
        """Tell whether this weight is drawn anew for each seed."""
        seed = getattr(self.initializer, "_init_seed", "not a random initializer")
        return seed is None

    def draw(self, seed: int) -> Any:
        """Return the initial value of this weight for a seed of the source `init`."""
        config = self.initializer.get_config()
        config["seed"] = stream_seed(seed, "weight", self.ordinal)
        fresh = type(self.initializer).from_config(config)
        return fresh(self.variable.shape, dtype=self.variable.dtype)


@dataclass(frozen=True)
class Noise:
    """The state of one stochastic layer: its seed and how often it has drawn."""

    variable: Any  # keras.Variable, shape (2,): seed and counter
    source: str  # dropout | augmentation
    ordinal: int  # among the layers of that source

    def state(self, seed: int) -> np.ndarray:
        """Return the state before the first draw for a seed of this source."""
        return np.asarray([stream_seed(seed, self.source, self.ordinal), 0], np.uint32)


@dataclass(frozen=True)
class Built:
    """A model, and every place in it where randomness enters."""

    model: keras.Model
    weights: tuple[Weight, ...]
    noise: tuple[Noise, ...]

    @property
    def pinned(self) -> tuple[str, ...]:
        """Return the weights that an integer `seed=` holds fixed whatever is varied."""
        return tuple(
            w.variable.path
            for w in self.weights
            if getattr(w.initializer, "_init_seed", None) is not None
        )

    def seed(self, seeds: Mapping[str, int]) -> None:
        """Give every initial weight and every noise stream its draw for these seeds."""
        for weight in self.weights:
            if weight.free:
                weight.variable.assign(weight.draw(seeds["init"]))
        for noise in self.noise:
            noise.variable.assign(noise.state(seeds[noise.source]))
        # For models that call keras.random or tf.random themselves.
        keras.utils.set_random_seed(seeds["dropout"])


def build(
    options: Mapping[str, Any],
    sample: np.ndarray,
    classes: int,
    seeds: Mapping[str, int],
) -> Built:
    """Build a model and give it the draws of a run.

    Args:
        options: `_target_` and its arguments; the function is also given `input_shape`
            (without the batch) and `outputs`, where it takes them.
        sample: a few examples, shape (examples, ...): layers that are built when first
            called are built here.
        classes: number of classes; 0: regression.
        seeds: source -> seed.

    Raises:
        ValueError: the function does not take its options, or returns no Keras model.
    """
    keras.utils.set_random_seed(seeds["init"])  # for initial values Keras cannot redraw
    with _recording() as recorded:
        model = make_model(options, sample, classes)
    own = {id(variable) for variable in model.variables}
    weights = [w for w in recorded if id(w.variable) in own]
    built = Built(model, tuple(weights), tuple(_noise(model)))
    built.seed(seeds)
    return built


def make_model(
    options: Mapping[str, Any], sample: np.ndarray, classes: int
) -> keras.Model:
    """Return a model as its function makes it, with the draws that Keras gives it.

    Raises:
        ValueError: the function does not take its options, or returns no Keras model.
    """
    model = call(
        options,
        "model",
        input_shape=tuple(sample.shape[1:]),
        outputs=1 if classes in (0, 2) else classes,
    )
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"model._target_={options['_target_']} must return a keras.Model, got "
            f"{type(model).__name__}"
        )
    try:
        model(sample, training=False)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            f"model={options.get('name', options['_target_'])} does not take "
            f"examples of shape {sample.shape[1:]}: {str(error).strip()}"
        ) from None
    return model


@contextmanager
def _recording() -> Iterator[list[Weight]]:
    """Note the initializer of every weight that is created meanwhile."""
    recorded: list[Weight] = []
    original = keras.Layer.add_weight

    def add_weight(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        variable = original(layer, *args, **kwargs)
        given = kwargs.get("initializer")
        if given is None:
            given = "glorot_uniform" if "float" in variable.dtype else "zeros"
        initializer = _original(layer, keras.initializers.get(given))
        recorded.append(Weight(variable, initializer, len(recorded)))
        return variable

    keras.Layer.add_weight = add_weight
    try:
        yield recorded
    finally:
        keras.Layer.add_weight = original


def _original(layer: keras.Layer, initializer: Any) -> Any:
    """Return an initializer without the seed that its layer, not its user, gave it.

    EinsumDense makes a copy of its initializer, seed included, to tell it the axes.
    """
    seed = getattr(initializer, "_init_seed", None)
    for own in vars(layer).values():
        unseeded = getattr(own, "_init_seed", seed) is None and seed is not None
        if unseeded and own.seed == seed:
            config = {**initializer.get_config(), "seed": None}
            return type(initializer).from_config(config)
    return initializer


def _noise(model: keras.Model) -> Iterator[Noise]:
    """Find the state of every stochastic layer, in the order of the layers."""
    ordinals = {"dropout": 0, "augmentation": 0}
    seen: set[int] = set()
    for layer in model._flatten_layers():
        source = "augmentation" if _augments(layer) else "dropout"
        for generator in getattr(layer, "_seed_generators", ()):
            if id(generator) not in seen:
                seen.add(id(generator))
                yield Noise(generator.state, source, ordinals[source])
                ordinals[source] += 1


def _augments(layer: keras.Layer) -> bool:
    """Tell whether a layer is one of Keras' random preprocessing layers."""
    return ".preprocessing." in type(layer).__module__


# ---- what is minimized and measured -------------------------------------------------


@dataclass(frozen=True)
class Objective:
    """The loss and the metrics of a run, and how outputs become answers."""

    task: str  # classification | binary | regression
    loss: keras.losses.Loss
    metrics: Mapping[str, Callable[[Any, Any], Any]]  # (y, outputs) -> (examples,)
    from_logits: bool

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return y in the shape of the outputs: (B, 1) - (B,) would make (B, B)."""
        y = y if self.task == "classification" else y.astype(keras.config.floatx())
        return y[:, None] if self.task != "classification" and y.ndim == 1 else y

    def answers(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return probabilities and predicted classes, or values and None."""
        outputs = np.asarray(outputs, np.float64)
        if self.task == "regression":
            return outputs, None
        if self.from_logits:
            with np.errstate(over="ignore"):
                outputs = _probabilities(outputs)
        if self.task == "binary":
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        return outputs, outputs.argmax(axis=1)


def objective(
    loss: str,
    metrics: Sequence[str],
    from_logits: bool,
    classes: int,
    outputs: np.ndarray,
) -> Objective:
    """Choose the loss and the metrics that fit the labels and the model's outputs.

    Args:
        loss: auto, or the name of a Keras loss.
        metrics: auto, or names of Keras metric functions.
        from_logits: whether a classifier answers with logits.
        classes: number of classes; 0: regression.
        outputs: the model's outputs for a few examples.

    Raises:
        ValueError: the outputs fit neither the labels nor `from_logits`.
    """
    task = _task(classes, outputs)
    if classes:
        _check_logits(from_logits, task, outputs)
    losses = {
        "classification": keras.losses.SparseCategoricalCrossentropy,
        "binary": keras.losses.BinaryCrossentropy,
    }
    if loss != "auto":
        chosen = _named_loss(loss)
    elif task == "regression":
        chosen = keras.losses.MeanSquaredError()
    else:
        chosen = losses[task](from_logits=from_logits)
    named: dict[str, Callable[[Any, Any], Any]] = {}
    for name in metrics:
        if name in ("auto", "accuracy"):
            name, function = _auto_metric(task, from_logits)
        else:
            function = _named_metric(name)
        named[name] = function
    return Objective(task, chosen, named, from_logits)


def _task(classes: int, outputs: np.ndarray) -> str:
    if outputs.ndim != 2:
        raise ValueError(
            f"the model's outputs have shape (examples, {outputs.shape[1:]}); it must "
            "answer with one row of numbers for each example"
        )
    width = outputs.shape[1]
    if classes == 0:
        return "regression"
    if width == 1 and classes <= 2:
        return "binary"
    if width >= classes:
        return "classification"
    raise ValueError(
        f"the model answers with {width} outputs, the labels have {classes} classes; "
        f"give it {classes} outputs (a model function that takes `outputs` is told)"
    )


def _check_logits(from_logits: bool, task: str, outputs: np.ndarray) -> None:
    inside = (outputs >= 0).all() and (outputs <= 1).all()
    if task == "classification":
        inside = inside and np.allclose(outputs.sum(axis=1), 1, atol=1e-2)
        if inside and from_logits:
            raise ValueError(
                "the model's outputs are probabilities, but model.from_logits=true; "
                "set model.from_logits=false"
            )
    if not inside and not from_logits and np.isfinite(outputs).all():
        raise ValueError(
            "the model's outputs are no probabilities, but model.from_logits=false; "
            "set model.from_logits=true, or end the model in softmax or sigmoid"
        )


def _named_loss(name: str) -> keras.losses.Loss:
    try:
        found = keras.losses.get(name)
    except ValueError:
        raise ValueError(f"loop.loss={name}: Keras has no such loss") from None
    return found if isinstance(found, keras.losses.Loss) else _FunctionLoss(found, name)


class _FunctionLoss(keras.losses.Loss):
    """A loss function as a loss object: the mean over the examples."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__(name=name)
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example."""
        return self.function(y_true, y_pred)


def _auto_metric(task: str, from_logits: bool) -> tuple[str, Callable[[Any, Any], Any]]:
    if task == "regression":
        return "mean_absolute_error", keras.metrics.mean_absolute_error
    if task == "classification":
        return "accuracy", keras.metrics.sparse_categorical_accuracy
    threshold = 0.0 if from_logits else 0.5

    def accuracy(y: Any, outputs: Any) -> Any:
        return keras.metrics.binary_accuracy(y, outputs, threshold)

    return "accuracy", accuracy


def _named_metric(name: str) -> Callable[[Any, Any], Any]:
    found = getattr(keras.metrics, name, None)
    if found is None or isinstance(found, type):
        raise ValueError(
            f"loop.metrics: {name!r} is no function of keras.metrics; choose for "
            "example mean_absolute_error or sparse_top_k_categorical_accuracy"
        )
    return found


def _probabilities(logits: np.ndarray) -> np.ndarray:
    if logits.shape[1] == 1:
        return 1 / (1 + np.exp(-logits))
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


# ---- the optimizer ------------------------------------------------------------------


def build_optimizer(
    options: Mapping[str, Any], schedule: str, steps: int
) -> keras.optimizers.Optimizer:
    """Return a new optimizer whose learning rate follows the schedule.

    Args:
        options: `_target_` and its arguments, `learning_rate` among them.
        schedule: constant | cosine | exponential | warmup_cosine.
        steps: all steps of the run; the last three end near 0 there.

    Raises:
        ValueError: the optimizer does not take its options.
    """
    if schedule == "constant":
        return call(options, "optimizer")
    rate = options["learning_rate"]
    schedules = keras.optimizers.schedules
    made = {
        "cosine": lambda: schedules.CosineDecay(rate, steps),
        "exponential": lambda: schedules.ExponentialDecay(rate, steps, decay_rate=0.01),
        "warmup_cosine": lambda: schedules.CosineDecay(
            0.0, steps - steps // 10, warmup_target=rate, warmup_steps=steps // 10
        ),
    }[schedule]()
    return call({**options, "learning_rate": made}, "optimizer")
