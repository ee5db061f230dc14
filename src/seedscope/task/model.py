"""Build Keras models whose every random draw belongs to a seed of the run.

Initial weights get their draws while the model is made (task/initial.py); the noise of
each stochastic layer gets a stream of its own afterwards, hashed from the run's seed
and the layer's place in the model. An integer seed that was given to one initializer or
one layer is kept, both alike, and listed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.seeds import stream_seed
from seedscope.task import initial, standing
from seedscope.task import noise as draws_of
from seedscope.task.data.labels import Labels
from seedscope.task.parts import call, locate

LISTED = 8  # weights that are named; the others are counted


@dataclass(frozen=True)
class Weight:
    """One weight of a model and how it came by its initial value."""

    variable: Any  # keras.Variable
    initializer: Any  # a Keras initializer, or any callable; None: none was seen
    ordinal: int  # in the order of creation
    origin: str  # drawn | own | kept | pinned | constant (task/initial.py)

    @property
    def free(self) -> bool:
        """Tell whether Keras' initializer draws this weight anew for each seed."""
        return self.origin == "drawn"

    def draw(self, seed: int) -> Any:
        """Return the initial value of a free weight for a seed of the source `init`."""
        fresh = initial.seeded(
            self.initializer, initial.weight_seed(seed, self.ordinal)
        )
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
    pinned_noise: tuple[str, ...] = ()  # layers that were given an integer seed
    compiled: tuple[tuple, dict[str, Any]] | None = None  # what `compile` was given
    unnamed: bool = False  # it draws what no layer names (task/noise.py)

    @property
    def pinned(self) -> tuple[str, ...]:
        """Return the weights that an integer `seed=` holds fixed whatever is varied."""
        return self._of("pinned")

    @property
    def kept(self) -> tuple[str, ...]:
        """Return the weights that hold what the user's function set them to."""
        return self._of("kept")

    def facts(self) -> dict[str, str]:
        """Return what a reader must know of where the run started, where anything."""
        named = {
            "kept_weights": self.kept,
            "own_weights": self._of("own"),
            "pinned_weights": self.pinned,
            "pinned_noise": self.pinned_noise,
        }
        return {key: _listed(paths) for key, paths in named.items() if paths}

    def _of(self, origin: str) -> tuple[str, ...]:
        return tuple(w.variable.path for w in self.weights if w.origin == origin)


def build(
    options: Mapping[str, Any],
    sample: Any,
    classes: Any,
    seeds: Mapping[str, int],
) -> Built:
    """Build a model and give it the draws of a run.

    Args:
        options: `_target_` and its arguments; the function is also given `input_shape`
            (without the batch) and `outputs`, where it takes them.
        sample: a few examples, shape (examples, ...): layers that are built when first
            called are built here.
        classes: what the labels hold, or the number of classes; 0: regression.
        seeds: source -> seed.

    Raises:
        ValueError: the function does not take its options, returns no Keras model or
            one that was made before, or draws from where no seed reaches.
    """
    model, recorded = _make(options, sample, classes, seeds["init"])
    draws = _draws(model, recorded)
    origins = _origins(options, sample, classes, seeds["init"], draws)
    weights = [
        Weight(draw.variable, draw.initializer, draw.ordinal, origin)
        for draw, origin in zip(draws, origins, strict=True)
    ]
    noise = tuple(_noise(model))
    for one in noise:
        one.variable.assign(one.state(seeds[one.source]))
    unnamed = _unnamed(options, model, sample, seeds["dropout"])
    for place, state in enumerate(unnamed.states):
        state.assign(draws_of.stray(seeds["dropout"], place))
    draws_of.start(seeds["dropout"], model)
    return Built(
        model,
        tuple(weights),
        noise,
        tuple(dict.fromkeys(_pinned_noise(model))),
        recorded.compiled.get(id(model)),
        unnamed.draws,
    )


def make_model(options: Mapping[str, Any], sample: Any, classes: Any) -> keras.Model:
    """Return a model as its function makes it, with the draws that Keras gives it.

    Raises:
        ValueError: the function does not take its options, or returns no Keras model.
    """
    shape = keras.tree.map_structure(lambda array: tuple(array.shape[1:]), sample)
    model = call(
        options,
        "model",
        input_shape=shape,
        outputs=Labels.of(classes).width,
    )
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"model._target_={options['_target_']} must return a keras.Model, got "
            f"{type(model).__name__}"
        )
    if not answers(model):
        if not model.weights:
            raise ValueError(
                f"{type(model).__name__} has no call and no weights before its first "
                "step: build its layers in the function that makes it"
            )
        return model
    if not model.name[0].isalnum():  # of a class _Mine: TensorFlow takes no such scope
        model.name = model.name.lstrip("_") or "model"
    try:
        model(sample, training=False)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            f"model={options.get('name', options['_target_'])} does not take "
            f"examples of shape {shape}: {str(error).strip()}"
        ) from None
    return model


def answers(model: keras.Model) -> bool:
    """Tell whether a model has a `call`; one with steps of its own may have none."""
    return type(model).call is not keras.Model.call


# ---- whose value it is ------------------------------------------------------------


def _make(
    options: Mapping[str, Any], sample: Any, classes: Any, seed: int
) -> tuple[keras.Model, initial.Recording]:
    """Call the user's function with every generator set to a seed of `init`."""
    locate(options, "model")  # its module stands before anything is drawn from it
    keras.utils.set_random_seed(seed)  # for what the function itself draws
    standing.start(seed)
    with initial.recording(seed) as recorded:
        model = make_model(options, sample, classes)
    made = {id(variable) for variable in recorded.made}
    old = [v.path for v in model.weights if id(v) not in made]
    if old:
        raise ValueError(
            f"model._target_={options['_target_']} returned weights that it did not "
            f"make in this call ({_listed(old)}): every run would go on where the one "
            "before ended; make the model and its layers inside the function"
        )
    return model, recorded


def _draws(model: keras.Model, recorded: initial.Recording) -> list[initial.Draw]:
    """Return how each weight of a model came by its value, in order of creation."""
    own = {id(variable) for variable in model.weights}
    draws = [draw for draw in recorded.draws if id(draw.variable) in own]
    own -= {id(draw.variable) for draw in draws}
    others = [v for v in recorded.made if id(v) in own]  # by keras.Variable itself
    count = len(recorded.draws)
    return draws + [
        initial.Draw(None, count + place, variable)
        for place, variable in enumerate(others)
    ]


_known: dict[str, list[str]] = {}  # of each model function: the origin of its weights


def _origins(
    options: Mapping[str, Any],
    sample: Any,
    classes: Any,
    seed: int,
    draws: Sequence[initial.Draw],
) -> list[str]:
    """Return whose value each weight holds; made twice, what differs follows the seed.

    A function is made again once in a process, and a third time where it draws itself.

    Raises:
        ValueError: made with the same seed again, it starts elsewhere.
    """
    origins = [_on_sight(draw) for draw in draws]
    ours = options["_target_"].startswith("seedscope.")
    if ours and "unknown" not in origins:
        return origins
    key = _key(options, sample, classes)
    if key not in _known:
        _known[key] = _found_out(options, sample, classes, seed, draws, origins)
    return _known[key]


def _on_sight(draw: initial.Draw) -> str:
    if draw.initializer is None or not draw.untouched:
        return "unknown"
    if not initial.of_keras(draw.initializer):
        return "unknown"
    if not initial.is_random(draw.initializer):
        return "constant"
    return "pinned" if initial.pinned(draw.initializer) else "drawn"


def _found_out(
    options: Mapping[str, Any],
    sample: Any,
    classes: Any,
    seed: int,
    draws: Sequence[initial.Draw],
    origins: Sequence[str],
) -> list[str]:
    held = [np.asarray(draw.variable) for draw in draws]

    def same_in(seed: int) -> list[bool]:
        others = _draws(*_make(options, sample, classes, seed))
        if len(others) != len(draws):
            raise ValueError(
                f"model._target_={options['_target_']} returns another model each time "
                f"({len(draws)} weights, then {len(others)}); make it the same"
            )
        return [
            value.tobytes() == np.asarray(other.variable).tobytes()
            for value, other in zip(held, others, strict=True)
        ]

    elsewhere = same_in(stream_seed(seed, "elsewhere"))
    unknown = [origin == "unknown" for origin in origins]
    if any(u and not same for u, same in zip(unknown, elsewhere, strict=True)):
        again = same_in(seed)
        free = [d.variable.path for d, s in zip(draws, again, strict=True) if not s]
        if free:
            raise ValueError(
                f"model._target_={options['_target_']} starts {_listed(free)} from "
                "numbers that no seed reaches (such as np.random.default_rng() without "
                "a seed): draw with np.random, keras.random or tf.random, which follow "
                "the source init, or from a generator with a seed"
            )
    found = []
    for draw, origin, same in zip(draws, origins, elsewhere, strict=True):
        if origin != "unknown":
            found.append(origin)
        elif not same:
            found.append("own")
        else:
            found.append("constant" if draw.untouched else "kept")
    return found


def _listed(paths: Sequence[str]) -> str:
    """Name a few weights and count the others."""
    rest = len(paths) - LISTED
    return " ".join(paths[:LISTED]) + (f" and {rest} more" if rest > 0 else "")


# ---- noise ------------------------------------------------------------------------


def _noise(model: keras.Model) -> Iterator[Noise]:
    """Find the state of every stochastic layer, in the order of the layers."""
    ordinals = {"dropout": 0, "augmentation": 0}
    for layer, generator in _generators(model):
        source = "augmentation" if _augments(layer) else "dropout"
        if not initial.seed_is_given(generator):
            yield Noise(generator.state, source, ordinals[source])
        ordinals[source] += 1


def _unnamed(
    options: Mapping[str, Any], model: keras.Model, sample: Any, seed: int
) -> draws_of.Unnamed:
    """Return what a user's model draws besides; ours draw by their layers alone."""
    target = options["_target_"]
    if target.startswith("seedscope.") or not answers(model):
        return draws_of.Unnamed(draws=False)
    return draws_of.unnamed(
        model, sample, seed, f"model._target_={target}", _key(options, sample, None)
    )


def _key(options: Mapping[str, Any], sample: Any, classes: Any) -> str:
    shapes = [[*array.shape[1:]] for array in keras.tree.flatten(sample)]
    return json.dumps([dict(options), shapes, classes], default=str, sort_keys=True)


def _pinned_noise(model: keras.Model) -> Iterator[str]:
    for layer, generator in _generators(model):
        if initial.seed_is_given(generator):
            yield layer.path or layer.name


def _generators(
    model: keras.Model,
) -> Iterator[tuple[keras.Layer, keras.random.SeedGenerator]]:
    seen: set[int] = set()
    for layer in model._flatten_layers():
        for generator in getattr(layer, "_seed_generators", ()):
            if id(generator) not in seen:
                seen.add(id(generator))
                yield layer, generator


def _augments(layer: keras.Layer) -> bool:
    """Tell whether a layer is a random preprocessing layer of Keras, or made of one."""
    return any(".preprocessing." in kind.__module__ for kind in type(layer).__mro__)
