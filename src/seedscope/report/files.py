"""Write a comparison as files: tables with all digits, figures, the page."""

from pathlib import Path

from seedscope.analysis.curves import held_runs
from seedscope.analysis.results import Comparison
from seedscope.report import asked, page, tables
from seedscope.report.harmless import for_spreadsheets
from seedscope.report.plots.draw import draw, render
from seedscope.trace.curves import curve_moments


def write(comparison: Comparison, folder: Path, server: str | None = None) -> None:
    """Fill a folder with everything that a comparison is stored as.

    Args:
        comparison: what is written.
        folder: it exists.
        server: the MLflow that shows the runs, for links to them.
    """
    data = folder / "tables"
    data.mkdir(parents=True, exist_ok=True)
    statistics = tables.frame(comparison)
    for_spreadsheets(statistics).write_csv(data / "statistics.csv")
    statistics.write_parquet(data / "statistics.parquet")
    components = asked.components(comparison)
    if len(components):
        for_spreadsheets(components).write_csv(data / "components.csv")
    runs = comparison.runs
    for_spreadsheets(runs.table).write_csv(data / "runs.csv")
    runs.table.write_parquet(data / "runs.parquet")
    curves = curve_moments(runs.traces, held_runs(runs))
    if curves is not None:
        curves.write_parquet(data / "batch_curves.parquet")
    pictures = folder / "figures"
    pictures.mkdir(exist_ok=True)
    vectors = {}
    for name, figure in draw(comparison).items():
        png, vectors[name] = render(figure)
        (pictures / f"{name}.png").write_bytes(png)
        (pictures / f"{name}.svg").write_text(vectors[name], encoding="utf-8")
    text = page.html(comparison, vectors, server)
    (folder / "page.html").write_text(text, encoding="utf-8")
