"""Train every run of a factor's arms and log it; `-m` sweeps factors into one study.

python src/train.py factor=shuffle replicates=16
python src/train.py study=digits
"""

import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from seedscope.commands import overrides as commandline
from seedscope.study import settings
from seedscope.study.plan import plan_runs
from seedscope.training import engines
from seedscope.training.launch import launchers

CONF = str(Path(__file__).parents[1] / "conf")
trained: list[tuple[Any, str]] = []  # where, and the study runs touched
mistakes: list[str] = []  # what kept a job from training


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
def main(config: DictConfig) -> None:
    """Run one job; a job of a sweep that fails does not stop the others."""
    try:
        train(config)
    except (ValueError, RuntimeError) as error:
        mistakes.append(str(error))


def train(config: DictConfig) -> None:
    """Train one factor: the runs that the study does not hold yet."""
    hydra_config = HydraConfig.get()
    swept = commandline.swept(hydra_config)
    preset = hydra_config.runtime.choices.get("study")
    name = commandline.study_name(config, swept, preset)
    study = settings.read(config, name, swept)
    if study.factor.fresh_process:  # how far apart repeats end is the question
        study.engine.keep_weights = "epochs"
    engines.check(study.engine.name)
    launchers.check(study.launcher.name)
    runs = plan_runs(study)

    # From here on it takes seconds: nothing above imports MLflow or TensorFlow.
    from seedscope.training import choice

    if not study.factor.fresh_process:
        launchers.load(study.launcher.name).warm(runs[0].settings.runtime, study.engine)
    from seedscope.commands.progress import show
    from seedscope.store.log import open_study
    from seedscope.store.store import connect

    with (
        open_study(connect(study.tracking), study, runs) as log,
        show(study, len(runs), len(log.missing)) as progress,
    ):
        engine = choice.choose(study.engine, runs, progress.note)
        groups = launchers.train(
            log.missing,
            engine,
            study.launcher,
            study.factor.fresh_process,
            progress.note,
        )
        try:
            for traces in groups:
                log.add(traces)
                progress.advance(traces)
        finally:
            if log.stored:
                trained.append((study.tracking, log.study_id))


def compare() -> None:
    """Compare what was trained, also where a later job of the sweep failed."""
    if trained:
        from compare import compare_study

        done = {study_id: tracking for tracking, study_id in trained}
        for study_id, tracking in done.items():
            compare_study(tracking, study_id)


if __name__ == "__main__":
    with commandline.told_in_one_line(mistakes):
        sys.argv[1:] = commandline.overrides(sys.argv[1:])
        try:
            main()
        finally:
            compare()
