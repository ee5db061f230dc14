"""What it costs to keep the state of a run once: seconds, and bytes on the disk.

python benchmarks/checkpoint.py        some seconds
"""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np

from seedscope.training.checkpoint import Checkpoint

SIZES = (1e5, 1e6, 1e7)  # weights; Adam holds two numbers more for each


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for size in SIZES:
            state = {"v": np.random.default_rng(1).random(int(3 * size), np.float32)}
            kept = Checkpoint("run", "a run", 0)
            kept.begin("start", 100)
            kept.keep(1, state, {})
            started = time.perf_counter()
            kept.keep(2, state, {})
            seconds = time.perf_counter() - started
            print(f"{size:>10,.0f} weights: {seconds:.2f} s, {12 * size / 1e6:,.0f} MB")
            kept.remove()


if __name__ == "__main__":
    main()
