"""Is the engine that `auto` chooses the faster one? Each reference model both ways.

python benchmarks/choice.py                 all of benchmarks/models.py, ~10 minutes
python benchmarks/choice.py LSTM conv       those whose name holds a word

CPU seconds of all cores for 32 runs, imports left out. Keras trains two of them, one
before the groups and one after, and the sum is scaled. Groups are trained twice, each
time in a new process: with no program kept, and with those that the first has kept.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests"), str(HERE)]
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

RUNS = 32
WITHIN = 1.2  # of the faster engine's seconds


def spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def measure(name: str) -> None:
    """Print what one model costs, in a process of its own."""
    from composing import plan
    from models import MODELS

    from seedscope.study.words import Engine
    from seedscope.training.batched import batched, refusal
    from seedscope.training.sequential import engine as sequential

    runs = plan(*MODELS[name], f"replicates={RUNS}")
    short = plan(*MODELS[name], "replicates=2", "loop.epochs=1")[:1]
    engine = Engine("batched", 1, None, "none", planned=RUNS)

    def alone(number: int) -> float:
        return spent(lambda: list(sequential.train([runs[number]], engine, print)))

    list(sequential.train(short, engine, print))  # what a process pays once
    first = alone(0)
    in_groups = spent(lambda: list(batched.train(runs, engine)))
    by_keras = (first + alone(1)) * RUNS / 2
    (cost,) = refusal.costs(runs[:1], RUNS) or [None]
    said = {"alone": by_keras, "grouped": in_groups, "estimate": vars(cost)}
    print("\n" + json.dumps(said))


def main(words: list[str]) -> None:
    from models import MODELS

    print(
        f"| {RUNS} runs | one by one | in groups | width | programs kept | ratio "
        "| estimate of both | chosen |\n|---|---|---|---|---|---|---|---|"
    )
    wrong = []
    for name in MODELS:
        if words and not any(word in name for word in words):
            continue
        with TemporaryDirectory() as folder:
            kept = f"--tf_xla_persistent_cache_directory={folder}"
            environment = {**os.environ, "TF_XLA_FLAGS": kept}
            cold, warm = (child(name, environment) for _ in range(2))
        estimate = warm["estimate"]
        alone = min(cold["alone"], warm["alone"])
        grouped = estimate["grouped"] < estimate["alone"]
        chosen = warm["grouped"] if grouped else alone
        if chosen > WITHIN * min(warm["grouped"], alone):
            wrong.append(name)
        print(
            f"| {name} | {alone:.1f} | {cold['grouped']:.1f} | {estimate['width']} | "
            f"{warm['grouped']:.1f} | {alone / warm['grouped']:.1f}x | "
            f"{estimate['alone']:.0f}, {estimate['grouped']:.1f} | "
            f"{'groups' if grouped else 'one by one'} |",
            flush=True,
        )
    if wrong:
        sys.exit(f"not the faster engine: {', '.join(wrong)}")


def child(name: str, environment: dict[str, str]) -> dict:
    words = [sys.executable, __file__, "--measure", name]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2])
    else:
        main(sys.argv[1:])
