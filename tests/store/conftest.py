"""One database for the tests of a file, an experiment for each test."""

import pytest

from seedscope.store import log as log_module
from seedscope.store.store import connect
from seedscope.study.words import Tracking


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Return one database for all tests: MLflow takes seconds to make its tables."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def tracking(database, tmp_path):
    return Tracking(database, tmp_path.name, str(tmp_path / "mlartifacts"), None, True)


@pytest.fixture
def store(tracking, monkeypatch):
    monkeypatch.setattr(log_module.hardware, "machine", lambda: {"hardware.cpu": "x"})
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    return connect(tracking)
