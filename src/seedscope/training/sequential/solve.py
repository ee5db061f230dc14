"""Set the last layer of a model to the least-squares solution: no steps, no noise.

The layers before it stay as they were built: polynomial features make a polynomial fit.
"""

from typing import Any

import keras
import numpy as np
from scipy.linalg import lstsq

from seedscope.training.sequential.prepare import Task
from seedscope.training.sequential.recording import Recorder


def solve(task: Task, recorder: Recorder) -> None:
    """Solve for the last layer's weights, in the model's own floating-point type.

    The one batch that is recorded holds the scores after the solution, not before.

    Raises:
        ValueError: the model is no regression that ends in a linear Dense layer.
    """
    model = task.built.model
    last = model.layers[-1]
    linear = isinstance(last, keras.layers.Dense) and last.use_bias
    if not linear or last.activation is not keras.activations.linear:
        raise ValueError("loop=solve needs a model that ends in a linear Dense layer")
    if task.objective.task != "regression" or model.losses:
        raise ValueError("loop=solve minimizes the squared error of a regression alone")
    features = keras.Model(model.inputs[0], last.input)
    columns = np.asarray(keras.ops.convert_to_numpy(features(task.x, training=False)))
    columns = np.append(columns, np.ones_like(columns[:, :1]), axis=1)
    found: Any = lstsq(columns, task.y.astype(columns.dtype))
    solution = found[0]
    weights: Any = last
    weights.kernel.assign(solution[:-1])
    weights.bias.assign(solution[-1])
    _, scores = recorder.score(task.x, task.y)
    values = np.array([scores[name] for name in recorder.names], np.float32)
    recorder.batch(values, scores)
    recorder.epoch()
