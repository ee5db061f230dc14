"""Real PostgreSQL and a real server: they go away in the middle, nothing is lost."""

import importlib.util
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import servers
from composing import ROOT
from test_log import logged

from seedscope.store.read import read_study
from seedscope.store.store import connect, search
from seedscope.study.words import Tracking

MISSING = (
    "PostgreSQL is not installed (apt install postgresql)"
    if servers.programs() is None
    else "psycopg is not installed (seedscope[postgres])"
    if importlib.util.find_spec("psycopg") is None
    else ""
)
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
AWAY = 4  # seconds; benchmarks/reliability.py takes 60
RUNS = 12


@pytest.fixture(scope="module")
def database():
    made = servers.Postgres()
    yield made
    made.remove()


def writers(uri, experiment, processes):
    """Start processes that train one study together."""
    script = str(Path(__file__).with_name("many.py"))
    words = [uri, experiment, str(processes), "1", str(RUNS), "0.5"]
    return subprocess.Popen(
        [sys.executable, script, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_a_run(process):
    """Return when some process stored a run."""
    for line in process.stdout:
        if line.startswith("stored"):
            return
    pytest.fail(process.stderr.read())


def check(uri, experiment, process, outages):
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    lines = said.splitlines()
    assert len([line for line in lines if "does not answer: waiting" in line]) >= 1
    assert all("answer" in line for line in lines), said
    assert len(lines) <= 2 * outages * 4, said  # away and back, for each writer
    store = connect(Tracking(uri, experiment, None, None, True), create=False)
    found = logged(store)
    assert Counter(run.info.status for run in found) == {"FINISHED": RUNS}
    fingerprints = {run.data.tags["seedscope.fingerprint"] for run in found}
    assert len(fingerprints) == RUNS
    assert len(search(store, "tags.`seedscope.role` = 'study'")) == 1
    assert read_study(store, "s0").table.height == RUNS


def test_a_database_that_restarts_is_waited_for(database):
    with writers(database.uri, "direct", 2) as process:
        wait_for_a_run(process)
        database.stop()
        time.sleep(AWAY)
        database.start()
        check(database.uri, "direct", process, 1)


def test_behind_a_server_database_and_server_may_both_go_away(database, tmp_path):
    server = servers.Server(database.uri, tmp_path / "artifacts")
    try:
        with writers(server.uri, "behind", 4) as process:
            wait_for_a_run(process)
            database.stop()
            time.sleep(AWAY)
            database.start()
            wait_for_a_run(process)
            server.kill()
            time.sleep(AWAY)
            server.start()
            check(server.uri, "behind", process, 2)
        leaves_nothing(server.uri, tmp_path / "temporary")
    finally:
        server.kill()


def leaves_nothing(uri, folder):
    """Compare in a process of its own; its temporary folder is empty afterwards."""
    folder.mkdir()
    words = ["name=s0", "tracking.experiment=behind", f"tracking.uri={uri}"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "src" / "compare.py"), *words],
        env=os.environ | {"TMPDIR": str(folder)},
        cwd=folder.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "init" in done.stdout
    assert list(folder.iterdir()) == []
