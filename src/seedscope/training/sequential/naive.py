"""Train as people write it: with Keras' own draws, after seeding some generators.

Nothing here uses the seeds of a run. `runtime.seeding` says which global generators are
given one fixed number, as scripts do; what that reaches and what it does not is the
question. So the draws themselves go into the trace as digests: one of each generator,
the initial weights, and the order in which `fit` really saw the examples.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seedscope.study.words import Run
from seedscope.task.data.load import Examples, load
from seedscope.task.data.streams import Streams
from seedscope.task.model import Built, make_model
from seedscope.task.step import only_keras
from seedscope.trace.trace import Trace, digest
from seedscope.training import checkpoint, runtime
from seedscope.training.checkpoint import Checkpoint
from seedscope.training.resume import Resume
from seedscope.training.sequential.prepare import Task, compile_model, prepare
from seedscope.training.sequential.recording import Recorder, recording, trace_of

SEED = 42  # the number that scripts type


def _seed_numpy_python() -> None:
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - the global generator is what is looked at


SEEDINGS: Mapping[str, Callable[[], None]] = {
    "none": lambda: None,
    "numpy_python": _seed_numpy_python,
    "tensorflow": lambda: tf.random.set_seed(SEED),
    "keras": lambda: keras.utils.set_random_seed(SEED),
}


def train(
    run: Run, keep_weights: str = "none", kept: Checkpoint | None = None
) -> Trace:
    """Train one run with Keras' own draws and return its trace.

    Args:
        run: as planned; its seeds decide the data and the split only.
        keep_weights: none | final | epochs: which weights go into the trace.
        kept: its checkpoint: it says why a run that was cut off starts again.

    Raises:
        ValueError: the data, the model and the settings do not fit each other.
    """
    examples = _check_plain(run, load(run))
    runtime.clear_session(run.settings.runtime)
    _unseed()
    seed = SEEDINGS[run.settings.runtime.seeding]
    seed()
    drawn = draws()
    seed()  # what was looked at leaves the generators as a script would find them
    task = prepare(run, examples, _as_written)
    recorder = Recorder(task)
    why = f"runtime.seeding={run.settings.runtime.seeding} draws from global generators"
    kept = kept or checkpoint.of_run(run, None)
    resume = Resume(kept, task.built.model, recorder, why)
    resume.begin(run.settings.loop.epochs, task.optimizer)
    recorder.after_epoch(resume.epoch)
    started = time.perf_counter()
    recorder.start(keep_weights, run.settings.loop.patience)
    orders = _loop(task, recorder)
    seconds = time.perf_counter() - started
    trace = trace_of(run, task, recorder, seconds)
    first_epochs = len(orders) > 1 and np.array_equal(orders[0], orders[1])
    return replace(
        trace,
        digests={
            **trace.digests,
            **drawn,
            "initial_weights": trace.weights_sha256[0],
            "order": digest([orders]),
        },
        facts={
            **trace.facts,
            "seeding": run.settings.runtime.seeding,
            "second_epoch_in_the_order_of_the_first": str(bool(first_epochs)),
        },
    )


def _unseed() -> None:
    """Leave no generator as it was seeded for loading the data: a script has not."""
    random.seed()
    np.random.seed()  # noqa: NPY002 - as above
    nothing: Any = None  # its stub knows numbers only
    tf.random.set_seed(nothing)


def _check_plain(run: Run, examples: Examples | Streams) -> Examples:
    """Return the examples of a run that is plain, and refuse any other."""
    why = None
    if not isinstance(examples, Streams):
        made = make_model(run.settings.model, examples.sample, examples.labels)
        why = only_keras(run, examples, Built(made, (), ()))
    if why or isinstance(examples, Streams):
        raise ValueError(
            f"runtime.seeding={run.settings.runtime.seeding}: "
            f"{why or 'its data is a Dataset'}; run your own program with "
            "script.path=my_train.py, which seeds what it seeds"
        )
    return examples


def draws() -> dict[str, str]:
    """Return the digest of one draw of every generator that a script may use."""
    initializer = keras.initializers.GlorotUniform()
    shuffled = tf.data.Dataset.range(100)
    made = {
        "numpy": np.random.random(100),  # noqa: NPY002 - as above
        "python": np.array([random.random() for _ in range(100)]),
        "tensorflow": tf.random.uniform([100]).numpy(),
        "keras": np.asarray(initializer([10, 10])),
        "dataset_shuffle": _read(shuffled.shuffle(100)),
        "dataset_shuffle_seeded": _read(shuffled.shuffle(100, seed=SEED)),
    }
    return {name: digest([values]) for name, values in made.items()}


def _read(dataset: tf.data.Dataset) -> np.ndarray:
    return np.array(list(dataset.as_numpy_iterator()))


def _as_written(
    options: Mapping[str, Any],
    sample: Any,
    classes: Any,
    seeds: Mapping[str, int],
) -> Built:
    return Built(make_model(options, sample, classes), (), ())


def _loop(task: Task, recorder: Recorder) -> np.ndarray:
    """Train; return which examples came in which order, shape (epochs, examples)."""
    model, loop = task.built.model, task.run.settings.loop
    raw = compile_model(task)
    seen = _watch(model)
    size = task.bounds[0][1]
    if loop.name == "fit":
        model.fit(
            task.x,
            task.y,
            batch_size=size,
            epochs=loop.epochs,
            shuffle=loop.shuffle == "epoch",
            verbose=0,
            callbacks=[recording(model, recorder, raw)],
        )
    else:
        _slices(task, recorder, raw)
    return _orders(task.x, seen, recorder)


def _slices(task: Task, recorder: Recorder, raw: Any) -> None:
    """Walk over consecutive slices, as a loop around `train_on_batch` does."""
    for _ in range(task.run.settings.loop.epochs):
        for start, stop in task.bounds:
            x, y = task.x[start:stop], task.y[start:stop]
            logs = task.built.model.train_on_batch(x, y, return_dict=True)
            recorder.batch(raw.numpy(), logs)
        if recorder.epoch():
            return


def _watch(model: keras.Model) -> list[np.ndarray]:
    """Keep the features of every batch that is trained on, in the order they come."""
    seen: list[np.ndarray] = []
    original = model.compute_loss

    def keep(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return np.zeros((), np.int32)

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        if training:
            tf.numpy_function(keep, [x], tf.int32)
        return original(x, y, y_pred, sample_weight, training=training)

    model.compute_loss = compute_loss
    return seen


def _orders(x: np.ndarray, seen: list[np.ndarray], recorder: Recorder) -> np.ndarray:
    """Turn the features that were seen back into row numbers, epoch by epoch."""
    row = {example.tobytes(): number for number, example in enumerate(x)}
    numbers = [row[example.tobytes()] for batch in seen for example in batch]
    return np.array(numbers).reshape(len(recorder.sha256) - 1, -1)
