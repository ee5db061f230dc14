"""The page in a real browser: quiet, alone, accessible, narrow, sortable, printable."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_comparison import designed, normal, runs_of

from seedscope.analysis.compare import compare
from seedscope.report import files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"
)
ARMS = ("none", "init", "shuffle", "dropout", "split", "all")
HOSTILE = "</td><script>alert(1)</script><img src=http://evil.example/x onerror=y>"
RUNS, EPOCHS, STEPS = 10, 10, 40
LOCAL = "http://127.0.0.1:5000"
VIEWER = "http://mlflow.test/"


def traces(folder, ids, rng):
    """Write curves as large as those of the default study."""
    for name, counter, count in (
        ("epoch", "epoch", EPOCHS),
        ("batch", "step", EPOCHS * STEPS),
    ):
        (folder / name).mkdir(parents=True)
        steps = np.tile(np.arange(1, count + 1, dtype=np.uint32), len(ids))
        values = 1 / (1 + steps / count) + 0.01 * rng.normal(size=len(steps))
        score = "val/accuracy" if name == "epoch" else "batch/loss"
        rows = {"run_id": np.repeat(ids, count), counter: steps, score: values}
        pl.DataFrame(rows).write_parquet(folder / name / "part.parquet")
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the address of a page of each kind."""
    made, rng = tmp_path_factory.mktemp("pages"), np.random.default_rng(1)
    scores = {arm: 0.9 + 0.01 * rng.normal(size=RUNS) for arm in ARMS[1:]}
    default = runs_of(
        {"none": np.full(RUNS, 0.9)} | scores,
        traces=traces(made / "traces", [str(i) for i in range(len(ARMS) * RUNS)], rng),
        study_id="5" * 32,
    )
    sources = designed(
        "blocks",
        lambda seeds: 3 * normal(seeds["init"]) + normal(seeds["shuffle"]),
        *("factor.vary=[init,shuffle]", "replicates=12", "design.levels=4"),
    )
    found = {
        "default": default,
        "attribution": sources,
        "one": runs_of({HOSTILE: [0.1, 0.2, 0.4]}, remarks=(HOSTILE,)),
    }
    for name, runs in found.items():
        files.write(compare(runs, [], 0.95), made / name, LOCAL)
    return {name: f"file://{made / name}/page.html" for name in found}


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        found = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], chromium_sandbox=False
        )
        yield found
        found.close()


@pytest.fixture
def visit(browser):
    """Return a function that opens a page, and fails if it says or asks anything."""
    contexts, said = [], []

    def opened(address):
        screen = {"width": 1440, "height": 900}
        context = browser.new_context(viewport=screen, color_scheme="light")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda r: said.append(r.url) if r.url != address else None)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


@pytest.mark.parametrize("kind", ["default", "attribution", "one"])
def test_a_page_is_quiet_accessible_and_fits_a_phone(pages, visit, kind):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(pages[kind])
    open_all(page)
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, {"exclude": [["svg > *"]]}, rules)  # an image has one
        assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_the_first_screen_holds_question_answer_figure_and_table(pages, visit):
    page = visit(pages["default"])
    for selector in ("h1", ".answer", ".first svg", ".first table", ".next"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= 900, selector
    svg = page.locator(".first svg")
    assert svg.locator("text", has_text="shuffle (n = 10)").count() == 1
    assert svg.get_attribute("aria-label").startswith("spreads of test/accuracy")
    told = svg.locator("title").all_text_contents()
    assert any(text.startswith("shuffle: sd") for text in told)
    first = visit(pages["attribution"]).locator(".first")
    assert first.locator("svg text", has_text="Where the variance").count() == 1
    assert {"init", "shuffle"} <= set(first.locator("td:first-child").all_inner_texts())


def test_a_mouse_over_a_curve_is_told_its_numbers(pages, visit):
    page = visit(pages["default"])
    strip = page.locator("g:has(> title:text-matches('^init, epoch 5: mean'))")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    told = page.evaluate(
        "at => document.elementFromPoint(...at).parentNode.firstChild.textContent",
        middle,
    )
    assert told.startswith("init, epoch 5: mean")


def test_a_click_on_a_head_sorts_the_table(pages, visit):
    page = visit(pages["default"])
    table = page.locator(".first table")
    column = [text.strip() for text in table.locator("th").all_inner_texts()]
    place = column.index("sd over runs")

    def names():
        return table.locator("td:first-child").all_inner_texts()

    def values():
        cells = table.locator(f"td:nth-child({place + 1})").all_inner_texts()
        return [float(cell.strip("≈").split()[0]) for cell in cells]

    button = table.locator("th button").nth(place)
    button.click()
    assert values() == sorted(values(), reverse=True)
    assert table.locator("th").nth(place).get_attribute("aria-sort") == "descending"
    button.click()
    assert values() == sorted(values())
    assert names()[0] == "none"
    button.click()
    assert names() == list(ARMS)


def test_paper_shows_what_is_folded(pages, visit):
    page = visit(pages["default"])
    assert page.locator("details:not([open])").count() > 3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_a_default_study_is_small_and_links_to_its_runs_and_tables(pages, visit):
    assert Path(pages["default"].removeprefix("file://")).stat().st_size < 1_000_000
    page = visit(pages["default"])
    links = page.evaluate("[...document.querySelectorAll('a')].map(a => a.href)")
    assert f"{LOCAL}/#/runs/{'5' * 32}" in links
    assert f"{LOCAL}/#/runs/59" in links
    assert any(link.endswith("/default/tables/runs.csv") for link in links)
    assert not page.locator("#viewer").is_visible()


def test_the_viewer_of_mlflow_gives_it_a_server_and_its_own_dark_theme(pages, browser):
    text = Path(pages["default"].removeprefix("file://")).read_text(encoding="utf-8")
    context = browser.new_context(color_scheme="null")
    page = context.new_page()
    page.route(f"{VIEWER}**", lambda route: route.fulfill(body="<body>"))
    page.goto(VIEWER)
    page.evaluate(
        """text => {
          document.body.style.colorScheme = "dark";
          const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts";
          frame.src = URL.createObjectURL(new Blob([text], {type: "text/html"}));
          document.body.append(frame);
        }""",
        text,
    )
    inside = page.frame_locator("iframe")
    inside.locator("#viewer").wait_for()
    study = inside.locator("header a[data-run]")
    assert study.get_attribute("href") == f"{VIEWER}#/runs/{'5' * 32}"
    table = inside.locator("a[data-file]").last.get_attribute("href")
    assert table == (
        f"{VIEWER}get-artifact?path=comparison%2Ftables%2Fruns.csv&run_uuid={'5' * 32}"
    )
    paper = inside.locator("body").evaluate("b => getComputedStyle(b).backgroundColor")
    assert paper == "rgb(17, 23, 28)"
    context.close()
