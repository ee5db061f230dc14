"""Tables of every kind: the right numbers, or one line that says what to give."""

import gzip
import json
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from composing import ROOT

from seedscope.analysis.compare import compare
from seedscope.runs.files import Keys, read_table
from seedscope.runs.tables import limits

CASES = ROOT / "tests" / "cases"


def runs_of(path, **keys):
    listed = ("score", "groups", "sources", "turn", "run")
    keys = {k: tuple(v) if k in listed else v for k, v in keys.items()}
    return read_table(Keys(Path(path), **keys))


def written(folder, text, name="scores.csv"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def by_arm(runs, score):
    good = runs.table.filter(~pl.col("diverged"))
    means = good.group_by("arm").agg(pl.col(score).mean(), pl.len())
    return {arm: (round(mean, 10), n) for arm, mean, n in means.iter_rows()}


# Each file of the cases, with the outcome that its README asks for.


@pytest.mark.parametrize(
    "name", ["percent_signs.csv", "semicolon_decimal_comma.csv", "tabs.tsv"]
)
def test_cells_are_read_as_they_were_meant(name):
    runs = runs_of(CASES / name, groups=["model"])
    assert runs.scores == ("acc",)
    assert by_arm(runs, "acc") == {"model:A": (0.815, 4), "model:B": (0.815, 4)}


def test_what_is_assumed_about_cells_is_said_in_one_line():
    said = runs_of(CASES / "semicolon_decimal_comma.csv", groups=["model"]).assumed
    assert "cells separated by ';'" in said
    assert "the comma in acc read as the decimal mark" in said
    assert "\n" not in said
    percent = runs_of(CASES / "percent_signs.csv", groups=["model"]).assumed
    assert "percent signs in acc read as fractions" in percent


def test_a_row_an_epoch_is_one_training_and_which_value_counts_is_asked():
    path = CASES / "one_training_per_epoch.csv"
    with pytest.raises(ValueError, match=r"one training of 30 epochs.*at=last") as told:
        runs_of(path)
    assert "\n" not in str(told.value)
    rows = pl.read_csv(path)
    for at, place in {
        "last": len(rows) - 1,
        "max:val_accuracy": rows["val_accuracy"].arg_max(),
        "min:val_loss": rows["val_loss"].arg_min(),
        "epoch 10": 10,
        "10": 10,
    }.items():
        runs = runs_of(path, at=at)
        assert len(runs.table) == 1
        assert runs.table["val_accuracy"][0] == rows["val_accuracy"][place]
        assert runs.table["loss"][0] == rows["loss"][place]
    best = runs_of(path, at="best").table
    assert best["val_accuracy"][0] == rows["val_accuracy"].max()
    assert best["val_loss"][0] == rows["val_loss"].min()
    assert len(runs_of(path, at="rows").table) == 30


def test_a_chart_with_a_column_a_run_is_turned():
    path = CASES / "column_per_run.csv"
    with pytest.raises(ValueError, match="3 trainings of 20 Steps"):
        runs_of(path)
    runs = runs_of(path, at="step 500")
    assert runs.table["run_id"].to_list() == ["run-a", "run-b", "run-c"]
    rows = pl.read_csv(path).filter(pl.col("Step") == 500)
    wanted = [rows[f"run-{name} - val_loss"][0] for name in "abc"]
    assert runs.table["val_loss"].to_list() == wanted
    assert "__MIN and __MAX columns left out" in runs.assumed


def test_a_column_a_seed_is_turned_and_pairs_by_seed():
    runs = runs_of(CASES / "wide_by_seed.csv", score=["accuracy"])
    assert by_arm(runs, "accuracy") == {
        "method:ours": (91.3, 5),
        "method:base": (90.36, 5),
    }
    assert runs.table.group_by("arm").agg(pl.col("seed.seed").n_unique())[
        "seed.seed"
    ].to_list() == [5, 5]
    assert "5 columns (seed0 ... seed4) taken as one seed each" in runs.assumed


def test_a_crashed_run_is_counted_apart_and_settings_are_no_scores():
    runs = runs_of(CASES / "runs_table_with_state.csv", groups=["optimizer"])
    assert runs.scores == ("val_acc",)
    assert "not Runtime, seed, lr" in runs.assumed
    assert "11 finished, 1 crashed" in runs.assumed
    crashed = runs.table.filter(pl.col("diverged"))
    assert crashed["arm"].to_list() == ["optimizer:sgd"]
    assert len(runs.table) == 12


def test_diverged_runs_are_counted_and_seeds_are_no_scores():
    runs = runs_of(CASES / "nan_and_inf.csv", groups=["opt"])
    assert runs.scores == ("loss",)
    found = runs.table.group_by("arm").agg(pl.len(), pl.col("diverged").sum())
    rows = pl.read_csv(CASES / "nan_and_inf.csv", infer_schema=False)
    rows = rows.with_columns(pl.col("loss").str.to_lowercase().cast(pl.Float64))
    bad = rows.filter(~pl.col("loss").is_finite()).group_by("opt").len()
    assert dict(bad.iter_rows()) == {
        arm.removeprefix("opt:"): count for arm, _, count in found.iter_rows() if count
    }
    assert found["len"].sum() == len(rows)


def test_hostile_names_stay_names():
    runs = runs_of(CASES / "hostile_names.csv", groups=["model"])
    assert runs.scores == ('a") AS x, (select 1) AS y --',)
    assert "(not =1+1: settings)" in runs.assumed  # it counts 0, 1, 2, ...
    assert "model:optimizer:fire" in runs.table["arm"].to_list()


@pytest.mark.parametrize(
    ("name", "groups", "score", "arms"),
    [
        ("collapsed_runs.csv", ["method"], "accuracy", 2),
        ("lower_is_better.csv", ["model"], "wer", 2),
        ("paired_by_seed.csv", ["model"], "accuracy", 2),
        ("two_runs.csv", ["env"], "accuracy", 2),
    ],
)
def test_plain_tables_give_every_row_as_a_run(name, groups, score, arms):
    runs = runs_of(CASES / name, groups=groups)
    assert score in runs.scores
    assert "seed" not in runs.scores
    rows = pl.read_csv(CASES / name)
    assert len(runs.table) == len(rows)
    assert runs.table["arm"].n_unique() == arms
    assert runs.table[score].sum() == pytest.approx(rows[score].sum())


# Other tables of the same kinds.

VALUES = [("A", 0.8125), ("A", 0.75), ("B", 0.5), ("B", 0.625)]


@pytest.mark.parametrize(
    ("mark", "decimal"), [m for m in product(",;\t|", ".,") if m != (",", ",")]
)
def test_any_separator_and_decimal_mark(tmp_path, mark, decimal):
    rows = [f"{m}{mark}{v}".replace(".", decimal) for m, v in VALUES]
    path = written(tmp_path, "\n".join([f"model{mark}acc", *rows, ""]))
    runs = runs_of(path, groups=["model"])
    assert runs.table["acc"].to_list() == [v for _, v in VALUES]


def formats_of(folder):
    frame = pl.DataFrame(VALUES, ["model", "acc"], orient="row")
    text = frame.write_csv()
    yield written(folder, text, "A.CSV")
    yield written(folder, frame.write_csv(separator="\t"), "b.tsv")
    (folder / "c.csv.gz").write_bytes(gzip.compress(text.encode()))
    yield folder / "c.csv.gz"
    (folder / "d.csv").write_bytes(
        b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    )
    yield folder / "d.csv"
    (folder / "e.csv").write_bytes(text.encode("utf-16"))
    yield folder / "e.csv"
    frame.write_parquet(folder / "F.PARQUET")
    yield folder / "F.PARQUET"
    frame.write_ndjson(folder / "g.jsonl")
    yield folder / "g.jsonl"
    data = {"columns": frame.columns, "data": [list(row) for row in frame.rows()]}
    yield written(folder, json.dumps(data), "h.json")
    yield written(folder, json.dumps(frame.to_dicts()), "i.json")
    quoted = 'model,acc\n"A","0.8125"\n\n"A","0.75"\nB,0.5\nB,0.625'
    yield written(folder, quoted, "j.csv")
    yield written(
        folder, " model , acc\n A ,0.8125\nA, 0.75\nB,0.5\nB,0.625\n", "k.csv"
    )
    yield written(folder, "model acc\nA   0.8125\nA 0.75\nB 0.5\nB 0.625\n", "l.txt")


def test_every_kind_of_file_gives_the_same_runs(tmp_path):
    for path in formats_of(tmp_path):
        runs = runs_of(path, groups=["model"])
        assert runs.scores == ("acc",), path
        assert runs.table["acc"].to_list() == [v for _, v in VALUES], path
        assert runs.table["arm"].to_list() == ["model:A"] * 2 + ["model:B"] * 2, path


def workbook(path, sheets, end="</sheetData>"):
    """Write a workbook as bare as Excel still opens it."""
    space = "http://schemas.openxmlformats.org"
    main, office = f"{space}/spreadsheetml/2006/main", f"{space}/officeDocument/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    ids = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{space}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package'
        '.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType='
        f'"{kinds}.sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{kinds}'
            '.worksheet+xml"/>'
            for i in ids
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{space}/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{office}/relationships/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}/relationships">'
        "<sheets>"
        + "".join(
            f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>'
            for i, name in zip(ids, sheets, strict=True)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": "<Relationships "
        f'xmlns="{space}/package/2006/relationships">'
        + "".join(
            f'<Relationship Id="r{i}" Type="{office}/relationships/worksheet" '
            f'Target="worksheets/sheet{i}.xml"/>'
            for i in ids
        )
        + "</Relationships>",
    }
    for i, rows in zip(ids, sheets.values(), strict=True):
        cells = "".join(f"<row>{''.join(map(cell_of, row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{i}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{cells}{end}</worksheet>'
        )
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text)


def cell_of(value):
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def test_a_workbook_is_read_and_of_several_sheets_one_is_asked_for(tmp_path):
    path = tmp_path / "scores.XLSX"
    workbook(path, {"runs": [("model", "acc"), *VALUES], "notes": [("x",), (1,)]})
    with pytest.raises(ValueError, match=r"sheets runs, notes; say which: sheet="):
        runs_of(path)
    runs = runs_of(path, sheet="runs", groups=["model"])
    assert runs.table["acc"].to_list() == [v for _, v in VALUES]


def test_a_title_and_empty_columns_of_a_workbook_are_left_out_and_said(tmp_path):
    path = tmp_path / "titled.xlsx"
    rows = [("Results", "", ""), ("", "", "accuracy"), ("model", "", "val")]
    workbook(path, {"runs": [*rows, *((m, "", v) for m, v in VALUES)]})
    runs = runs_of(path, groups=["model"])
    assert runs.table["val"].to_list() == [v for _, v in VALUES]
    assert "2 rows above the names (Results) left out" in runs.assumed
    assert "column 2" not in runs.assumed


def test_merged_cells_and_errors_of_a_workbook_are_named(tmp_path):
    path = tmp_path / "odd.xlsx"
    error = '<row r="9"><c r="B9"><v>1</v></c><c r="C9" t="e"><v>#N/A</v></c></row>'
    merged = '</sheetData><mergeCells><mergeCell ref="A2:A5"/></mergeCells>'
    workbook(path, {"runs": [("model", "acc"), *VALUES]}, error + "</sheetData>")
    assert "errors in C9 read as empty cells" in runs_of(path, score=["acc"]).assumed
    workbook(path, {"runs": [("model", "acc"), *VALUES]}, merged)
    with pytest.raises(ValueError, match="A2:A5 of sheet runs are merged"):
        runs_of(path, groups=["model"])


def test_numbers_in_names_of_arms_stay_as_they_are(tmp_path):
    path = written(tmp_path, "batch_size,acc,aug\n8,1,None\n8,2,None\n16,3,flip\n")
    runs = runs_of(path, groups=["batch_size", "aug"], score=["acc"])
    assert runs.table["arm"].to_list()[::2] == [
        "batch_size:8 aug:None",
        "batch_size:16 aug:flip",
    ]


def test_an_epoch_that_is_the_same_everywhere_is_a_setting(tmp_path):
    path = written(tmp_path, "epoch,acc\n30,0.5\n30,0.75\n")
    runs = runs_of(path)
    assert (len(runs.table), runs.scores) == (2, ("acc",))


def test_curves_of_several_runs_in_one_table(tmp_path):
    rows = [
        f"{m},{s},{e},{0.1 * e + s},{1 / (e + 1)}"
        for e, m, s in product(range(4), "ab", range(3))
    ]
    path = written(tmp_path, "\n".join(["model,seed,epoch,val_acc,loss", *rows]))
    runs = runs_of(path, groups=["model"], sources=["seed"], at="last")
    assert len(runs.table) == 6
    assert sorted(runs.table["val_acc"]) == pytest.approx(
        [0.3, 0.3, 1.3, 1.3, 2.3, 2.3]
    )
    assert "6 trainings by model, seed" in runs.assumed
    with pytest.raises(
        ValueError, match=r"epoch 0 stands 3 times in one training \(a\)"
    ):
        runs_of(path, run=["model"], at="last")


def test_a_training_that_ended_in_nan_diverged_wherever_it_is_read(tmp_path):
    path = written(tmp_path, "run,epoch,loss\n1,0,2\n1,1,1\n2,0,2\n2,1,nan\n")
    for at in ("last", "best", "epoch 0"):
        runs = runs_of(path, at=at)
        assert runs.table["diverged"].to_list() == [False, True]


def test_a_score_that_is_nan_in_every_run_says_nothing_about_the_runs(tmp_path):
    path = written(tmp_path, "acc,auc\n0.5,nan\n0.6,nan\n")
    runs = runs_of(path)
    assert (runs.scores, runs.table["diverged"].sum()) == (("acc",), 0)
    assert "auc left out: NaN or infinite in every run" in runs.assumed


def test_an_export_of_mlflow_shows_its_metrics_alone(tmp_path):
    text = (
        "run_id,status,params.lr,metrics.acc,metrics.loss,start_time\n"
        "x,FINISHED,0.1,0.8,1.797693134862315e308,5\ny,FINISHED,0.1,0.9,0.5,6\n"
        "z,RUNNING,0.1,0.1,0.5,7\nw,FAILED,0.1,0.2,0.5,8\n"
    )
    runs = runs_of(written(tmp_path, text), groups=["params.lr"])
    assert runs.scores == ("metrics.acc", "metrics.loss")
    assert runs.table["diverged"].to_list() == [True, False, True]
    assert "1 still going on left out" in runs.assumed


def test_columns_that_are_named_to_be_runs_are_turned(tmp_path):
    path = written(tmp_path, "method,first,second\na,1,2\nb,3,4\n")
    runs = runs_of(path, turn=["first", "second"], groups=["method"])
    assert by_arm(runs, "score") == {"method:a": (1.5, 2), "method:b": (3.5, 2)}


def test_a_row_a_metric_gives_each_metric_a_column(tmp_path):
    rows = [
        f"{run},{step},{metric},{0.1 * step + run + (metric == 'loss')},{17 * step}"
        for run in range(3)
        for step in range(2)
        for metric in ("acc", "loss")
    ]
    path = written(tmp_path, "\n".join(["Run,step,metric,value,timestamp", *rows]))
    runs = runs_of(path, at="last")
    assert set(runs.scores) == {"acc", "loss"}
    assert runs.table["acc"].to_list() == pytest.approx([0.1, 1.1, 2.1])
    assert runs.table["loss"].to_list() == pytest.approx([1.1, 2.1, 3.1])
    with pytest.raises(ValueError, match="no other column tells the runs apart"):
        runs_of(written(tmp_path, "metric,value\nacc,1\nloss,2\nacc,3\n"))


def test_nested_objects_have_dotted_names(tmp_path):
    rows = [{"config": {"lr": 0.1}, "summary": {"acc": a}} for a in (0.5, 0.6)]
    path = written(tmp_path, "\n".join(map(json.dumps, rows)), "runs.jsonl")
    runs = runs_of(path, groups=["config.lr"])
    assert runs.scores == ("summary.acc",)
    assert runs.table["arm"][0] == "config.lr:0.1"


def test_a_folder_of_keras_logs_is_a_study(tmp_path):
    for model, seed in product(["adam", "sgd"], range(3)):
        lines = ["epoch,accuracy,loss,val_accuracy,val_loss"]
        lines += [f"{e},0.5,1,{0.1 * e + 0.01 * seed},NA" for e in range(3)]
        written(tmp_path, "\n".join(lines), f"logs/{model}/lr=0.1,seed={seed}/log.csv")
    with pytest.raises(ValueError, match=r"6 trainings of 3 epochs.*max:val_accuracy"):
        runs_of(tmp_path / "logs")
    keys = {"groups": ["lr"], "sources": ["seed"], "at": "last"}
    runs = runs_of(tmp_path / "logs", **keys)
    assert len(runs.table) == 6
    assert runs.table["arm"].unique().to_list() == ["lr:0.1"]
    assert sorted(runs.table["val_accuracy"]) == pytest.approx(
        [0.2, 0.2, 0.21, 0.21, 0.22, 0.22]
    )
    assert "6 files, one training each" in runs.assumed


def test_a_folder_of_tables_is_an_arm_a_file(tmp_path):
    for name in ("ours", "base"):
        written(tmp_path, "seed,acc\n0,0.5\n1,0.75\n", f"all/{name}.csv")
    runs = runs_of(tmp_path / "all", sources=["seed"])
    assert by_arm(runs, "acc") == {"file:base": (0.625, 2), "file:ours": (0.625, 2)}
    assert "arms by file" in runs.assumed


def event_file(folder, values, tag, kind):
    """Write scalars as TensorFlow 2 (tensors) or 1 (simple values) does."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    folder.mkdir(parents=True)
    with (folder / "events.out.tfevents.1.host").open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(file_version="brain.Event:2").SerializeToString())
        for step, number in enumerate(values):
            event = Event(step=step, wall_time=step)
            value = event.summary.value.add(tag=tag)
            if kind == "simple":
                value.simple_value = number
            else:
                value.tensor.CopyFrom(make_tensor_proto(np.float32(number)))
                value.metadata.plugin_data.plugin_name = "scalars"
            writer.write(event.SerializeToString())


def test_folders_of_tensorboard_are_read_without_tensorflow(tmp_path):
    for seed in range(2):
        run = tmp_path / "logs" / f"seed{seed}"
        event_file(run / "train", [2.0, 1.0 + seed], "epoch_loss", "tensor")
        event_file(run / "validation", [3.0, 2.0 + seed], "epoch_loss", "simple")
    with pytest.raises(ValueError, match=r"2 trainings of 2 steps.*at=last"):
        runs_of(tmp_path / "logs")
    runs = runs_of(tmp_path / "logs", sources=["seed"], at="last")
    assert runs.table["run_id"].to_list() == ["seed0", "seed1"]
    assert runs.table["train/loss"].to_list() == [1.0, 2.0]
    assert runs.table["val/loss"].to_list() == [2.0, 3.0]
    code = (
        "import sys; from pathlib import Path\n"
        "from seedscope.runs.tables.events import read_events\n"
        "assert len(read_events(Path(sys.argv[1]))) == 8\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "logs")]
    subprocess.run(command, cwd=ROOT / "src", check=True)


def test_an_event_file_that_is_cut_off_keeps_its_whole_records(tmp_path):
    event_file(tmp_path / "run", [3.0, 2.0, 1.0], "loss", "tensor")
    (path,) = (tmp_path / "run").iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    runs = runs_of(tmp_path, at="last")
    assert runs.table["loss"].to_list() == [2.0]


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        ("a,a\n1,2\n", {}, r"'a' names more than one column"),
        ("a, a\n1,2\n", {}, r"names more than one column \(blanks"),
        ("a,b\n1,2\n3\n", {}, "row 2 below the names has 1 cells.*2 names"),
        ("a,b\n1,2\n3,4,5\n", {}, "row 2 below the names has 3 cells"),
        ("0.5,0.6\n0.7,0.8\n", {}, "holds numbers, not names"),
        ("a;b\n1,234;1\n5,678;2\n", {}, r"'1,234' in column a.*say decimal="),
        ("m,acc\na,80%\na,0.81\n", {}, "mixes '80%' and '0.81'"),
        ("m,acc\na,80 ± 2\n", {"score": ["acc"]}, "not means with their spread"),
        ("m,acc\na,0.8x\n", {"score": ["acc"]}, "holds '0.8x', which is no number"),
        ("acc_1,acc_2,acc_3\n1,2,3\n", {}, r"one run each or a score each; say turn="),
        ("epoch,acc\n0,1\n1,2\n", {"at": "epoch 7"}, "they go from 0 to 1"),
        ("epoch,acc\n0,1\n1,2\n", {"at": "max:f1"}, "no curve has that name.*acc"),
        ("epoch,zeta\n0,1\n1,2\n", {"at": "best"}, "zeta is better is not known"),
        ("epoch,acc\n0,1\n0,2\n1,2\n", {"at": "last"}, "epoch 0 stands 2 times"),
        ("acc\n1\n2\n", {"at": "last"}, "no column that counts epochs or steps"),
        ("seed,lr\n1,2\n2,3\n", {}, "no column of numbers.*seed, lr"),
        ("block,acc\n1,2\n", {"score": ["block"]}, "rename the column"),
        ("acc\n1\n", {"turn": ["x*"]}, "has no two such columns"),
        ("x" * 2000 + ",b\n1,2\n", {}, "2,000 characters"),
    ],
)
def test_a_table_that_is_not_clear_says_what_to_give(tmp_path, text, keys, message):
    with pytest.raises(ValueError, match=message) as told:
        runs_of(written(tmp_path, text), **keys)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.parquet", b"nothing of the kind"),
        ("x.xlsx", b"nothing of the kind"),
        ("x.json", b"{"),
        ("x.json", b"3"),
        ("x.jsonl", b'{"a": 1}\nnot json\n'),
        ("x.csv.gz", b"not packed"),
        ("x.pickle", b""),
        ("x.csv", b"\x00\x01\x02"),
        ("events.out.tfevents.1", b"nothing of the kind at all"),
    ],
)
def test_a_file_that_is_not_what_it_is_called_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    path = tmp_path if "tfevents" in name else tmp_path / name
    with pytest.raises(ValueError, match=r"^table") as told:
        runs_of(path)
    assert "\n" not in str(told.value)


# A file from elsewhere must not fill the memory.


def test_rows_of_a_parquet_file_are_counted_before_they_are_read(tmp_path):
    path = tmp_path / "rows.parquet"
    part = pa.table({"acc": np.zeros(3_000_000)})
    with pq.ParquetWriter(path, part.schema, compression="zstd") as writer:
        for _ in range(8):
            writer.write_table(part, row_group_size=3_000_000)
    with pytest.raises(ValueError, match=r"24,000,000 rows; at most 20,000,000"):
        runs_of(path)


def test_names_and_columns_are_counted_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "COLUMNS", 50)
    monkeypatch.setattr(limits, "FOOTER", 50_000)
    many = {f"c{n}": [1.0] for n in range(51)}
    pq.write_table(pa.table(many), tmp_path / "many.parquet")
    pl.DataFrame(many).write_csv(tmp_path / "many.csv")
    written(tmp_path, json.dumps(dict.fromkeys(many, 1)), "many.jsonl")
    for name in ("many.parquet", "many.csv", "many.jsonl"):
        with pytest.raises(ValueError, match="51 columns; at most 50"):
            runs_of(tmp_path / name)
    pq.write_table(pa.table({"x" * 60_000: [1.0]}), tmp_path / "name.parquet")
    with pytest.raises(ValueError, match="its index alone"):
        runs_of(tmp_path / "name.parquet")
    with pytest.raises(ValueError, match="a cell has more than 1,048,576"):
        runs_of(written(tmp_path, "x" * (1 << 21) + "\n1\n"))


def test_what_a_packed_file_holds_is_counted_while_it_is_unpacked(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(limits, "BYTES", 1000)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"acc\n" + b"0\n" * 5000))
    with pytest.raises(ValueError, match="holds more than"):
        runs_of(tmp_path / "x.csv.gz")


def test_what_is_not_told_apart_is_said_and_a_counter_is_no_score(tmp_path):
    rows = [f"{m},{n},{0.8 + n / 100}" for m in "ab" for n in range(4)]
    path = written(tmp_path, "\n".join(["Modell,Lauf,Wert", *rows]))
    runs = runs_of(path)
    assert runs.scores == ("Wert",)
    assert "not Lauf: settings" in runs.assumed
    assert "not told apart by Modell (groups=[Modell] would compare 2" in runs.assumed
    assert "not told apart" not in runs_of(path, groups=["Modell"]).assumed


def test_rows_of_one_step_that_hold_different_scores_are_joined(tmp_path):
    rows = []
    for run in (1, 2):
        for epoch, loss, accuracy in ((0, 0.9, 0.5), (1, 0.4, 0.5 + run / 10)):
            rows += [f"{epoch},{run},,{loss}", f"{epoch},{run},{accuracy},"]
    path = written(tmp_path, "\n".join(["epoch,run,val_acc,train_loss", *rows]))
    runs = runs_of(path, at="last", score=["val_acc", "train_loss"])
    assert runs.table["val_acc"].to_list() == [0.6, 0.7]
    assert runs.table["train_loss"].to_list() == [0.4, 0.4]


def test_remarks_above_the_names_are_left_out(tmp_path):
    text = "# made by us, on a day\n# two lines of it\nmodel,acc\na,0.8\na,0.9\n"
    runs = runs_of(written(tmp_path, text))
    assert runs.table["acc"].to_list() == [0.8, 0.9]
    assert "remarks above the names left out" in runs.assumed


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_a_database_makes_of_infinity_diverged_in_every_file(tmp_path, kind):
    bad = [0.8, 0.81, 1.797e308, float("nan")]
    scores = {"method": ["a"] * 4 + ["b"] * 4, "acc": [*bad, 0.7, 0.72, 0.71, 0.7]}
    frame = pl.DataFrame(scores)
    path = tmp_path / f"runs.{kind}"
    frame.write_csv(path) if kind == "csv" else frame.write_parquet(path)
    runs = runs_of(path, groups=["method"])
    spreads = {a.name: a.spreads["acc"] for a in compare(runs, (), 0.95).arms}
    found = spreads["method:a"]
    assert (found.replicates, found.diverged) == (2, 2)
    assert found.mean == pytest.approx(0.805)
    assert spreads["method:b"].diverged == 0
