"""Retake the pictures of docs/: a study's page, its first figure, MLflow's views.

python docs/screenshots.py sqlite:///mlflow.db STUDY            its name, its run's id,
python docs/screenshots.py sqlite:///mlflow.db latest screens   or `latest`

The second draws nothing: it writes what the terminal shows, docs/screens.md, alone.
Trains nothing: the study was trained and compared before. Debian's `chromium` draws.
"""

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

DOCS = Path(__file__).parent
DESK, PHONE = (1440, 900), (390, 844)  # pixels
WIDTHS = (80, 120)  # columns of a terminal
TALL = 1250  # of the study's run: its note holds a figure and tables
VIEW = "workflowType=machine_learning"  # of a fresh browser: that of training
COLUMNS = (
    *("params.`arm`", "metrics.`test/accuracy`", "metrics.`test/loss`"),
    *("params.`seed.init`", "params.`seed.shuffle`", "params.`seed.split`"),
)
SHOWN = "(batch|val)/"  # of the charts: what runs hold, not what the study holds
BY_ARM = {
    "aggregateFunction": "average",
    "groupByKeys": [{"mode": "param", "groupByData": "arm"}],
}
CHARTS = ".js-plotly-plot .main-svg"
PATIENCE = 120_000  # milliseconds
QUIET = {  # of the browser: what MLflow would open by itself
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "_mlflow_dark_mode_toggle_enabled": "false",
}


SCREENS = """# In the terminal

What a comparison prints, at {widths} columns. Below the tables stands the answer, and
below that the next command and what was run. The next command and the addresses are
meant to be copied: they are never broken.
`python docs/screenshots.py STORE {wanted} screens` writes this page; the store's place
is written as `mlflow.db` and `mlartifacts`.
"""


def main(uri: str, wanted: str, only: str = "") -> None:
    client = MlflowClient(uri)
    study = find_study(client, wanted)
    write_screens(uri, wanted)
    if only == "screens":
        return
    with tempfile.TemporaryDirectory() as folder, server(uri) as address:
        found = client.download_artifacts(study.info.run_id, "comparison", folder)
        shutil.copyfile(f"{found}/figures/spreads.png", DOCS / "spreads.png")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox"]
            )
            take_page(browser, f"file://{found}/page.html")
            take_mlflow(browser, address, study)
            browser.close()


def write_screens(uri: str, wanted: str) -> None:
    """Write docs/screens.md: what a comparison prints at each width."""
    widths = " and ".join(map(str, WIDTHS))
    parts = [SCREENS.format(widths=widths, wanted=wanted)]
    for width in WIDTHS:
        done = subprocess.run(
            [sys.executable, "src/compare.py", f"study={wanted}"],
            cwd=DOCS.parent,
            env={**os.environ, "COLUMNS": str(width), "MLFLOW_TRACKING_URI": uri},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        shown = without_places(done.stdout)
        command = f"COLUMNS={width} python src/compare.py study={wanted}"
        parts.append(f"## {width} columns\n\n```sh\n{command}\n```\n")
        parts.append(f"```text\n{shown}\n```\n")
    path = DOCS / "screens.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def without_places(printed: str) -> str:
    """Return what was printed as of a store in the project's own folder."""
    text = re.sub(r"sqlite:/+\S+?\.db\b", "sqlite:///mlflow.db", printed)
    text = re.sub(r"/\S*/(\w+/artifacts/)", r"mlartifacts/\1", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def chromium() -> str:
    for name in ("chromium", "chromium-browser"):
        if found := shutil.which(name):
            return found
    sys.exit("error: no chromium here: apt-get install chromium")


def find_study(client: MlflowClient, wanted: str) -> Run:
    experiments = client.search_experiments(view_type=ViewType.ACTIVE_ONLY)
    studies = client.search_runs(
        [e.experiment_id for e in experiments], "tags.`seedscope.role` = 'study'"
    )
    for run in studies:
        if wanted in (run.info.run_id, run.info.run_name, "latest"):
            return run  # the newest comes first
    names = ", ".join(run.info.run_name for run in studies)
    sys.exit(f"error: the store has no study {wanted!r}; it has {names or 'none'}")


@contextmanager
def server(uri: str) -> Iterator[str]:
    """Serve a store on a free port, and end what serves it."""
    if uri.startswith("http"):
        yield uri.rstrip("/")
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--backend-store-uri", uri, "--port", str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, process)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(PATIENCE // 500):
        if process.poll() is not None:
            sys.exit("error: mlflow's server ended by itself")
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    sys.exit(f"error: {address} does not answer")


def take_page(browser: Browser, address: str) -> None:
    for name, size, scheme in (
        ("page", DESK, "light"),
        ("page_dark", DESK, "dark"),
        ("page_phone", PHONE, "light"),
    ):
        page = opened(browser, size, scheme)
        page.goto(address)
        keep(page, name)


def take_mlflow(browser: Browser, address: str, study: Run) -> None:
    experiment, study_id = study.info.experiment_id, study.info.run_id
    place = f"{address}/#/experiments/{experiment}/runs"
    page = opened(browser, DESK, "light")
    page.add_init_script(
        f"for (const [k, v] of Object.entries({json.dumps(QUIET)}))"
        " { try { localStorage.setItem(k, v) } catch {} }"
    )
    page.goto(f"{place}/{study_id}?{VIEW}")
    page.get_by_text("About this run").wait_for(timeout=PATIENCE)
    if (more := page.get_by_text("Show more", exact=True)).count():
        more.first.click()
    page.set_viewport_size({"width": DESK[0], "height": TALL})
    settle(page)
    keep(page, "mlflow_study", close=False)
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})

    of_study = f"tags.%60mlflow.parentRunId%60%20%3D%20%27{study_id}%27"
    listed = f"{place}?{VIEW}&searchFilter={of_study}"
    listed += "&orderByKey=attributes.start_time&orderByAsc=false"
    row = page.get_by_role("link", name=study.info.run_name).first
    go(page, listed)
    row.wait_for(timeout=PATIENCE)
    state = {"selectedColumns": COLUMNS, "runsExpanded": {study_id: True}}
    arrange(page, experiment, state)
    go(page, listed)
    row.wait_for(timeout=PATIENCE)
    settle(page)
    keep(page, "mlflow_runs", close=False)

    arrange(page, experiment, {"groupBy": BY_ARM, "runListHidden": True})
    go(page, f"{listed}&compareRunsMode=CHART")
    search = page.get_by_placeholder("Search metric charts")
    search.fill(SHOWN, timeout=PATIENCE)
    search.blur()
    page.locator(CHARTS).first.wait_for(timeout=PATIENCE)
    settle(page)
    keep(page, "mlflow_charts")


def go(page: Page, address: str) -> None:
    """Open an address that differs behind its # only: the page is made anew."""
    page.goto("about:blank")
    page.goto(address)


def arrange(page: Page, experiment: str, state: dict) -> None:
    """Set what MLflow's list of runs keeps in the browser, as a user would click it."""
    page.evaluate(
        """([experiment, wanted]) => {
          const whose = `ExperimentPage-["${experiment}"]-ReactComponentState`;
          const key = Object.keys(localStorage).find(k => k.endsWith(whose));
          if (!key) throw new Error("MLflow keeps no view of its runs; see arrange()");
          const state = {...JSON.parse(localStorage.getItem(key)), ...wanted};
          localStorage.setItem(key, JSON.stringify(state));
        }""",
        [experiment, state],
    )


def settle(page: Page) -> None:
    """Wait until nothing on the screen moves any more."""
    before = b""
    for _ in range(30):
        page.wait_for_timeout(1500)
        now = page.screenshot(animations="disabled")
        if now == before:
            return
        before = now


def opened(browser: Browser, size: tuple[int, int], scheme: str) -> Page:
    width, height = size
    screen = {"width": width, "height": height}
    return browser.new_context(viewport=screen, color_scheme=scheme).new_page()


def keep(page: Page, name: str, close: bool = True) -> None:
    """Write what is on the screen, in 256 colours."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    path = DOCS / f"{name}.png"
    small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    if close:
        page.context.close()


if __name__ == "__main__":
    if len(sys.argv[1:]) < 2 or sys.argv[3:] not in ([], ["screens"]):
        sys.exit(__doc__)
    main(*sys.argv[1:])
