"""Find the MLflow store and the experiment that studies are logged in."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import mlflow
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from polars.exceptions import PolarsError
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from seedscope.store.opening import alone_while_opening, first_line, opened
from seedscope.store.patience import patient
from seedscope.study.places import home
from seedscope.study.secrets import redacted
from seedscope.study.words import Tracking

logging.getLogger("mlflow").setLevel(logging.WARNING)  # no migrations on the terminal


REFUSALS = (MlflowException, SQLAlchemyError, RequestException, OSError, PolarsError)
KIND, TRAINING = "mlflow.experimentKind", "custom_model_development"  # opens its view


@dataclass(frozen=True)
class Store:
    """A tracking server or database, and one experiment in it."""

    client: MlflowClient  # its calls wait where the store goes away
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
    shown = redacted(uri)
    try:
        with alone_while_opening(uri):
            mlflow.set_tracking_uri(uri)
            client = opened(uri)
            experiment = client.get_experiment_by_name(tracking.experiment)
            if experiment is None and create:
                experiment = _create(client, uri, tracking)
    except ValueError as error:
        raise ValueError(f"tracking.uri={shown} {error}") from None
    except Exception as error:  # each kind of store has its own errors
        reason = redacted(first_line(error))
        raise ValueError(f"tracking.uri={shown} cannot be used: {reason}") from error
    if experiment is None:
        known = [e.name for e in client.search_experiments()]
        raise ValueError(
            f"tracking.experiment={tracking.experiment!r} does not exist in {shown}; "
            f"it has {', '.join(known) or 'none'}"
        )
    if create and KIND not in experiment.tags:
        with suppress(Exception):  # a view, and no more: some may only add runs
            client.set_experiment_tag(experiment.experiment_id, KIND, TRAINING)
    if experiment.lifecycle_stage != "active":
        raise ValueError(
            f"tracking.experiment={tracking.experiment!r} was deleted in {shown}; "
            "restore it with `mlflow experiments restore`, or name another"
        )
    return Store(patient(client, uri), uri, experiment)


def exists(tracking: Tracking) -> bool:
    """Tell whether a store may be there: a local file that is not is no store yet."""
    uri = _uri(tracking)
    path = uri.removeprefix("sqlite:///")
    return path == uri or Path(path).is_file()


def _uri(tracking: Tracking) -> str:
    local = f"sqlite:///{home() / 'mlflow.db'}"
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or local


@contextmanager
def told(store: Store, what: str, then: str = "") -> Iterator[None]:
    """Turn what a store or its disk refuses into one line.

    Args:
        store: where.
        what: what could not be done, up to the store's name.
        then: what to do about it.
    """
    try:
        yield
    except REFUSALS as error:
        reason = redacted(first_line(error))
        raise ValueError(
            f"{what} {redacted(store.uri)} (artifacts: "
            f"{redacted(store.experiment.artifact_location)}): {reason}{then}"
        ) from error


def search(
    store: Store,
    condition: str,
    view: int = ViewType.ACTIVE_ONLY,
    client: MlflowClient | None = None,
) -> list:
    """Return every run of the experiment that meets an MLflow filter string.

    Args:
        store: where.
        condition: the filter.
        view: deleted runs too?
        client: another client of the store, such as one that does not wait for it.

    Raises:
        ValueError: MLflow does not understand the filter.
    """
    found: list = []
    token = None
    while True:
        try:
            page = (client or store.client).search_runs(
                [store.experiment.experiment_id],
                condition,
                view,
                max_results=5000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            raise ValueError(f"filter={condition!r}: {first_line(error)}") from None
        found += page
        token = page.token
        if not token:
            return found


def quoted(value: str) -> str:
    """Return a value as MLflow's filter strings take it.

    Raises:
        ValueError: it holds both kinds of quotes.
    """
    mark = '"' if "'" in value else "'"
    if mark in value:
        raise ValueError(f"name={value}: leave out one kind of quotes")
    return f"{mark}{value}{mark}"


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
        found = client.get_experiment_by_name(tracking.experiment)
        if found is None:
            raise
        return found
    return client.get_experiment(made)
