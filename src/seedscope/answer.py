"""Answer a question: find the runs, compare them, show and store the result."""

import tempfile
from pathlib import Path
from urllib.parse import unquote, urlparse

from rich.console import Console
from rich.markup import escape

from seedscope.comparison.compare import compare
from seedscope.comparison.results import Comparison
from seedscope.question import Question
from seedscope.report import files, metrics, note, terminal
from seedscope.tracking.read import read_any, read_study
from seedscope.tracking.results import log_comparison
from seedscope.tracking.store import Store, connect


def answer(question: Question) -> None:
    """Compare what `question` names; print, write and log what comes out.

    Raises:
        ValueError: something that is named does not exist, or cannot be written.
    """
    console = Console()
    if question.experiment is not None:
        question.tracking.experiment = question.experiment
    store = connect(question.tracking, create=False)
    if question.experiment is not None:
        runs = read_any(store, question.filter, question.group_by)
    else:
        runs = read_study(store, question.study)
    comparison = compare(runs, question.metrics, question.level)
    terminal.show(comparison, console)
    if question.output:
        files.write(comparison, Path(question.output))
        _say(console, f"Tables, figures and the page are in {question.output}")
    if runs.study_id:
        _store(comparison, store, console)


def _store(comparison: Comparison, store: Store, console: Console) -> None:
    """Log a comparison to its study and say where to look next."""
    with tempfile.TemporaryDirectory() as folder:
        files.write(comparison, Path(folder))
        place = log_comparison(
            store,
            comparison.runs.study_id,
            metrics.of_comparison(comparison),
            note.markdown(comparison),
            Path(folder),
        )
    address = urlparse(place)
    if address.scheme in ("", "file"):
        place = unquote(address.path)
    console.print()
    _say(console, f"The page:   {place}/page.html")
    if store.uri.startswith("http"):
        _say(console, f"All runs:   {store.uri} (experiment {store.experiment.name})")
    else:
        _say(console, f"All runs:   mlflow ui --backend-store-uri {store.uri}")


def _say(console: Console, text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
