"""Compare runs: statistics in the terminal, in MLflow and on a page.

python src/compare.py study=latest
python src/compare.py a=init b=shuffle
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from omegaconf import DictConfig

from seedscope.commands import overrides as commandline
from seedscope.runs import question
from seedscope.study.words import Tracking

CONF = str(Path(__file__).resolve().parents[1] / "conf")
FREE_TEXT = (
    *("name", "experiment", "filter", "table", "a", "b", "output"),
    *("at", "step", "tasks", "separator", "decimal", "sheet"),
)
mistakes: list[str] = []  # Hydra would print a traceback


@hydra.main(version_base="1.3", config_path=CONF, config_name="compare")
def main(config: DictConfig) -> None:
    """Answer one question; a mistake in it stops here, before MLflow is imported."""
    try:
        _answer(question.read(config))
    except (ValueError, RuntimeError) as error:
        mistakes.append(str(error))


def compare_study(tracking: Tracking, study_id: str) -> None:
    """Compare a study that was trained just now, with the defaults of conf/."""
    with hydra.initialize_config_dir(CONF, version_base="1.3"):
        asked = question.read(hydra.compose("compare"))
    asked.tracking, asked.name = tracking, study_id
    _answer(asked)


def _answer(asked: question.Question) -> None:
    from seedscope.commands import answer, verdicts

    folder = Path(CONF, "claim")
    if asked.claims:
        verdicts.answer_claims(asked, folder, preset_study)
    else:
        runs = answer.answer(asked)
        if runs is not None and runs.study_id:
            verdicts.answer_study(asked, runs, folder, preset_study)


def preset_study(preset: str) -> str:
    """Return the name of the study that a preset of conf/study/ makes."""
    return commandline.preset_name(CONF, preset)


def typed(overrides: Sequence[str]) -> list[str]:
    """Return overrides as Hydra takes them.

    `study` is a group of presets in conf/, so `study=...` becomes `name=...`; values
    that are free text (paths, filters) are quoted.
    """
    result = []
    for word in overrides:
        key, equals, value = word.partition("=")
        key = "name" if key == "study" else key
        if key == "claims" and not value.startswith("["):
            value = f"[{value}]"
        if equals and key in FREE_TEXT and not re.match(r"null$|['\"\[{$]", value):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            value = f"'{escaped}'"
        result.append(f"{key}{equals}{value}")
    return result


if __name__ == "__main__":
    with commandline.told_in_one_line(mistakes):
        sys.argv[1:] = typed(commandline.overrides(sys.argv[1:]))
        main()
