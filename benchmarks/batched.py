"""Time the batched engine against loops of `model.fit` over a sample of the same runs.

python benchmarks/batched.py            every row of the README's table, ~8 minutes
python benchmarks/batched.py small      only the rows whose name holds a word
python benchmarks/batched.py memory     10,000 runs of the digits MLP: peak memory, long

Both sides count their compilation and not the import. CPU seconds are those of all
cores; the machine may be shared, so they are the ones to compare.
"""

import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from composing import plan

from seedscope.study.words import Engine, Run
from seedscope.task.data.load import load
from seedscope.training.batched import batched, kind
from seedscope.training.batched.group import Group
from seedscope.training.sequential import loops as sequential

ENGINE = Engine("batched", workers=1, group_size=None, keep_weights="none", again=False)
SAMPLE = 2  # runs that Keras trains
ALL = "factor.vary=[init,shuffle,dropout]"
SMALL = (
    "factor=sources", "factor.vary=[init,shuffle]", "data=synthetic",
    "data.examples=1250", "split.validation=0", "model.dropout=0", "loop.epochs=50",
)  # fmt: skip
DIGITS = (
    "factor=sources",
    ALL,
    "data=digits",
    "split.validation=0",
    "model.dropout=0.2",
)
MLP = (*DIGITS, "model.hidden=[128]", "loop.epochs=20")
CNN = (*DIGITS, "model=cnn", "model.augmentation=0", "loop.epochs=5")
ROWS = {  # name: runs, settings, at least, aim
    "small 256": (256, SMALL, 150, 400),
    "small 1024": (1024, SMALL, 300, 600),
    "digits 256": (256, MLP, 40, 80),
    "cnn 256": (256, CNN, 4, 8),
}


@dataclass
class Spent:
    """Seconds that a block took."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def timed() -> Iterator[Spent]:
    spent = Spent()
    cpu, wall = time.process_time(), time.perf_counter()
    yield spent
    spent.cpu = time.process_time() - cpu
    spent.wall = time.perf_counter() - wall


def fit_one(run: Run) -> None:
    """Build, compile and fit, as a user's loop over seeds does."""
    task = sequential.prepare(run, load(run))
    task.built.model.compile(task.optimizer, task.objective.loss, jit_compile=False)
    loop = run.settings.loop
    task.built.model.fit(
        task.x, task.y, loop.batch_size, loop.epochs, shuffle=False, verbose=0
    )


def compare(name: str) -> None:
    count, options, least, aim = ROWS[name]
    runs = plan(*options, f"replicates={count}")
    fit_one(plan(*options, "replicates=1", "loop.epochs=1")[0])  # Keras' own warm-up
    with timed() as keras_side:
        for run in runs[:SAMPLE]:
            fit_one(run)
    kind._programs.clear()
    with timed() as ours:
        for group in batched.train(runs, ENGINE):
            width = group[0].facts["group_width"]
    cpu = keras_side.cpu * count / SAMPLE / ours.cpu
    wall = keras_side.wall * count / SAMPLE / ours.wall
    print(
        f"{name:11s} Keras {keras_side.cpu / SAMPLE:7.2f} s CPU a run "
        f"({SAMPLE} sampled) | batched {ours.cpu:7.1f} s CPU, {ours.wall:6.1f} s wall "
        f"for all, width {width} | {cpu:5.0f}x CPU, {wall:5.0f}x wall "
        f"(at least {least}x, aim {aim}x)",
        flush=True,
    )


def stepping(options: Sequence[str], width: int) -> tuple[float, float]:
    """Return CPU seconds of the first call (compiling) and of a step after that."""
    runs = plan(*options, f"replicates={width}")
    examples = [load(run) for run in runs]
    kind._programs.clear()
    name = kind.kind_of(runs[0], examples[0])
    active = np.ones(width, bool)
    with timed() as first:
        program = kind.program_of(name, runs[0], examples[0], width)
        group = Group(runs, examples, program)
        group.train_epoch(0, active)
    epochs = []
    for _ in range(5):
        with timed() as epoch:
            group.train_epoch(0, active)
        epochs.append(epoch.cpu / len(group.bounds))
    return first.cpu, min(epochs)


def limit() -> None:
    """Compare with the bare stacked matrix products of the digits MLP, width 64."""
    rng = np.random.default_rng(0)
    shapes = [(64, 32, 64), (64, 64, 128), (64, 128, 10), (64, 32, 10)]
    x, w1, w2, g = (rng.random(shape, np.float32) for shape in shapes)

    def products(matmul: Callable, t: Callable, x, w1, w2, g) -> list:
        h = matmul(x, w1)
        dh = matmul(g, t(w2))
        return [matmul(h, w2), matmul(t(h), g), matmul(t(x), dh)]

    def swap(a: np.ndarray) -> np.ndarray:
        return a.swapaxes(1, 2)

    @tf.function  # the arrays are arguments: products of constants would be folded
    def in_tf(*arrays: tf.Tensor) -> list:
        return products(tf.matmul, lambda a: tf.transpose(a, [0, 2, 1]), *arrays)

    tensors = [tf.constant(array) for array in (x, w1, w2, g)]
    sides = {
        "NumPy": lambda: products(np.matmul, swap, x, w1, w2, g),
        "TensorFlow": lambda: in_tf(*tensors),
    }
    bare = {}
    for name, call in sides.items():
        call()
        times = []
        for _ in range(30):
            with timed() as spent:
                call()
            times.append(spent.cpu)
        bare[name] = np.median(times) / 64 * 1e6
    best = min(bare.values())
    for name, options in (("no dropout", "model.dropout=0"), ("dropout 0.2", ALL)):
        _, step = stepping((*MLP, "factor.vary=[init]", options), 64)
        ours = step / 64 * 1e6
        print(
            f"limit: digits MLP, width 64, {name}: {ours:.0f} us a run and step, bare "
            f"products {bare['NumPy']:.0f} (NumPy), {bare['TensorFlow']:.0f} "
            f"(TensorFlow): {ours / best:.1f}x (at most 5x, aim 2x)",
            flush=True,
        )


def memory() -> None:
    """Train 10,000 runs and drop their traces as they come."""
    runs = plan(*MLP, "replicates=10000")
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    done = 0
    with timed() as spent:
        for group in batched.train(runs, ENGINE):
            done += len(group)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            if done % 512 == 0 or done == len(runs):
                print(
                    f"memory: {done} runs, peak {peak:.2f} GiB (before {base:.2f})",
                    flush=True,
                )
    print(f"memory: {spent.cpu:.0f} s CPU, {spent.wall:.0f} s wall")


def main(words: Sequence[str]) -> None:
    if "memory" in words:
        memory()
        return
    for name in ROWS:
        if not words or any(word in name for word in words):
            compare(name)
            gc.collect()
    if not words or "limit" in words:
        limit()


if __name__ == "__main__":
    main(sys.argv[1:])
