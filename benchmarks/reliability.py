"""What kills, many writers, outages and bad inputs leave behind, in one table.

python benchmarks/reliability.py          some minutes
python benchmarks/reliability.py kills    only this part
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "store"))

import many
import servers
import test_bad_input as lines
from test_log import logged

from seedscope.store.store import connect
from seedscope.study.words import Tracking

ROOT = Path(__file__).parents[1]
KILLS, WRITERS = 20, 16  # kills of a writer; writers at once
AWAY = 60  # seconds without a database, then without a server
ROW = "{:<46}{:>8}{:>7}{:>9}  {}"


def kills(folder: Path) -> None:
    """Kill one writer after the other with -9, at random moments."""
    uri, runs = f"sqlite:///{folder}/kills.db", 60
    chance = random.Random(1)
    for _ in range(KILLS):
        child = forked(uri, "kills", "s0", runs, 0.2)
        time.sleep(chance.uniform(0.3, 3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.waitpid(forked(uri, "kills", "s0", runs, 0), 0)
    with sqlite3.connect(folder / "kills.db") as database:
        whole = database.execute("PRAGMA integrity_check").fetchone()[0]
    tell("kill -9 of a writer, then the same command", KILLS, uri, "kills", runs, whole)


def writers(folder: Path) -> None:
    """Open one fresh store and four studies in it by 16 processes at once."""
    uri, runs = f"sqlite:///{folder}/writers.db", 8
    children = [
        forked(uri, "writers", f"s{number % 4}", runs, 0.2) for number in range(WRITERS)
    ]
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    said = f"{failed} of them failed"
    tell("writers that open one fresh store", WRITERS, uri, "writers", 4 * runs, said)


def outages(folder: Path) -> None:
    """Take PostgreSQL, then the server in front of it, from four writers of a study."""
    if servers.programs() is None:
        print(ROW.format("outages", "-", "-", "-", "PostgreSQL is not installed"))
        return
    database, runs = servers.Postgres(), 80
    server = servers.Server(database.uri, folder / "artifacts")
    words = [server.uri, "outages", "4", "1", str(runs), "1"]
    try:
        with subprocess.Popen(
            [sys.executable, many.__file__, *words], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            for stop, start in (
                (database.stop, database.start),
                (server.kill, server.start),
            ):
                next(line for line in process.stdout or () if line.startswith("stored"))
                stop()
                time.sleep(AWAY)
                start()
            _, said = process.communicate()
        what = f"PostgreSQL, then its server, away {AWAY} s"
        lines = (
            f"{process.returncode} of 4 writers failed, {len(said.splitlines())} lines"
        )
        tell(what, 2, server.uri, "outages", runs, lines)
    finally:
        server.kill()
        database.remove()


def inputs(folder: Path) -> None:
    """Read every malformed command line of the tests' table."""
    asked = [[command, lines.words(line)] for command, line, _ in lines.LINES]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "bad_input.py")], cwd=folder,
        input=json.dumps(asked), capture_output=True, text=True, check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    said = json.loads(done.stdout)["said"]
    clear = sum(s.startswith("error: ") and "\n" not in s for s in said)
    accepted, broken = said.count("accepted"), sum("Traceback" in s for s in said)
    print(
        ROW.format(
            "malformed command lines", len(said), "-", "-",
            f"{clear} answered in one line, {accepted} accepted, {broken} tracebacks, "
            f"{seconds:.0f} s in all",
        )
    )  # fmt: skip


# ---- how ---------------------------------------------------------------------------


def forked(uri: str, experiment: str, study: str, runs: int, seconds: float) -> int:
    """Start a process that trains a study as src/train.py does; return its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        many.work(uri, experiment, study, str(runs), str(seconds))
        code = 0
    finally:
        os._exit(code)


def tell(
    what: str, tried: int, uri: str, experiment: str, runs: int, said: str
) -> None:
    """Print what a store holds after all that, against what it should."""
    store = connect(Tracking(uri, experiment, None, None, True), create=False)
    found = [run for run in logged(store) if run.info.status == "FINISHED"]
    single = {
        (run.data.tags["mlflow.parentRunId"], run.data.tags["seedscope.fingerprint"])
        for run in found
    }
    lost, doubled = runs - len(single), len(found) - len(single)
    print(ROW.format(what, tried, lost, doubled, said), flush=True)


PARTS = {f.__name__: f for f in (inputs, kills, writers, outages)}


def main() -> None:
    if len(sys.argv) == 2:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[sys.argv[1]](Path(folder))
        return
    print(ROW.format("what", "tried", "lost", "doubled", "besides"), flush=True)
    for name in sys.argv[1:] or PARTS:  # each forks: in a process that did nothing
        subprocess.run([sys.executable, __file__, name], check=False)


if __name__ == "__main__":
    main()
