"""Compose studies from conf/, as the command line does."""

from pathlib import Path

from hydra import compose, initialize_config_dir

from seedscope.study import settings
from seedscope.study.plan import plan_runs
from seedscope.study.words import Run, Study

ROOT = Path(__file__).parents[1]
TINY = ("replicates=2", "loop.epochs=2", "data=synthetic", "data.examples=100")


def read(*overrides: str) -> Study:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return settings.read(compose("train", overrides=list(overrides)), "test")


def plan(*overrides: str) -> list[Run]:
    return plan_runs(read(*overrides))
