"""Real servers, private to a test: PostgreSQL, and `mlflow server` in front of it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE = 120  # seconds that a server is given to start


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Postgres:
    """A database server of its own folder and port; initdb refuses to run as root."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="seedscope-pg"))
        self._port = free_port()
        self.uri = f"postgresql://seedscope@127.0.0.1:{self._port}/postgres"
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "seedscope", "--auth=trust", "-N")
        self.start()

    def start(self) -> None:
        options = (
            f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 "
            "-c fsync=off"
        )
        log = str(self._folder / "log")
        data = str(self._folder / "data")
        self._run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        data = str(self._folder / "data")
        self._run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        folder = programs()
        assert folder is not None
        command = [str(folder / program), *words]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            timeout=120,
        )


class Server:
    """`mlflow server` in front of a database, with the artifacts behind it."""

    def __init__(self, database: str, folder: Path) -> None:
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._database, self._folder = database, folder
        self.start()

    def start(self) -> None:
        words: Sequence[str] = (
            *("--backend-store-uri", self._database),
            *("--artifacts-destination", str(self._folder)),
            *("--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"),
        )
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *words],
            env=os.environ | quiet,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.2)

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
