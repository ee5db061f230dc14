"""Wait for a store that went away in the middle of a study; say so in one line.

Hours of training may be at stake when a server is restarted, so each call to MLflow is
repeated until the store is back. MLflow repeats calls too, with pauses that double and
a traceback for each: its own patience is set to nothing, in this process alone.
"""

import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

import requests
import tenacity
from mlflow import environment_variables as variables
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy import exc

from seedscope.study.secrets import redacted

WAIT = 3600.0  # seconds that a store may be away
BRIEF = 120.0  # seconds that a server may answer with "internal error"
PAUSE = 2.0  # seconds between two tries
GONE = ("08", "57P", "53300", "55006")  # SQL states: no connection, shut down, too many
COLLISIONS = 10  # tries where others write the same row at the same time
COLLIDE = ("duplicate key value", "UNIQUE constraint failed", "Duplicate entry")
QUIET = ("mlflow.store.db.utils", "mlflow.system_metrics", "urllib3.connectionpool")
QUIET += ("psycopg", "psycopg.pool")

# Defaults, not variables of the environment: a script that is trained keeps MLflow's.
variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES.default = 0
variables.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.default = True
for _name in QUIET:  # what goes wrong is raised, and told by us
    logging.getLogger(_name).setLevel(logging.CRITICAL)

Call = TypeVar("Call", bound=Callable[..., Any])


class _Patient:
    """An MLflow client whose calls wait while the store is away."""

    def __init__(self, client: MlflowClient, uri: str) -> None:
        self.at_once = client
        self._wait = waiting(uri)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.at_once, name)
        return self._wait(found) if callable(found) else found


def patient(client: MlflowClient, uri: str) -> MlflowClient:
    """Return a client that waits for its store."""
    return cast(MlflowClient, _Patient(client, uri))


def at_once(client: MlflowClient) -> MlflowClient:
    """Return the client inside a patient one: it fails where the store is away."""
    return getattr(client, "at_once", client)


def waiting(uri: str) -> Callable[[Call], Call]:
    """Return a decorator: a function that waits while the store is away."""
    said = _Said(uri)

    def decorate(call: Call) -> Call:
        @wraps(call)
        def patiently(*args: Any, **kwargs: Any) -> Any:
            again = tenacity.Retrying(
                retry=tenacity.retry_if_exception(lambda e: is_away(e) or _collides(e)),
                wait=_pause,
                stop=_enough,
                before_sleep=said.away,
                reraise=True,
            )
            result = again(call, *args, **kwargs)
            said.back()
            return result

        return cast(Call, patiently)

    return decorate


class _Said:
    """Say once that a store is away, and once that it is back."""

    def __init__(self, uri: str) -> None:
        self._uri = redacted(uri)
        self._since: float | None = None
        self._lock = threading.Lock()

    def away(self, state: tenacity.RetryCallState) -> None:
        if _collides(_error(state)):
            return
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()
                busy = self._uri.startswith("sqlite")
                what = "is busy" if busy else "does not answer"
                _say(f"{self._uri} {what}: waiting for it; what has finished is kept")

    def back(self) -> None:
        with self._lock:
            if self._since is not None:
                away = time.monotonic() - self._since
                self._since = None
                _say(f"{self._uri} answers again after {away:.0f} s")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _enough(state: tenacity.RetryCallState) -> bool:
    error = _error(state)
    if _collides(error):
        return state.attempt_number >= COLLISIONS
    broken = "too many 500 error responses" in str(error)
    return (state.seconds_since_start or 0) > (BRIEF if broken else WAIT)


def _pause(state: tenacity.RetryCallState) -> float:
    return random.uniform(0, 0.5) if _collides(_error(state)) else PAUSE


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _collides(error: BaseException | None) -> bool:
    """Tell whether another process wrote the same row just before us."""
    return any(text in str(error) for text in COLLIDE)


def is_away(error: BaseException) -> bool:
    """Tell whether an error means that the store cannot be reached for now."""
    return any(_means_away(cause) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _means_away(error: BaseException) -> bool:
    if isinstance(error, exc.DBAPIError):
        return _database_is_away(error)
    if isinstance(error, exc.PendingRollbackError):
        return True  # the connection was lost in the middle of a transaction
    if isinstance(error, requests.exceptions.HTTPError):
        code = error.response.status_code if error.response is not None else 0
        return code in (429, 502, 503, 504)
    if isinstance(error, MlflowException) and error.error_code in (
        "TEMPORARILY_UNAVAILABLE",
        "RESOURCE_EXHAUSTED",
    ):
        return not isinstance(error.__cause__, exc.DBAPIError)
    away = requests.exceptions
    return isinstance(
        error,
        away.ConnectionError
        | away.Timeout
        | away.ChunkedEncodingError
        | away.RetryError,
    )


def _database_is_away(error: exc.DBAPIError) -> bool:
    if type(error.orig).__module__.startswith("sqlite3"):
        return "locked" in str(error.orig) or "busy" in str(error.orig)
    if error.connection_invalidated:
        return True
    if not isinstance(error, exc.OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(GONE)
