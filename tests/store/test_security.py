"""A test for each row of the table in docs/security.md; its first column names it."""

import io
import os
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from composing import ROOT, read
from rich.console import Console
from test_log import logged, study, trace, train_all

from seedscope.analysis.compare import compare
from seedscope.report import harmless, metrics, note, page, terminal
from seedscope.report.plots.draw import draw, render
from seedscope.runs.table import Runs
from seedscope.store.log import open_study
from seedscope.store.read import read_study
from seedscope.store.store import connect, quoted, search
from seedscope.study.plan import plan_runs
from seedscope.study.secrets import redacted, without_secrets

ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202e"
HOSTILE = (
    f"{ESCAPE}</td><script>alert(1)</script>",
    "![x](http://evil.example/a.png) [y](javascript:z) <img src=x onerror=y>",
    r"$\frac{1}{0}$ $\undefined$ _under_ a|b `c`",
    "=HYPERLINK(1) '; DROP TABLE rows; --",
)
SECRETS = ("hunter2", "tok3n-tok3n", "s3cr3t-key")


@pytest.fixture(scope="module")
def hostile():
    """Return the comparison of runs whose names are attacks."""
    rng = np.random.default_rng(1)
    rows = [
        {"run_id": f"{arm}-{i}", "arm": arm, "replicate": i, "block": 0}
        | {"diverged": False, "vary": "unknown", "test/accuracy": float(rng.random())}
        for arm in HOSTILE
        for i in range(3)
    ]
    runs = Runs(HOSTILE[0], pl.DataFrame(rows), ("test/accuracy",), remarks=HOSTILE)
    return compare(runs, (), 0.95)


def test_terminal(hostile):
    console = harmless.console()
    console.file = out = io.StringIO()
    terminal.show(hostile, console)
    console.print(HOSTILE[0])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", out.getvalue())
    assert "alert(1)" in out.getvalue()


def test_terminal_still_has_its_own_colours():
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
    console.push_render_hook(harmless._Hook())
    console.print("[red]x[/red]\x1b[2J")
    said = console.file.getvalue()
    assert said.startswith("\x1b[31mx\x1b[0m\ufffd")
    assert "\x1b[2J" not in said


def test_errors():
    from seedscope.commands.overrides import told_in_one_line

    with pytest.raises(SystemExit) as ended, told_in_one_line():
        raise ValueError(f"no column {ESCAPE}x in postgresql://me:hunter2@db/x")
    assert str(ended.value) == (
        "error: no column \ufffd]0;owned\ufffd\ufffd[2J\ufffdx in "
        "postgresql://me:***@db/x"
    )


def test_note(hostile):
    text = note.markdown(hostile)
    assert not re.search(r"(?<!\\)\]\(|(?<!\\)!\[|(?<!\\)<(?=[a-z/])|https?://", text)
    assert ESCAPE[0] not in text
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()]
    assert len({count for count in cells if count}) == 1


def test_page(hostile):
    text = page.html(hostile, {})
    assert text.count("<script") == 1  # its own, the only one that its policy allows
    (policy,) = re.findall(
        r'http-equiv="Content-Security-Policy" content="(.*?)"', text
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy.partition("script-src")[2]
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_figures(hostile):
    drawn = draw(hostile)
    assert drawn
    for figure in drawn.values():
        png, svg = render(figure)  # a formula that is none would raise
        assert png.startswith(b"\x89PNG")
        assert "<script" not in svg


def test_spreadsheets(hostile):
    table = pl.DataFrame(
        {
            "=1+1": ["=cmd|' /C calc'!A0", "+1-1", "-0.5", "@SUM(A1)", "plain", None],
            "n": [-1.0, 2.0, 3.0, -4.0, 5.0, 6.0],
        }
    )
    lines = harmless.for_spreadsheets(table).write_csv().splitlines()
    assert lines[0] == "'=1+1,n"
    assert [line[0] for line in lines[1:6]] == ["'", "'", "-", "'", "p"]
    assert lines[3] == "-0.5,3.0"
    assert lines[4].endswith(",-4.0")


def test_metric_names(hostile):
    assert all(re.fullmatch(r"[\w./ :-]+", n) for n in metrics.of_comparison(hostile))


def test_filter(store):
    assert quoted("it's") == '"it\'s"'
    with pytest.raises(ValueError, match="leave out one kind of quotes"):
        quoted("a' or \"b")
    for name in ("it's", 'say "x"', "a' or 'b' = 'b"):
        made = read("factor=init", "replicates=1", f"name={escaped(name)}")
        runs = plan_runs(made)
        train_all(store, made, runs)
        assert read_study(store, name).title == name
    assert len(search(store, "tags.`seedscope.role` = 'study'")) == 3


def escaped(name):
    return '"' + name.replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:hunter2@db.example:5432/x",
        "mysql+pymysql://me:hunter2@db/x?ssl=1",
        "https://me:hunter2@host/path and more",
        "https://hunter2@host/path",
        "postgresql://db/x?user=me&password=hunter2&sslmode=on",
        "s3://bucket?secret=hunter2",
        "could not connect: 'http://a:hunter2@[::1]:5000/api'",
        "postgresql://me:hun@ter2/hunter2@db/x",
    ],
)
def test_uris(text):
    assert "hunter2" not in redacted(text)
    assert redacted("postgresql://me@db/x http://h:5000/a?b=c") == (
        "postgresql://me@db/x http://h:5000/a?b=c"
    )


def test_settings_named_like_secrets():
    given = {"api_key": "s3cr3t-key", "tokenizer": "bert", "pad_token": "<p>"}
    given |= {"deep": {"db_password": "x", "list": ["http://a:b@c/d", 1]}, "n": 3}
    assert without_secrets(given) == {
        "api_key": "***",
        "tokenizer": "bert",
        "pad_token": "<p>",
        "deep": {"db_password": "***", "list": ["http://a:***@c/d", 1]},
        "n": 3,
    }


def test_secrets(tracking, tmp_path, monkeypatch, store):
    """Nothing that a study leaves holds a secret: database, artifacts, messages."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok3n-tok3n")
    made, runs = study(
        "+data.api_key=s3cr3t-key",
        "+data.source='https://me:hunter2@host/data'",
        "+data.header='Bearer tok3n-tok3n'",
        "tracking.uri='postgresql://me:hunter2@db/x'",
    )
    train_all(store, made, runs)
    found = [file for file in tmp_path.rglob("*") if file.is_file()]
    found.append(Path(tracking.uri.removeprefix("sqlite:///")))
    assert len(found) > 5
    for file in found:
        content = file.read_bytes()
        assert not [secret for secret in SECRETS if secret.encode() in content], file
    assert logged(store)[0].data.params["data.api_key"] == "***"


@pytest.mark.parametrize("what", ["a finished study", "a run", "a foreign run"])
def test_leftover_run_id(store, monkeypatch, what):
    made, runs = study("name=first")
    with open_study(store, made, runs) as log:
        log.add([trace(run) for run in runs])
    foreign = store.client.create_run(store.experiment.experiment_id).info.run_id
    store.client.set_terminated(foreign)
    left = {
        "a finished study": log.study_id,
        "a run": logged(store)[0].info.run_id,
        "a foreign run": foreign,
    }[what]
    before = store.client.get_run(left)
    monkeypatch.setenv("MLFLOW_RUN_ID", left)
    other, others = study("name=second")
    train_all(store, other, others)
    after = store.client.get_run(left)
    assert after.data.tags == before.data.tags
    assert after.info.status == before.info.status
    assert read_study(store, "first").table.height == 3
    assert read_study(store, "second").study_id not in (left, log.study_id)
    assert "MLFLOW_RUN_ID" not in os.environ


def test_bombs(store):
    made, runs = study()
    train_all(store, made, runs)
    held = read_study(store, made.name)
    for table in ("batch", "epoch", "predictions"):
        part = sorted((held.traces / table).iterdir())[0]
        kept = part.with_suffix(".kept")
        shutil.move(part, kept)
        rows = pl.read_parquet(kept)
        rows.select(pl.all().repeat_by(50_000).explode()).write_parquet(part)
        with pytest.raises(ValueError, match="but its runs wrote") as told:
            read_study(store, made.name)
        assert str(part) in str(told.value)
        shutil.move(kept, part)
    assert read_study(store, made.name).table.height == 3


def test_reading_asks_for_no_experiment(tracking):
    with pytest.raises(ValueError, match="does not exist"):
        connect(tracking, create=False)


def test_every_row_of_the_table_has_a_test():
    text = (ROOT / "docs/security.md").read_text()
    rows = re.findall(r"^\| `(\w+)`", text, flags=re.MULTILINE)
    assert len(rows) >= 14
    own = {name for name in globals() if name.startswith("test_")}
    elsewhere = {
        name
        for file in ("tests/store/test_parts.py", "tests/runs/test_tables.py")
        for name in re.findall(r"^def (test_\w+)", (ROOT / file).read_text(), re.M)
    }
    assert [row for row in rows if row not in own | elsewhere] == []
