"""Answer claims: judge them by the studies of the store, show and log the verdicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from seedscope.claims.claim import Claim, read_claims
from seedscope.claims.judge import judge, missing_studies
from seedscope.claims.verdict import Verdict
from seedscope.report import claims as report
from seedscope.report.harmless import console as harmless_console
from seedscope.report.harmless import for_spreadsheets
from seedscope.runs.question import Question
from seedscope.runs.table import Runs
from seedscope.store import hardware
from seedscope.store.claims import log_claims, log_claims_of_study
from seedscope.store.read import is_study, read_study
from seedscope.store.store import connect
from seedscope.study.places import home

NameOf = Callable[[str], str]  # preset -> the name of its study


def answer_claims(question: Question, folder: Path, name_of: NameOf) -> None:
    """Judge the claims that `question` names; print, write and log the verdicts.

    Raises:
        ValueError: there is no such claim, or the output cannot be written.
    """
    console = harmless_console()
    claims = read_claims(folder, question.claims)
    store = connect(question.tracking, create=False)
    held: dict[str, Runs | None] = {}

    def study_of(preset: str) -> Runs | None:
        if preset not in held:
            name = name_of(preset)
            held[preset] = read_study(store, name) if is_study(store, name) else None
        return held[preset]

    verdicts = judge(claims, study_of, question.level)
    _show(verdicts, console, "Claims")
    header, experiment = _header(held), store.experiment.experiment_id
    text = f"{header}\n\n{report.markdown(verdicts, question.level)}\n"
    linked = f"{header}\n\n{report.markdown(verdicts, question.level, experiment)}\n"
    numbers = for_spreadsheets(report.frame(verdicts)).write_csv()
    if question.output:
        _write(Path(question.output), text, numbers, console)
    place = log_claims(store, linked, numbers)
    _say(console, f"Kept in MLflow: {place}")


def answer_study(question: Question, runs: Runs, folder: Path, name_of: NameOf) -> None:
    """Print and log the verdicts on the claims that one study decides."""
    base = runs.base or runs.title
    preset = base.rpartition("-")[0]
    claims = [_of_study(claim, preset) for claim in read_claims(folder, ["all"])]
    claims = [claim for claim in claims if claim.cases]
    if not claims or name_of(preset) != base:
        return
    console = harmless_console()
    verdicts = judge(claims, lambda _: runs, question.level)
    _show(verdicts, console, "Claims, as far as this study decides them")
    store = connect(question.tracking, create=False)
    text = report.markdown(verdicts, question.level)
    if runs.study_id is not None:
        log_claims_of_study(store, runs.study_id, text)


def _of_study(claim: Claim, preset: str) -> Claim:
    cases = tuple(case for case in claim.cases if case.study == preset)
    return replace(claim, cases=cases)


def _show(verdicts: Sequence[Verdict], console: Console, title: str) -> None:
    console.print()
    console.print(report.terminal(verdicts, title))
    for line in report.lines(verdicts):
        _say(console, line)
    for preset in missing_studies(verdicts):
        _say(console, f"To measure what is missing: python src/train.py study={preset}")


def _header(held: Mapping[str, Runs | None]) -> str:
    """Say when, with what and on what the verdicts were measured."""
    tables = [runs.table for runs in held.values() if runs is not None]
    machines = sorted({m for table in tables for m in table["machine"].unique()})
    versions = sorted({v for table in tables for v in table["versions"].unique()})
    commit = hardware.code(home()).get("mlflow.source.git.commit", "unknown")[:12]
    count = sum(len(table) for table in tables)
    return (
        "# Claims about the randomness of training, and what was measured\n\n"
        f"Made by `python src/compare.py claims=all output=docs` on "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, from {count} runs of "
        f"{len(tables)} studies (TensorFlow, Keras, Python: {', '.join(versions)}; "
        f"{', '.join(machines)}). No verdict is written down in advance: "
        "`conf/claim/` holds the statistics, the margins and what each claim expects."
    )


def _write(folder: Path, text: str, numbers: str, console: Console) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "claims.md").write_text(text, encoding="utf-8")
        (folder / "claims.csv").write_text(numbers, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"output={folder} cannot be written to: {error}") from error
    _say(console, f"Written: {folder}/claims.md and claims.csv")


def _say(console: Console, text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
