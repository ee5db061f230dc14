"""Find the MLflow store and the experiment that studies are logged in."""

import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import mlflow
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from seedscope.study.places import home
from seedscope.study.words import Tracking

logging.getLogger("mlflow").setLevel(logging.WARNING)  # no migrations on the terminal
PATIENCE = 5  # seconds that a server is given to answer


@dataclass(frozen=True)
class Store:
    """A tracking server or database, and one experiment in it."""

    client: MlflowClient
    uri: str
    experiment: Experiment


def connect(tracking: Tracking, create: bool = True) -> Store:
    """Open the store that `tracking` names, and its experiment.

    Args:
        tracking: where; a missing URI means MLFLOW_TRACKING_URI, then mlflow.db in the
            project folder.
        create: make the experiment where there is none.

    Raises:
        ValueError: the store cannot be reached, or it has no such experiment.
    """
    uri = _uri(tracking)
    _check_reachable(uri)
    try:
        mlflow.set_tracking_uri(uri)
        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name(tracking.experiment)
        if experiment is None and create:
            experiment = _create(client, uri, tracking)
    except Exception as error:  # each kind of store has its own errors
        raise ValueError(
            f"tracking.uri={uri} cannot be used: {_first_line(error)}"
        ) from error
    if experiment is None:
        known = [e.name for e in client.search_experiments()]
        raise ValueError(
            f"tracking.experiment={tracking.experiment!r} does not exist in {uri}; "
            f"it has {', '.join(known) or 'none'}"
        )
    if experiment.lifecycle_stage != "active":
        raise ValueError(
            f"tracking.experiment={tracking.experiment!r} was deleted in {uri}; "
            "restore it with `mlflow experiments restore`, or name another"
        )
    return Store(client, uri, experiment)


def exists(tracking: Tracking) -> bool:
    """Tell whether a store may be there: a local file that is not is no store yet."""
    uri = _uri(tracking)
    path = uri.removeprefix("sqlite:///")
    return path == uri or Path(path).is_file()


def _uri(tracking: Tracking) -> str:
    local = f"sqlite:///{home() / 'mlflow.db'}"
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or local


def search(store: Store, condition: str, view: int = ViewType.ACTIVE_ONLY) -> list:
    """Return every run of the experiment that meets an MLflow filter string.

    Raises:
        ValueError: MLflow does not understand the filter.
    """
    found: list = []
    token = None
    while True:
        try:
            page = store.client.search_runs(
                [store.experiment.experiment_id],
                condition,
                view,
                max_results=5000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
        except MlflowException as error:
            raise ValueError(f"filter={condition!r}: {_first_line(error)}") from None
        found += page
        token = page.token
        if not token:
            return found


def _create(client: MlflowClient, uri: str, tracking: Tracking) -> Experiment:
    artifacts = tracking.artifacts
    database = urlparse(uri)
    if artifacts is None and database.scheme == "sqlite":
        folder = Path(uri.removeprefix("sqlite:///")).resolve().parent
        artifacts = (folder / "mlartifacts").as_uri()
    elif artifacts is not None and "://" not in artifacts:
        artifacts = Path(artifacts).resolve().as_uri()
    try:
        made = client.create_experiment(tracking.experiment, artifacts)
    except MlflowException:  # another process made it in the meantime
        return client.get_experiment_by_name(tracking.experiment)
    return client.get_experiment(made)


def _check_reachable(uri: str) -> None:
    """Knock before MLflow does: its own retries take minutes to give up."""
    server = urlparse(uri)
    if server.scheme not in ("http", "https"):
        return
    port = server.port or {"http": 80, "https": 443}[server.scheme]
    try:
        socket.create_connection((server.hostname, port), PATIENCE).close()
    except OSError as error:
        raise ValueError(
            f"tracking.uri={uri} does not answer ({error}); start it with `mlflow "
            "server`, or set tracking.uri"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
