"""Answer a question: find the runs, compare them, show and store the result."""

import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

from rich.console import Console
from rich.markup import escape

from seedscope.analysis import gate, many
from seedscope.analysis.compare import compare
from seedscope.analysis.results import Comparison
from seedscope.analysis.two_groups import compare_groups
from seedscope.commands.typed import as_typed
from seedscope.report import against, files, metrics, note, terminal
from seedscope.report import many as report_many
from seedscope.report.answer import of_comparison, of_many
from seedscope.report.gate import line as gate_line
from seedscope.report.harmless import console as harmless_console
from seedscope.report.harmless import for_spreadsheets
from seedscope.runs import condition, readers
from seedscope.runs.find import find_group
from seedscope.runs.question import Question
from seedscope.runs.table import Runs
from seedscope.store import links
from seedscope.store.results import FOLDER, log_against, log_comparison
from seedscope.store.store import Store, connect


def answer(
    question: Question, beside: Callable[[Runs], None] = lambda runs: None
) -> Runs | None:
    """Compare what `question` names; print, write and log what comes out.

    Args:
        question: what is asked.
        beside: prints what else these runs decide, before the answer.

    Returns:
        The runs whose arms were compared; none where A was compared with B.

    Raises:
        ValueError: something that is named does not exist, or cannot be written.
    """
    console = harmless_console()
    store = None
    if question.table is None:
        tracking = question.tracking
        if question.experiment is not None:
            tracking = replace(tracking, experiment=question.experiment)
        store = connect(tracking, create=False)
    if question.a is not None:
        _two_groups(question, store, console)
        return None
    return _arms(question, store, console, beside)


def _arms(
    question: Question,
    store: Store | None,
    console: Console,
    beside: Callable[[Runs], None],
) -> Runs:
    runs = readers.read(question)
    if runs.study_id is None:
        runs = replace(runs, command=as_typed("compare", sys.argv[1:]))
    if many.too_many(runs):
        beside(runs)
        _many(question, runs, console)
        if question.fail_if is not None:
            asked, named = gate.narrowed(condition.parse(question.fail_if), runs)
            few = compare(named, question.metrics, question.level)
            _end(gate.judge(asked, few), console)
        return runs
    comparison = compare(runs, question.metrics, question.level, question.target)
    terminal.show_tables(comparison, console, question.details)
    try:  # the answer comes last, and comes where the store takes no more
        if question.output:
            server = links.server(store) if store is not None else None
            _write(comparison, Path(question.output), server)
            _say(console, f"Tables, figures and the page are in {question.output}")
        if runs.study_id and store is not None:
            _log(comparison, runs.study_id, store, console)
        beside(runs)
    finally:
        terminal.show_answer(of_comparison(comparison), console)
    if question.fail_if is not None:
        _end(gate.judge(condition.parse(question.fail_if), comparison), console)
    return runs


def _many(question: Question, runs: Runs, console: Console) -> None:
    found = many.summarize(runs, question.metrics, question.level, question.target)
    report_many.show(found, console)
    terminal.show_answer(of_many(found), console)
    if question.output:
        _make(Path(question.output))
        report_many.write(found, Path(question.output))
        _say(console, f"Every arm's numbers are in {question.output}")


def _end(found: gate.Gate, console: Console) -> None:
    """Say what became of a condition; end with its exit status unless it holds."""
    _say(console, gate_line(found))
    if status := gate.EXIT[found.outcome]:
        sys.exit(status)


def _two_groups(question: Question, store: Store | None, console: Console) -> None:
    names = (question.a or "", question.b or "")
    a, b = (find_group(name, question, store) for name in names)
    for line in dict.fromkeys(group.assumed for group in (a, b) if group.assumed):
        _say(console, line)
    wanted = tuple(question.metrics)
    typed = as_typed("compare", sys.argv[1:])
    a, b = (replace(group, command=typed) for group in (a, b))
    found = compare_groups(a, b, wanted, question.level, question.difference)
    against.show(found, console)
    name = re.sub(r"[^\w.\-]+", "_", f"{a.title}_against_{b.title}")
    text = against.markdown(found)
    if question.output:
        folder = Path(question.output)
        _make(folder)
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        for_spreadsheets(against.frame(found)).write_csv(folder / f"{name}.csv")
        _say(console, f"The same as Markdown and CSV is in {folder}/{name}.*")
    if store is not None and a.study_id and a.study_id == b.study_id:
        place = log_against(store, a.study_id, name, text)
        _say(console, f"Kept with the study: {_readable(place)}")


def _log(comparison: Comparison, study_id: str, store: Store, console: Console) -> None:
    """Log a comparison to its study and say where to look next."""
    with tempfile.TemporaryDirectory() as folder:
        files.write(comparison, Path(folder), links.server(store))
        place = log_comparison(
            store,
            study_id,
            metrics.of_comparison(comparison),
            note.markdown(comparison, _figure(comparison, study_id, Path(folder))),
            Path(folder),
        )
    console.print()
    _say(console, f"The page:  {_readable(place)}/page.html")
    if (start := links.start_command(store)) is not None:
        _say(console, f"MLflow:    {start}")
    for what, address in links.links(store, study_id, comparison.title):
        _say(console, f"  {what:<8} {address}")


def _figure(comparison: Comparison, study_id: str, folder: Path) -> str:
    """Return the address of the figure that the study asks for, else of the first."""
    drawn = {path.stem for path in folder.glob("figures/*.png")}
    wanted = (comparison.runs.figure, "spreads", *sorted(drawn))
    name = next((name for name in wanted if name in drawn), None)
    if name is None:
        return ""
    return links.picture(study_id, f"{FOLDER}/figures/{name}.png")


def _write(comparison: Comparison, folder: Path, server: str | None) -> None:
    _make(folder)
    try:
        files.write(comparison, folder, server)
    except OSError as error:
        raise ValueError(f"output={folder} cannot be written to: {error}") from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"output={folder} cannot be made: {error}") from error


def _readable(place: str) -> str:
    """Return a local artifact's path, or the URI of one that is elsewhere."""
    address = urlparse(place)
    return unquote(address.path) if address.scheme in ("", "file") else place


def _say(console: Console, text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
