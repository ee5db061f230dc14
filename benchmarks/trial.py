"""What the trial costs before groups train a kind of run, against compiling it.

python benchmarks/trial.py           ~1 minute; CPU seconds, the machine may be shared

In a group the trial calls the program that training calls next, so its compilation is
no cost of the trial; what is: the steps that Keras trains beside it.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from composing import plan

from seedscope.task.data.load import load
from seedscope.training.batched import trial
from seedscope.training.batched.group import Group
from seedscope.training.batched.kind import kind_of, program_of

KINDS = {
    "small MLP": ("data=synthetic", "data.examples=1250", "model.dropout=0"),
    "digits MLP": ("data=digits", "model.dropout=0.2"),
    "digits CNN": ("data=digits", "model=cnn", "model.augmentation=0"),
}


def main() -> None:
    print(f"{'kind':<12}{'compile':>9}{'group':>9}{'Keras':>9}{'trial/compile':>15}")
    for name, overrides in KINDS.items():
        run = plan(*overrides)[0]
        examples = load(run)
        program = program_of(kind_of(run, examples), run, examples, 16)
        spent = []
        for _ in range(2):  # the first call compiles, the second is the trial's own
            group = Group([run], [examples], program)
            started = time.process_time()
            copies = trial.in_group(group)
            spent.append(time.process_time() - started)
        started = time.process_time()
        if said := trial.differs(run, examples, group, copies):
            sys.exit(f"{name}: {said}")
        by_keras = time.process_time() - started
        compiling = spent[0] - spent[1]
        share = (spent[1] + by_keras) / compiling
        print(
            f"{name:<12}{compiling:>9.2f}{spent[1]:>9.2f}{by_keras:>9.2f}{share:>15.2f}"
        )


if __name__ == "__main__":
    main()
