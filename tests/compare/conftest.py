"""One database for all tests of a module: MLflow takes seconds to make its tables."""

import pytest

from seedscope import question
from seedscope.study import Tracking
from seedscope.tracking import log as log_module
from seedscope.tracking.store import connect


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def tracking(database, tmp_path):
    return Tracking(database, tmp_path.name, str(tmp_path / "mlartifacts"), None, True)


@pytest.fixture
def store(tracking, monkeypatch):
    monkeypatch.setattr(log_module.hardware, "machine", lambda: {"hardware.cpu": "x"})
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    return connect(tracking)


@pytest.fixture
def ask(tracking):
    """Return a function that answers a question as src/compare.py does."""
    from composing import ROOT
    from hydra import compose, initialize_config_dir

    from seedscope.answer import answer

    def asked(**keys):
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            made = question.read(compose("compare"))
        made.tracking = tracking
        for key, value in keys.items():
            setattr(made, key, value)
        answer(made)

    return asked
