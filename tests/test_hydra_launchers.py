"""Hydra's own launchers: jobs in other processes, none lost without a line."""

import os
import subprocess
import sys

import pytest
from composing import ROOT

WORDS = ("factor=init", "data=synthetic", "data.examples=100", "replicates=2")
PACKAGES = {
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher",
    "ray": "hydra_plugins.hydra_ray_launcher",
}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("launcher", PACKAGES)
def test_jobs_of_hydras_launchers_are_compared_and_counted(launcher, tmp_path):
    pytest.importorskip(
        PACKAGES[launcher], reason="the extra seedscope[launchers] is not installed"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["RAY_ADDRESS"] = "local"  # not the cluster of another test
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "src" / "train.py"), "-m"),
            *(f"hydra/launcher={launcher}", "loop.epochs=1", "model=mlp,cnn", *WORDS),
            f"tracking.uri=sqlite:///{tmp_path}/mlflow.db",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()
    assert any(line.startswith("error: model=cnn needs images") for line in last)
    assert any(line.startswith("  in job: ") and "model=cnn" in line for line in last)
    assert "test/accuracy" in done.stdout  # the other job was trained and compared
