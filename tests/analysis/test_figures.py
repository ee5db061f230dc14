"""Figures: curves to their ends, text as text, own ids, colours of the page."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest
from test_comparison import runs_of

from seedscope.analysis.compare import compare
from seedscope.analysis.results import Curve
from seedscope.report import details, svg
from seedscope.report.plots.curves import where_runs_differ
from seedscope.report.plots.draw import draw, render
from seedscope.report.rounding import Unit

ENDS = (4, 9, 12, 12)  # epochs that each run trained


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Return the comparison of runs that stopped early, one of them at epoch 4."""
    folder = tmp_path_factory.mktemp("traces")
    (folder / "epoch").mkdir()
    rows = [
        {"run_id": str(run), "epoch": epoch, "val/accuracy": 1 - 0.9**epoch + run / 100}
        for run, end in enumerate(ENDS)
        for epoch in range(1, end + 1)
    ]
    table = pl.DataFrame(rows).with_columns(pl.col("epoch").cast(pl.UInt32))
    table.write_parquet(folder / "epoch" / "part.parquet")
    runs = runs_of({"all": [0.5, 0.6, 0.7, 0.72]}, traces=folder)
    return compare(runs, [], 0.95)


def test_a_run_that_goes_on_is_drawn_to_its_end(stopped):
    curve = stopped.curves["all"].curve
    assert curve.steps.tolist() == list(range(1, 13))
    assert np.isfinite(curve.values).sum(axis=1).tolist() == list(ENDS)
    assert (curve.shortest, len(curve.band.mean)) == (4, 4)
    figure = draw(stopped)["curves"]
    (lines,) = figure.axes[0].collections[:1]
    assert [int(path.vertices[-1, 0]) for path in lines.get_paths()] == list(ENDS)
    (legend,) = figure.legends
    assert "the first run ends" in legend.get_title().get_text()
    assert figure.axes[0].get_xticks()[0] == 1


def test_what_is_reached_after_the_first_run_ended_counts(stopped):
    reach = stopped.curves["all"].reach
    assert reach.reached == 2  # of 4: two trained long enough
    assert (reach.first_steps > 4).sum() == 2
    (sheet,) = [s for s in details.sheets(stopped) if s.title == "The way there"]
    assert sheet.rows[0][1].startswith("50 %")


def test_curves_of_every_fifth_epoch_are_curves(tmp_path):
    (tmp_path / "epoch").mkdir()
    epochs = np.tile(np.arange(1, 11, dtype=np.uint32), 2)
    rows = {"run_id": np.repeat(["0", "1"], 10), "epoch": epochs}
    rows["val/accuracy"] = np.where(epochs % 5, np.nan, epochs / 20)
    pl.DataFrame(rows).write_parquet(tmp_path / "epoch" / "part.parquet")
    found = compare(runs_of({"all": [0.5, 0.6]}, traces=tmp_path), [], 0.95)
    curve, reach = found.curves["all"].curve, found.curves["all"].reach
    assert (curve.steps.tolist(), curve.shortest) == ([5, 10], 2)
    assert reach.first_steps.tolist() == [10, 10]


def test_text_is_text_and_a_mouse_tells_the_numbers(stopped):
    _, text = render(draw(stopped)["scores"])
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    said = [e.text for e in root.iter(f"{space}text")]
    assert {"test/accuracy of every run", "all"} <= set(said)
    titles = [e.text for e in root.iter(f"{space}title") if e.text]
    assert "all: 60 %" in titles
    assert any(title.startswith("all: mean 63 % [") for title in titles)


def test_figures_on_one_page_share_no_id_and_take_its_colours(stopped):
    drawn = {name: render(f)[1] for name, f in draw(stopped).items()}
    page = "".join(svg.element(s, name, 'a "b" <c>') for name, s in drawn.items())
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 0
    used = re.findall(r'(?:url\(#|href="#)([^)"]+)', page)
    assert set(used) == set(ids)
    assert 'aria-label="a &#34;b&#34; &lt;c&gt;"' in page
    assert "http" not in page
    assert not re.search("#[0-9a-f]{6}", page)
    assert "max-width: 499px" in page  # as drawn: one arm is not blown up


def test_early_epochs_do_not_flatten_the_axis():
    epochs = np.arange(1, 41)
    curves = [
        Curve("val/loss", epochs, (5 / epochs + run / 50)[None], None, 40)
        for run in range(3)
    ]
    low, high, said = where_runs_differ(curves, Unit(1, "", ""))
    assert (low > 0.0, high < 1) == (True, True)
    assert said == "outside the axis: early epochs, from 5"
    flat = [Curve("val/loss", epochs, np.ones((1, 40)), None, 40)]
    assert where_runs_differ(flat, Unit(1, "", ""))[2] is None
