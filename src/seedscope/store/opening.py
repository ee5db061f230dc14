"""Open a store: find out within seconds whether it can be, make a new one whole.

MLflow makes the tables of a new database while it opens it, and two processes that do
so at once leave one that nobody can use. So a SQLite database is made and opened under
a lock file beside it; it is made under another name and renamed when it is whole, and
a disk that fills up meanwhile leaves nothing. A PostgreSQL database has a lock inside.
"""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlparse

import sqlalchemy
from filelock import FileLock, Timeout
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient
from sqlalchemy import event, exc

PATIENCE = 5  # seconds that a server or database is given to answer
LOCKED = 300  # seconds that others are given to make and open a SQLite database
MAKING = 0x5EED5C09E  # the number of our lock inside PostgreSQL


@contextmanager
def alone_while_opening(uri: str) -> Iterator[None]:
    """Check that a store can be used, and keep others from opening it meanwhile.

    Raises:
        ValueError: it cannot be used; the message says why.
    """
    server = urlparse(uri)
    if server.scheme in ("http", "https"):
        _knock(
            server.hostname, server.port or {"http": 80, "https": 443}[server.scheme]
        )
        yield
        return
    url = _database(uri)
    with ExitStack() as stack:
        if url.get_backend_name() == "sqlite":
            if url.database not in (None, "", ":memory:"):
                stack.enter_context(_sqlite_alone(Path(url.database)))
        else:
            stack.enter_context(_database_alone(url))
        yield


def _knock(host: str | None, port: int) -> None:
    """Knock before MLflow does: its own retries take minutes to give up."""
    try:
        socket.create_connection((host or "", port), PATIENCE).close()
    except OSError as error:
        raise ValueError(
            f"does not answer ({error}); start it with `mlflow server`, or set "
            "tracking.uri"
        ) from None


def _database(uri: str) -> sqlalchemy.URL:
    try:
        url = sqlalchemy.make_url(uri)
        url.get_dialect()
    except (exc.ArgumentError, exc.NoSuchModuleError):
        raise ValueError(
            "is no store; write sqlite:///<file>, postgresql://<host>/<database> or "
            "http://<server>"
        ) from None
    return url


# ---- SQLite --------------------------------------------------------------------------


@contextmanager
def _sqlite_alone(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock", timeout=LOCKED)
        lock.acquire()
    except Timeout:
        raise ValueError(
            f"cannot be used: another process has been opening it for {LOCKED} s; "
            f"stop that one, or delete {path}.lock"
        ) from None
    except OSError as error:
        if not path.is_file():
            raise ValueError(f"cannot be used: {error}") from None
        yield  # it lies where nothing can be written: it can be read all the same
        return
    try:
        _sweep(path)
        if not path.is_file() or not path.stat().st_size:
            _make(path)
        _look_into(path)
        yield
    finally:
        lock.release()


def _make(path: Path) -> None:
    """Make a database with all of MLflow's tables, or none at all."""
    new = path.with_name(f"{path.name}.new")
    event.listen(sqlalchemy.Engine, "connect", _without_waiting)
    try:
        store = SqlAlchemyStore(f"sqlite:///{new}", "./mlruns")
        store.engine.dispose()
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    except Exception as error:
        raise ValueError(f"cannot be used: {first_line(error)}") from None
    finally:
        event.remove(sqlalchemy.Engine, "connect", _without_waiting)
        SqlAlchemyStore._engine_map.pop(f"sqlite:///{new}", None)
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _without_waiting(connection: sqlite3.Connection, _: object) -> None:
    """Let the disk take its time: a database that is being made can be made again."""
    connection.execute("PRAGMA synchronous = OFF")


def _sweep(path: Path) -> None:
    """Remove what a process that was killed while it made the database left."""
    for ending in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(f"{path.name}.new{ending}").unlink(missing_ok=True)


def _look_into(path: Path) -> None:
    """Read a page of a database: a file that is none is found out at once."""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if "locked" not in str(error):
            raise ValueError(f"cannot be used: {error}") from None


# ---- databases with a server ---------------------------------------------------------


@contextmanager
def _database_alone(url: sqlalchemy.URL) -> Iterator[None]:
    try:
        engine = sqlalchemy.create_engine(
            url, connect_args=_in_time(url), poolclass=sqlalchemy.pool.NullPool
        )
        connection = engine.connect()
    except ModuleNotFoundError as error:
        extra = "; install seedscope[postgres]" if "psycopg" in str(error) else ""
        raise ValueError(f"needs a driver: {error}{extra}") from None
    except exc.SQLAlchemyError as error:
        raise ValueError(f"cannot be used: {first_line(error)}") from None
    with closing(connection):
        if url.get_backend_name() == "postgresql":  # released with the connection
            lock = sqlalchemy.text("SELECT pg_advisory_lock(:number)")
            connection.execute(lock, {"number": MAKING})
        yield


def _in_time(url: sqlalchemy.URL) -> dict[str, int]:
    known = url.get_backend_name() in ("postgresql", "mysql")
    return {"connect_timeout": PATIENCE} if known else {}


def first_line(error: BaseException) -> str:
    """Return what an error of a store says, without its SQL and its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def opened(uri: str) -> MlflowClient:
    """Return a client of a store that has been opened: its tables are there."""
    client = MlflowClient(uri)
    client.search_experiments(max_results=1)
    return client
