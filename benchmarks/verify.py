"""What watching costs: processor time of a step left alone and watched, in turn.

python benchmarks/verify.py [ROUNDS]
"""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from composing import plan

from seedscope.stats.ratio import paired_ratio
from seedscope.verify.processes import Processes
from seedscope.verify.words import LEVELS, Job, Program, Record

ROUNDS = 8
TRAINING = """
import keras, numpy as np
from keras import layers
keras.utils.set_random_seed(1)
x = np.random.default_rng(0).normal(size=(32 * {steps}, *{shape})).astype("float32")
y = np.random.default_rng(1).random((32 * {steps}, 1)).astype("float32")
model = keras.Sequential([keras.Input({shape}), {layers}, layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, y, batch_size=32, epochs=1, verbose=0)
"""
MODELS = {
    "3 small layers": ("(20,)", "layers.Dense(64), layers.Dense(64)"),
    "1 million weights": ("(512,)", "layers.Dense(1024), layers.Dense(512)"),
    "convolutions": (
        "(28, 28, 1)",
        "layers.Conv2D(32, 3), layers.MaxPooling2D(), layers.Conv2D(32, 3), "
        "layers.Flatten()",
    ),
}


def main(folder: str, rounds: int = ROUNDS) -> None:
    print(f"{'model':20}{'ms alone':>10}{'taps':>22}{'operations':>24}")
    with closing(Processes("fork")) as processes:
        for name, (shape, stack) in MODELS.items():
            path = f"{folder}/train.py"
            with open(path, "w") as file:
                file.write(TRAINING.format(steps=60, shape=shape, layers=stack))
            program = Program(name, "own", run=plan(f"script.path='{path}'")[0])
            records: dict[str, list[Record]] = {level: [] for level in LEVELS}
            for _ in range(rounds):
                for level in LEVELS:
                    records[level].append(processes.run(Job(program, level)))
            spent = {level: seconds(found) for level, found in records.items()}
            alone = 1e3 * float(np.mean(spent["none"]))
            told = [_told(spent[level], spent["none"]) for level in LEVELS[1:]]
            print(f"{name:20}{alone:>10.2f}{told[0]:>22}{told[1]:>24}", flush=True)


def seconds(records: list[Record]) -> np.ndarray:
    """Return the processor seconds of a step of each repeat, tracing left out."""
    return np.array([np.mean(record.step_cpu) for record in records])


def _told(watched: np.ndarray, alone: np.ndarray) -> str:
    ratio, interval, _ = paired_ratio(watched, alone)
    return f"{ratio:.2f}x [{interval.low:.2f}, {interval.high:.2f}]"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        main(made, *map(int, sys.argv[1:]))
