"""Build Keras models whose every random draw belongs to a seed of the run.

Keras gives an initializer or a stochastic layer without `seed=` one from Python's
global generator when the layer is constructed: a Dropout layer more, and every later
layer starts elsewhere. So the model is built first and its draws are replaced
afterwards: each initial weight and each layer's noise gets a stream of its own, hashed
from the run's seed and its place in the model.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.seeds import stream_seed
from seedscope.task.parts import call


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
