"""One database for all tests, and one compared study for those that only look."""

from dataclasses import replace

import pytest
from composing import ROOT
from hydra import compose, initialize_config_dir
from studies import log_study

from seedscope.commands.answer import answer
from seedscope.commands.compare import compare_study
from seedscope.runs import question
from seedscope.store import log as log_module
from seedscope.store.store import connect
from seedscope.study.words import Tracking


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """Return one database: MLflow takes seconds to make its tables."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture(scope="session", autouse=True)
def machine():
    """Spare every run a look at the hardware."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_module.hardware, "machine", lambda: {"hardware.cpu": "x"})
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        yield


@pytest.fixture
def tracking(database, tmp_path):
    return Tracking(database, tmp_path.name, str(tmp_path / "mlartifacts"), None, True)


@pytest.fixture
def store(tracking):
    return connect(tracking)


@pytest.fixture(scope="session")
def compared(database, tmp_path_factory, machine):
    """Return the store and the id of a study that was compared once."""
    folder = tmp_path_factory.mktemp("compared")
    tracking = Tracking(database, "compared", str(folder), None, True)
    store = connect(tracking)
    study_id = log_study(store, replicates=5)
    compare_study(tracking, study_id)
    return store, study_id


@pytest.fixture
def ask(tracking):
    """Return a function that answers a question as src/compare.py does."""

    def asked(**keys):
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            made = question.read(compose("compare"))
        answer(replace(made, **{"tracking": tracking, **keys}))

    return asked
