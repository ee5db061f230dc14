"""Many processes that work on one store: one import of MLflow, then a fork for each.

    python many.py URI EXPERIMENT PROCESSES STUDIES REPLICATES SECONDS [kill]

Each process trains its study as src/train.py does, but for the training: a run takes
SECONDS. With `kill` the first process is killed with -9 while it holds a share.
"""

import os
import signal
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(Path(__file__).parent)]

from composing import read  # noqa: E402
from test_log import trace  # noqa: E402

from seedscope.store import hardware, log  # noqa: E402
from seedscope.store.store import connect  # noqa: E402
from seedscope.study.plan import plan_runs  # noqa: E402
from seedscope.study.words import Tracking  # noqa: E402

hardware.machine = lambda: {"hardware.cpu": "x"}
log.POLL = 0.5


def work(uri: str, experiment: str, study: str, replicates: str, seconds: str) -> int:
    """Train what the study misses; return how many runs were trained here."""
    tracking = Tracking(uri, experiment, None, None, True)
    made = read("factor=init", f"replicates={replicates}", f"name={study}")
    trained = 0
    with log.open_study(connect(tracking), made, plan_runs(made)) as opened:
        for share in opened.shares(1, 1, print):
            time.sleep(float(seconds) * len(share))
            opened.add([trace(run) for run in share])
            trained += len(share)
            print("stored", len(share), flush=True)
    return trained


def main(uri, experiment, processes, studies, replicates, seconds, kill="") -> int:
    """Fork the processes and return how many of them failed."""
    children = []
    for number in range(int(processes)):
        child = os.fork()
        if child:
            children.append(child)
            continue
        code = 1
        try:
            study = f"s{number % int(studies)}"
            print("trained", work(uri, experiment, study, replicates, seconds))
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    if kill:
        time.sleep(float(kill))
        os.kill(children[0], signal.SIGKILL)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children) - bool(kill)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
