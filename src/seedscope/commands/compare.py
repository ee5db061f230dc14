"""Compare runs: statistics in the terminal, in MLflow and on a page."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import hydra
import numpy as np
from omegaconf import DictConfig

from seedscope.commands import usage
from seedscope.commands.overrides import (
    composed,
    overrides,
    preset_name,
    quoted,
    told_in_one_line,
    users_folder_first,
)
from seedscope.runs import question
from seedscope.runs.table import Runs
from seedscope.study import places
from seedscope.study.words import Tracking

FREE_TEXT = (
    *("name", "experiment", "filter", "table", "a", "b", "output"),
    *("at", "step", "tasks", "separator", "decimal", "sheet", "fail_if"),
    *("example", "label", "truth", "predictions"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        arguments: words of the command line; none: those of this process.
    """
    with told_in_one_line():
        given = sys.argv[1:] if arguments is None else arguments
        words = typed(users_folder_first(overrides(given)))
        if set(usage.ASKING) & set(words):
            print(usage.of_compare(places.conf()))
            return
        before = sys.argv
        sys.argv = [before[0], *words]
        try:
            job()
        except SystemExit as stop:
            gated = any(word.startswith("fail_if=") for word in words)
            if gated and isinstance(stop.code, str):  # a mistake is no failed gate
                print(stop.code, file=sys.stderr)
                sys.exit(2)
            raise
        finally:
            sys.argv = before


@hydra.main(version_base="1.3", config_path=str(places.conf()), config_name="compare")
def job(config: DictConfig) -> None:
    """Answer one question; a mistake in it stops here, before MLflow is imported."""
    with told_in_one_line():
        answer_question(question.read(config))


def compare_sweep(tracking: Tracking, sweep: str, command: str) -> None:
    """Compare the studies that the jobs of one sweep trained, if any.

    Args:
        tracking: where they are.
        sweep: its id.
        command: that trained it, which is kept with them.
    """
    from seedscope.store.about import keep_command
    from seedscope.store.read import studies_of_sweep
    from seedscope.store.store import connect, exists

    if exists(tracking):
        store = connect(tracking, create=False)
        for study_id in studies_of_sweep(store, sweep):
            keep_command(store, study_id, command)
            compare_study(tracking, study_id)


def compare_study(tracking: Tracking, study_id: str) -> None:
    """Compare a study that was trained just now, with the defaults of conf/."""
    asked = question.read(composed("compare", []))
    answer_question(replace(asked, tracking=tracking, name=study_id))


def spread_of(tracking: Tracking, study_id: str, arms: Sequence[str]) -> float:
    """Return the widest spread (sd) of the leading score over the runs of some arms.

    NaN where no arm has two runs that did not diverge.
    """
    from seedscope.analysis.arms import scores_of
    from seedscope.analysis.compare import choose
    from seedscope.store.read import read_study
    from seedscope.store.store import connect

    runs = read_study(connect(tracking, create=False), study_id)
    lead = choose(runs, ())[0]
    tables = runs.arms()
    held = [scores_of(tables[arm], lead)[0] for arm in arms if arm in tables]
    return max((float(np.std(s, ddof=1)) for s in held if len(s) > 1), default=np.nan)


def ahead() -> None:
    """Import what compares, while there is something else to wait for."""
    import_module("seedscope.commands.answer")
    import_module("seedscope.commands.verdicts")


def answer_question(asked: question.Question) -> None:
    """Answer a question about claims, or about runs and the claims they decide."""
    from seedscope.commands import answer, verdicts

    folder = Path(places.conf(), "claim")
    if asked.claims:
        verdicts.answer_claims(asked, folder, preset_name)
    else:

        def claims(runs: Runs) -> None:
            if runs.study_id:
                verdicts.answer_study(asked, runs, folder, preset_name)

        answer.answer(asked, claims)


def typed(words: Sequence[str]) -> list[str]:
    """Return overrides as Hydra takes them.

    `study` is a group of presets in conf/, so `study=...` becomes `name=...`; values
    that are free text (paths, filters) are quoted.
    """
    result = []
    for word in words:
        key, equals, value = word.partition("=")
        key = "name" if key == "study" else key
        if key == "claims" and not value.startswith("["):
            value = f"[{value}]"
        if equals and key in FREE_TEXT:
            value = quoted(value)
        result.append(f"{key}{equals}{value}")
    return result
