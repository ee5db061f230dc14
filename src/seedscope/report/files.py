"""Write a comparison as files: tables with all digits, figures, the page."""

from pathlib import Path

from seedscope.comparison.results import Comparison
from seedscope.report import page, plots, tables


def write(comparison: Comparison, folder: Path) -> None:
    """Fill a folder with everything that a comparison is stored as."""
    data = folder / "tables"
    data.mkdir(parents=True, exist_ok=True)
    statistics = tables.frame(comparison)
    statistics.write_csv(data / "statistics.csv")
    statistics.write_parquet(data / "statistics.parquet")
    runs = comparison.runs.table
    runs.write_csv(data / "runs.csv")
    runs.write_parquet(data / "runs.parquet")
    drawn = plots.draw(comparison)
    pictures = folder / "figures"
    pictures.mkdir(exist_ok=True)
    plots.save(drawn, pictures)
    (folder / "page.html").write_text(page.html(comparison, drawn), encoding="utf-8")
