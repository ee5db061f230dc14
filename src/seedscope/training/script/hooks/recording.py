"""What a script trains, batch by batch, without a callback of its own.

A callback is told running means. The loss of the batch itself is what the gradient is
taken of: `GradientTape.gradient` sees it in `fit`, in own training steps and in loops.
"""

import threading
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from keras.src.callbacks.callback_list import CallbackList
from keras.src.optimizers.base_optimizer import BaseOptimizer
from keras.src.trainers.trainer import Trainer
from tensorflow.python.eager.polymorphic_function.polymorphic_function import Function

from seedscope.trace.trace import digest
from seedscope.training.script import stack
from seedscope.training.script.ledger import Ledger
from seedscope.training.script.patching import patch
from seedscope.training.script.record import Answers, Fit, Record
from seedscope.training.script.stack import Progress

RING = 1 << 20  # steps of a loop in a traced function that are kept
HELD = 1 << 30  # bytes of weights that are held although their model may be gone
SMALL = 1 << 26  # bytes of weights that are digested after each epoch
KNOWN = 16  # evaluations whose arrays are held, in case they are predicted too
ELEMENTS = object()  # in place of labels: they are in the elements of the data
MANY = (
    "several replicas or steps per execution: no loss of a single batch is known, only "
    "what the API reports"
)


class Tracing(threading.local):
    """What the thread that traces a step has seen of it."""

    losses: list[Any] | None = None


class Recorder:
    """The growing record of a script's trainings."""

    def __init__(self, ledger: Ledger, progress: Progress) -> None:
        self.ledger = ledger
        self.progress = progress
        self.record = Record()
        self.tracing = Tracing()
        self.unscaled: dict[int, tuple[Any, Any]] = {}  # id of a scaled loss -> both
        self.current: Fit | None = None
        self.pending: list[tuple[Any, Any]] = []  # losses and logs, still tensors
        self.graphs: dict[int, list[Any]] = {}  # model -> where its steps were traced
        self.rings: dict[str, tuple[tf.Variable, tf.Variable]] = {}
        self.loops: dict[str, list[Any]] = {}
        self.asked: tuple[Any, Any, Any] | None = None  # model, x, outputs of predict
        self.known: deque[tuple[Any, Any]] = deque(maxlen=KNOWN)  # x, y of evaluate
        self.many: weakref.WeakSet[Any] = weakref.WeakSet()  # no step of one batch
        self.passed = 0  # batches of this epoch, where only the API counts them
        self._models: list[Any] = []  # weak references, in the order of making
        self._last: dict[int, str] = {}  # model -> its digest when it was last seen
        self._begun: dict[int, str] = {}
        self._held: dict[int, list[Any]] = {}
        self._bytes = 0
        self._optimizers: list[Any] = []

    # ---- models ----

    def made(self, model: Any) -> None:
        """Note that a model is made."""
        self.progress.model = True
        self._models.append(weakref.ref(model))

    def begins(self, optimizer: Any, variables: Sequence[Any]) -> None:
        """Note the initial weights: an optimizer is about to train."""
        self.progress.trained = True
        with tf.init_scope():
            self._optimizers.append(optimizer)
            self.note_initial()
            held = {id(v) for _, m in self._alive() for v in m.weights}
            loose = [v for v in variables if id(v) not in held]
            if loose:  # variables of no model: a module or a list of the script's own
                owner = _Loose(loose)
                self._optimizers.append(owner)  # kept alive
                self._models.append(weakref.ref(owner))
                self.note_initial()

    def note_initial(self) -> None:
        """Note the weights of models that begin to train, where they have values.

        What a traced step makes has its first value only just before it first runs.
        """
        with tf.init_scope():
            for number, model in self._alive():
                if number in self._begun or not _has_values(model.weights):
                    continue
                self._begun[number] = _digest(model.weights)
                self._keep(number, model.weights)

    def _keep(self, number: int, weights: Sequence[Any]) -> None:
        """Hold the weights of a model that may be gone at the end, up to a limit."""
        self._bytes += _bytes(weights)
        if self._bytes <= HELD:
            self._held[number] = list(weights)

    def seen(self, model: Any) -> None:
        """Note a model's weights now: it may be gone at the end."""
        for number, held in self._alive():
            if held is model and _has_values(model.weights):
                self._last[number] = _digest(model.weights)

    def _alive(self) -> list[tuple[int, Any]]:
        pairs = [(number, ref()) for number, ref in enumerate(self._models)]
        inner = {id(getattr(m, "_functional", None)) for _, m in pairs}  # of Sequential
        return [
            (number, model)
            for number, model in pairs
            if model is not None and id(model) not in inner
        ]

    # ---- steps ----

    def fit_of(self, model: Any) -> Fit:
        """Return the record of a model's training; one goes on where one was."""
        for fit in self.record.fits:
            if fit.model == model.name:
                return fit
        self.record.fits.append(Fit(model.name))
        return self.record.fits[-1]

    def flush(self, fit: Fit) -> None:
        """Turn what steps left into numbers."""
        for losses, logs in self.pending:
            if losses is not None:
                fit.losses.append(np.array([float(v) for v in losses]))
            fit.reported.append(_floats(logs))
        self.pending.clear()

    def take(self, loss: Any, key: str) -> None:
        """Note the loss of a step of the script's own loop."""
        if tf.executing_eagerly():
            self.loops.setdefault(key, []).append(loss)
            return
        if key not in self.rings:
            with tf.init_scope():
                ring = tf.Variable(tf.zeros([RING]), trainable=False)
                count = tf.Variable(tf.constant(0), trainable=False)
                self.rings[key] = ring, count
        ring, count = self.rings[key]
        ring.scatter_nd_update(
            [[tf.math.floormod(count, RING)]], [tf.cast(loss, tf.float32)]
        )
        count.assign_add(1)

    # ---- the end ----

    def finish(self, keep_weights: bool) -> Record:
        """Return the whole record."""
        record = self.record
        if self.pending:
            self.flush(self.current or record.fits[-1])
        ended = dict(self._held) | {n: m.weights for n, m in self._alive()}
        for number, weights in sorted(ended.items()):
            if _has_values(weights):
                self._last[number] = _digest(weights)
        record.initial = [self._begun[n] for n in sorted(self._begun)]
        record.final = [self._last[n] for n in sorted(self._last)]
        record.steps = [
            int(o.iterations) for o in self._optimizers if hasattr(o, "iterations")
        ]
        record.loops = {k: np.array([float(x) for x in v]) for k, v in self._steps()}
        if keep_weights:
            values = [w for _, weights in sorted(ended.items()) for w in weights]
            flat = [np.asarray(v).ravel() for v in values if _is_float(v)]
            record.weights = np.concatenate(flat)[None] if flat else None
        return record

    def _steps(self) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = list(self.loops.items())
        for key, (ring, count) in self.rings.items():
            steps = int(count)
            if steps > RING:
                self.record.remarks.append(f"{key}: the last {RING} steps are kept")
            values = ring.numpy()
            whole = values[:steps] if steps <= RING else np.roll(values, -steps % RING)
            found.append((key, whole))
        return found

    def answers(self) -> Answers | None:
        """Return the last prediction; last of all: a Dataset is passed over for it."""
        if self.asked is None:
            return None
        model, x, given = self.asked
        outputs = _named(given)
        if not all(isinstance(output, np.ndarray) for output in outputs.values()):
            self.record.remarks.append(
                "predict returns other than arrays: none is kept"
            )
            return None
        told = next((y for seen, y in reversed(self.known) if _same(seen, x)), None)
        if told is ELEMENTS:
            told = self._of_elements(x, len(next(iter(outputs.values()))))
        truths = _named(told)
        if len(truths) == len(outputs):  # a list and a dictionary have one order
            truths = dict(zip(outputs, truths.values(), strict=True))
        # The tables hold one output: the first with a label a row, else the first.
        fits = [n for n, y in truths.items() if _as_many(y, outputs.get(n))]
        fits.sort(key=lambda name: np.size(truths[name]) != len(truths[name]))
        name = next(iter(fits), next(iter(outputs)))
        targets = truths[name] if name in fits else None
        rest = outputs if len(outputs) > 1 else {}
        return Answers(outputs[name], targets, _ends_linear(model, name), others=rest)

    def _of_elements(self, x: Any, rows: int) -> Any:
        """Return the labels in the elements of what was evaluated and predicted."""
        try:
            found = labels_in(x, rows)
        except Exception as error:  # it reads what is gone, or has an end of its own
            found = f"a pass over it fails ({type(error).__name__})"
        if isinstance(found, str):
            self.record.remarks.append(f"labels of the last predict: unknown; {found}")
            return None
        return found


class _Loose:
    """Variables that belong to no model."""

    def __init__(self, weights: Sequence[Any]) -> None:
        self.weights = weights


def install(ledger: Ledger, progress: Progress) -> Recorder:
    """Record every training of this process."""
    recorder = Recorder(ledger, progress)
    _models(recorder)
    _steps(recorder)
    _epochs(recorder)
    _scores(recorder)
    return recorder


def _models(recorder: Recorder) -> None:
    @patch(Trainer, "__init__")
    def _(old: Any, self: Any, *args: Any, **options: Any) -> None:
        old(self, *args, **options)
        recorder.made(self)

    @patch(BaseOptimizer, "build")
    def _(old: Any, self: Any, variables: Any) -> None:
        variables = list(variables)
        if not isinstance(self, keras.optimizers.LossScaleOptimizer):
            recorder.begins(self, variables)
        old(self, variables)

    @patch(Function, "_initialize_uninitialized_variables")
    def _(old: Any, self: Any, initializers: Any) -> None:
        old(self, initializers)
        if recorder.progress.trained:
            recorder.note_initial()


def _steps(recorder: Recorder) -> None:
    tracing = recorder.tracing

    @patch(TensorFlowTrainer, "make_train_function")
    def _(old: Any, self: Any, force: bool = False) -> None:
        if self.train_function is not None and not force:
            return
        single = self.steps_per_execution == 1
        if self.distribute_strategy.num_replicas_in_sync > 1 or not single:
            recorder.ledger.remarks[MANY] += 1
            recorder.fit_of(self).execution = int(self.steps_per_execution)
            recorder.many.add(self)
            old(self, force)
            return
        self.train_function = _recording(recorder, self)

    @patch(tf.GradientTape, "gradient")
    def _(old: Any, self: Any, target: Any, sources: Any, *args: Any, **kw: Any) -> Any:
        if target is not None and _trains(sources):
            loss = recorder.unscaled.pop(id(target), (None, target))[1]
            parts = [t for t in tf.nest.flatten(loss) if t is not None]
            value = tf.add_n([tf.reduce_sum(tf.cast(t, tf.float32)) for t in parts])
            if tracing.losses is not None:
                tracing.losses.append(value)
            elif tf.distribute.get_strategy().num_replicas_in_sync == 1:
                recorder.take(value, stack.line())
        return old(self, target, sources, *args, **kw)

    for owner in (BaseOptimizer, keras.optimizers.LossScaleOptimizer):

        @patch(owner, "scale_loss")
        def _(old: Any, self: Any, loss: Any) -> Any:
            scaled = old(self, loss)
            plain = recorder.unscaled.pop(id(loss), (None, loss))[1]
            if scaled is not loss:
                recorder.unscaled[id(scaled)] = (scaled, plain)
            return scaled


def _recording(recorder: Recorder, model: Any) -> Any:
    tracing = recorder.tracing

    def step(data: Any) -> Any:
        before, tracing.losses = tracing.losses, []
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        known = recorder.graphs.setdefault(id(model), [])
        if graph is not None or None not in known:
            known.append(graph)
        try:
            logs = model.train_step(data)
            losses = tuple(tracing.losses)
        finally:
            tracing.losses = before
        return {"logs": logs, "losses": losses}

    inner = model._make_function(step)

    def function(iterator: Any) -> Any:
        made = inner(iterator)
        if recorder.current is None:  # train_on_batch
            fit = recorder.fit_of(model)
            recorder.pending.append((made["losses"], made["logs"]))
            recorder.flush(fit)
        else:
            recorder.pending.append((made["losses"], made["logs"]))
        return made["logs"]

    return function


def _epochs(recorder: Recorder) -> None:
    @patch(CallbackList, "on_train_begin")
    def _(old: Any, self: Any, logs: Any = None) -> None:
        recorder.current = recorder.fit_of(self._model)
        self.seedscope_fit = recorder.current
        old(self, logs)

    @patch(CallbackList, "on_train_batch_end")
    def _(old: Any, self: Any, batch: int, logs: Any = None) -> None:
        if self._model in recorder.many:
            recorder.pending.append((None, logs))
            known = (self.params or {}).get("steps")  # the last may count too many
            recorder.passed = min(batch + 1, known or batch + 1)
        old(self, batch, logs)

    @patch(CallbackList, "on_epoch_end")
    def _(old: Any, self: Any, epoch: int, logs: Any = None) -> None:
        fit = recorder.fit_of(self._model)
        before = len(fit.reported)
        recorder.flush(fit)
        many = self._model in recorder.many
        fit.steps.append(recorder.passed if many else len(fit.reported) - before)
        fit.epochs.append(_floats(logs))
        weights = self._model.weights
        if _bytes(weights) <= SMALL:
            fit.weights_sha256.append(_digest(weights))
        old(self, epoch, logs)

    @patch(CallbackList, "on_train_end")
    def _(old: Any, self: Any, logs: Any = None) -> None:
        old(self, logs)
        recorder.flush(recorder.fit_of(self._model))
        recorder.seen(self._model)
        recorder.current = None


def _scores(recorder: Recorder) -> None:
    @patch(CallbackList, "on_test_end")
    def _(old: Any, self: Any, logs: Any = None) -> None:
        old(self, logs)
        if not hasattr(self, "seedscope_fit"):
            recorder.record.evaluations.append(_floats(logs))

    @patch(TensorFlowTrainer, "evaluate")
    def _(old: Any, self: Any, x: Any = None, y: Any = None, *args: Any, **kw: Any):
        if "_use_cached_eval_dataset" not in kw:
            if isinstance(x, tf.data.Dataset | keras.utils.PyDataset):
                recorder.known.append((x, ELEMENTS))
            elif y is not None:
                recorder.known.append((x, y))
        return old(self, x, y, *args, **kw)

    @patch(TensorFlowTrainer, "predict")
    def _(old: Any, self: Any, x: Any, *args: Any, **options: Any) -> Any:
        outputs = old(self, x, *args, **options)
        if not stack.of_mlflow():  # autolog tries a model to learn its signature
            recorder.asked = self, x, outputs
        return outputs


def labels_in(data: Any, rows: int) -> Any:
    """Return the labels that stand beside examples, if two passes over them agree.

    Args:
        data: a Dataset or PyDataset of batches.
        rows: how many examples it must have.

    Returns:
        The labels, a nest of arrays; None: it has none; a string: why they are unknown.
    """
    unpack: Any = keras.utils.unpack_x_y_sample_weight
    labels: list[Any] = []
    passes: list[list[str]] = []
    for _ in range(2):
        labels, digests, seen = [], list[str](), 0
        for batch in _batches(data):
            x, y, _ = unpack(batch)
            if y is None:
                return None
            arrays: Any = keras.tree.map_structure(np.asarray, (x, y))
            x, y = arrays
            digests.append(digest(keras.tree.flatten((x, y))))
            labels.append(y)
            seen += len(keras.tree.flatten(x)[0])
            if seen > rows:
                break
        if seen != rows:
            return f"its data has another number of examples than the {rows} outputs"
        passes.append(digests)
    if passes[0] != passes[1]:
        return "two passes over its data give other examples, or another order"
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *labels)


def _batches(data: Any) -> Iterator[Any]:
    """Yield the batches of one pass over a Dataset or PyDataset."""
    if isinstance(data, tf.data.Dataset):
        yield from data
        return
    for number in range(data.num_batches or 0):
        yield data[number]
    data.on_epoch_end()  # which may turn the order, as in the passes of Keras


def _trains(sources: Any) -> bool:
    """Tell whether a gradient is by weights, not by inputs as in a penalty."""
    flat = tf.nest.flatten(sources)
    return any(isinstance(s, tf.Variable | keras.Variable) for s in flat)


def _bytes(weights: Sequence[Any]) -> int:
    return 4 * sum(int(np.prod(w.shape)) for w in weights)


def _has_values(weights: Sequence[Any]) -> bool:
    """Tell whether weights are made: a traced step's are only before it first runs."""
    try:
        made = [bool(_inner(w).is_initialized()) for w in weights]
        return bool(made) and all(made)
    except Exception:  # not built yet, or a strategy's
        return False


def _inner(weight: Any) -> Any:
    return weight._value if isinstance(weight, keras.Variable) else weight


def _digest(weights: Sequence[Any]) -> str:
    try:
        return digest([np.asarray(w) for w in weights])
    except Exception as error:  # a strategy's or a graph's variable cannot be read here
        return f"unreadable: {type(error).__name__}"


def _floats(logs: Any) -> dict[str, float]:
    if not isinstance(logs, dict):
        return {}
    found = {}
    for name, value in logs.items():
        array = np.asarray(value)
        if array.ndim == 0 and array.dtype.kind in "biuf":
            found[str(name)] = float(array)
    return found


def _named(given: Any) -> dict[str, Any]:
    """Return the arrays of a nest by their places in it: one alone is `output`."""
    if given is None:
        return {}
    pairs = keras.tree.flatten_with_path(given)
    return {"_".join(map(str, path)) or "output": leaf for path, leaf in pairs}


def _as_many(targets: Any, outputs: Any) -> bool:
    """Tell whether targets are known, a row for each row of outputs."""
    if targets is None or outputs is None:
        return False
    return np.ndim(targets) > 0 and len(targets) == len(outputs)


def _same(a: Any, b: Any) -> bool:
    """Tell whether two nests hold the same arrays."""
    if a is b:
        return True
    mine, others = _named(a), _named(b)
    return mine.keys() == others.keys() and all(
        isinstance(v, np.ndarray)
        and isinstance(w := others[name], np.ndarray)
        and (v is w or (v.shape == w.shape and v.dtype == w.dtype and (v == w).all()))
        for name, v in mine.items()
    )


def _is_float(weight: Any) -> bool:
    return np.asarray(weight).dtype.kind == "f"


def _ends_linear(model: Any, name: str) -> bool:
    """Tell whether the layer that makes an output has no activation."""
    layers = getattr(model, "layers", [])
    named = [layer for layer in layers if layer.name == name] or layers[-1:]
    activation = getattr(named[0], "activation", None) if named else None
    return activation is keras.activations.linear
