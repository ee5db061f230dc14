"""Stores that cannot be opened, signals, processes that die: one clear line each."""

import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from composing import ROOT, read

from seedscope.store.store import connect
from seedscope.study.words import Tracking
from seedscope.training.launch import here

NOBODY = 65534


def tracking(uri):
    return Tracking(uri, "days", None, None, True)


def refused(uri):
    with pytest.raises(ValueError, match=r"^tracking.uri=") as told:
        connect(tracking(uri))
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is no database, but long enough " * 99)
    assert "file is not a database" in refused(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_folder_in_the_place_of_a_database_is_named(tmp_path):
    (tmp_path / "mlflow.db").mkdir()
    assert "cannot be used" in refused(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.parametrize("uri", ["nonsense", "ftp://x/y", "file:///x", "sqlite:"])
def test_what_is_no_store_is_named_with_what_would_be(uri):
    assert "is no store; write sqlite:///" in refused(uri)


def test_a_database_server_that_does_not_answer_is_an_error_in_seconds():
    pytest.importorskip("psycopg")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = refused(f"postgresql://me:hunter2@127.0.0.1:{port}/x")
    assert "cannot be used" in said
    assert "hunter2" not in said


def test_a_folder_that_cannot_be_written_to_is_named_and_can_be_read():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = connect(tracking(f"sqlite:///{folder}/made.db"))
        folder.chmod(0o555)
        (folder / "made.db").chmod(0o444)
        (folder / "made.db.lock").unlink(missing_ok=True)
        user = os.geteuid()
        if user == 0:  # who may write anywhere
            os.seteuid(NOBODY)
        try:
            assert "Permission denied" in refused(f"sqlite:///{folder}/new.db")
            again = connect(tracking(made.uri), create=False)
            assert again.experiment.name == "days"
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


def test_a_database_that_another_holds_locked_is_waited_for(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    connect(tracking(uri))
    other = sqlite3.connect(tmp_path / "mlflow.db")
    other.execute("BEGIN IMMEDIATE")
    try:
        assert connect(tracking(uri)).experiment.name == "days"  # it can be read
    finally:
        other.rollback()
        other.close()


def test_a_disk_that_fills_up_while_the_database_is_made_leaves_none(tmp_path):
    code = (
        "import resource, sys; sys.path.insert(0, 'src')\n"
        "from seedscope.store.store import connect\n"
        "from seedscope.study.words import Tracking\n"
        "made = Tracking(sys.argv[1], 'x', None, None, True)\n"
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))\n"
        "try:\n    connect(made)\nexcept ValueError as error:\n    print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "print(connect(made).experiment.name)\n"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/mlflow.db"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    first, last = done.stdout.splitlines()
    assert "cannot be used" in first
    assert last == "x"
    assert done.stderr == ""
    assert not list(tmp_path.glob("*.new*"))


def test_sigterm_ends_like_ctrl_c():
    code = (
        "import os, signal, sys, time; sys.path.insert(0, 'src')\n"
        "from seedscope.commands.overrides import told_in_one_line\n"
        "with told_in_one_line():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)\n"
        "    finally:\n"
        "        print('put away')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "put away\n"
    assert done.stderr.startswith("stopped; what had finished is kept")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device"), "No space left on device; make room"),
        (
            PermissionError(13, "Permission denied", "/x"),
            "denied: '/x'; what has",
        ),
        (sqlite3.OperationalError("x"), None),
        (KeyError("a bug"), None),
    ],
)
def test_what_a_disk_refuses_is_one_line_and_a_bug_is_a_bug(error, line, capsys):
    from seedscope.commands.overrides import told_in_one_line

    expected = SystemExit if line else type(error)
    with pytest.raises(expected) as ended, told_in_one_line():
        raise error
    if line:
        assert line in str(ended.value)
        assert "\n" not in str(ended.value)


def worker(code):
    """Return the parent's end of a process that is gone, and that end's other one."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=os._exit, args=(code,))
    process.start()
    process.join()
    runtime = read().arms[0].settings.runtime
    return here._Worker(runtime, False, process, ours, 0), theirs


def test_a_process_that_dies_in_the_middle_of_a_message_is_told_as_dead():
    dead, theirs = worker(3)
    os.write(theirs.fileno(), b"\x00\x00\x10\x00half of it")
    theirs.close()
    with pytest.raises(RuntimeError, match="died with exit code 3; what had finished"):
        dead.receive()
    with pytest.raises(RuntimeError, match="died with exit code 3"):
        dead.send(("train", (), None))


def test_a_process_that_was_killed_for_memory_is_told_so(monkeypatch):
    dead, theirs = worker(0)
    theirs.close()
    monkeypatch.setattr(
        type(dead.process), "exitcode", property(lambda self: -signal.SIGKILL)
    )
    with pytest.raises(RuntimeError, match="most likely for lack of memory: lower"):
        dead.receive()
    monkeypatch.setattr(here, "_killed_for_memory", lambda: 1)
    with pytest.raises(RuntimeError, match=r"\(killed for lack of memory: lower"):
        dead.receive()


def test_no_process_says_a_word_when_its_parent_is_gone():
    code = (
        "import os, sys; sys.path[:0] = ['src', 'tests']\n"
        "from composing import read\n"
        "from seedscope.training.launch import here\n"
        "made = read('engine=sequential')\n"
        "here.warm(made.arms[0].settings.runtime, made.engine)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )  # returns when the last process that holds its output has ended
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == ""
