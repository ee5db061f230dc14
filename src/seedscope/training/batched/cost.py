"""Choose the width of groups, and between the engines, by a model's work.

A group of `width` runs costs compile + steps x (a + b x width) seconds, the copies that
fill it up included; Keras costs steps x (c + d x work) for each run, where b grows with
the work too. benchmarks/batched.py measures them. Groups gain while c, Keras' own time
for a step, outweighs the rest: for steps of less work than ALONE_WORK.

Whatever is chosen depends on the settings alone: an engine or width that followed how
many runs are left to train would give a study other bits when it is started again.
"""

import math

import keras

GROUP_WORK = 1e7  # multiply-adds of a group's step: more leave the caches of a core
ALONE_WORK = 2e7  # multiply-adds of a run's step that keep Keras busy by themselves
LEAST_WIDTH, MOST_WIDTH = 8, 256


def multiply_adds(model: keras.Model, batch_size: int) -> int:
    """Return the multiplications of the forward pass of one batch, roughly.

    Every element of a kernel counts once for each place that it is laid on.
    """
    total = 0
    for layer in model._flatten_layers():
        own = sum(math.prod(v.shape) for v in layer._trainable_variables)
        total += own * _places(layer)
    return batch_size * total


def group_width(model: keras.Model, batch_size: int) -> int:
    """Return how many runs make a group: a power of two, fewer of larger models."""
    work = max(multiply_adds(model, batch_size), 1)
    power = 2 ** math.floor(math.log2(max(GROUP_WORK / work, 1)))
    return min(max(power, LEAST_WIDTH), MOST_WIDTH)


def gains_nothing(model: keras.Model, batch_size: int) -> str | None:
    """Return why groups train a model no faster than Keras does, or None."""
    work = multiply_adds(model, batch_size)
    if work <= ALONE_WORK:
        return None
    return (
        f"a step of this model is {work / 1e6:.0f} million multiply-adds, which groups "
        "hardly speed up (engine=batched trains it in groups all the same)"
    )


def _places(layer: keras.Layer) -> int:
    """Return at how many places of an image or series a layer's kernel is used."""
    given = getattr(layer, "output", None)  # layers inside layers have none
    if given is None or len(given.shape) < 3:
        return 1
    return math.prod(size or 1 for size in given.shape[1:-1])
