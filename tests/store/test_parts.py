"""Parquet parts: whole ones or none, and those of finished runs alone."""

import resource
from contextlib import contextmanager

import polars as pl
import pytest
from polars.exceptions import PolarsError
from test_log import study, trace, train_all

from seedscope.store import log as log_module
from seedscope.store import parts
from seedscope.store.log import open_study
from seedscope.store.read import read_study
from seedscope.trace.curves import curve_moments, read_curves


@contextmanager
def no_file_above(size):
    """Let the disk be full: as `ulimit -f`, no file may grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(store, log):
    folder = parts._local(store, log.study_id)
    return {str(path.relative_to(folder)) for path in folder.rglob("*.*")}


def test_a_full_disk_leaves_no_half_of_a_part(store):
    made, runs = study()
    with open_study(store, made, runs) as log:
        log.add([trace(runs[0])])
        before = files(store, log)
        rows = pl.DataFrame({"run_id": ["x"] * 5000, "y": range(5000)})
        with no_file_above(500), pytest.raises(PolarsError, match="large|space"):
            parts.write(store, log.study_id, "part-x", {"batch": rows})
        assert files(store, log) == before


def test_a_full_disk_ends_in_one_line_and_the_same_command_completes(store):
    made, runs = study()
    with (  # noqa: PT012
        pytest.raises(ValueError, match="could not be stored.*same command") as told,
        open_study(store, made, runs) as log,
    ):
        log.add([trace(runs[0])])
        with no_file_above(1000):
            log.add([trace(runs[1])])
    assert "\n" not in str(told.value)
    assert read_study(store, made.name).table.height == 1
    assert train_all(store, made, runs) == runs[1:]
    assert read_study(store, made.name).table.height == 3


def test_a_part_that_was_cut_off_costs_its_curves_alone(store):
    made, runs = study()
    with open_study(store, made, runs) as log:
        for run in runs:
            log.add([trace(run)])
    folder = parts._local(store, log.study_id)
    broken = sorted((folder / "batch").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:100])
    read = read_study(store, made.name)
    assert read.table.height == 3
    (remark,) = read.remarks
    assert remark.startswith(str(broken))
    ids = {"init": read.table["run_id"].to_list()}
    (_, values) = read_curves(read.traces, "batch", ids, ("batch/",))["init"][
        "batch/loss"
    ]
    assert sorted(~pl.Series(values[:, 0]).is_nan()) == [False, True, True]


def test_what_a_killed_process_stored_halfway_is_not_read_and_then_removed(
    store, monkeypatch
):
    made, runs = study()

    def killed(self, run_id, *_):
        if run_id != killed.first:
            raise KeyboardInterrupt

    fill, filled = log_module.StudyLog._fill, []

    def fill_one(self, *rest):
        if filled:
            raise KeyboardInterrupt
        filled.append(fill(self, *rest))

    with monkeypatch.context() as patch:
        patch.setattr(log_module.StudyLog, "_fill", fill_one)
        with pytest.raises(KeyboardInterrupt), open_study(store, made, runs) as log:
            log.add([trace(run) for run in runs[:2]])
    folder = parts._local(store, log.study_id)
    orphan = folder / "batch" / "part-of-nobody.parquet"
    orphan.write_bytes(b"PAR1")
    (folder / "batch" / "part-cut-off.tmp").write_bytes(b"PAR1")
    (half,) = (folder / "batch").glob(f"part-{32 * '?'}.parquet")
    rows = pl.read_parquet(half)
    assert rows["run_id"].n_unique() == 2  # of one that finished, and one that did not
    read = read_study(store, made.name)
    assert read.table.height == 1
    assert orphan.name not in {path.name for path in (read.traces / "batch").iterdir()}

    assert train_all(store, made, runs) == runs[1:]
    assert not orphan.exists()
    assert {path.suffix for path in (folder / "batch").iterdir()} == {".parquet"}
    rows = pl.read_parquet(folder / "batch" / "*.parquet")
    finished = read_study(store, made.name).table["run_id"]
    assert set(rows["run_id"]) == set(finished)
    assert rows.height == 18


def test_a_part_that_repeats_its_rows_is_refused_by_its_footer(store):
    made, runs = study()
    train_all(store, made, runs)
    read = read_study(store, made.name)
    part = sorted((read.traces / "batch").iterdir())[0]
    rows = pl.scan_parquet(part)
    again = rows.select(pl.all().repeat_by(500_000).explode()).collect()
    again.write_parquet(part)
    with pytest.raises(ValueError, match=f"{part} holds 3000000 rows, but its runs"):
        read_study(store, made.name)


def test_rows_that_repeat_are_refused_by_the_reader_too(tmp_path):
    (tmp_path / "batch").mkdir()
    rows = pl.DataFrame(
        {"run_id": ["a"] * 9, "step": [1, 2, 3] * 3, "batch/x": [0.0] * 9}
    )
    rows.write_parquet(tmp_path / "batch" / "part.parquet")
    with pytest.raises(ValueError, match="holds 9 rows of 1 runs that have 3 steps"):
        read_curves(tmp_path, "batch", {"arm": ["a"]}, ("batch/",))


HOSTILE = "batch/x\" FROM read_text('/etc/hostname') --"


def test_a_column_name_is_never_sql_and_a_folder_never_a_glob(tmp_path):
    folder = tmp_path / "a[b]*'?"
    (folder / "batch").mkdir(parents=True)
    rows = pl.DataFrame({"run_id": ["a", "a"], "step": [1, 2], HOSTILE: [0.25, 0.5]})
    rows.write_parquet(folder / "batch" / "part.parquet")
    arms = {"arm'; --": ["a"]}
    found = read_curves(folder, "batch", arms, ("batch/",))["arm'; --"]
    assert list(found) == [HOSTILE]
    assert found[HOSTILE][1].tolist() == [[0.25, 0.5]]
    moments = curve_moments(folder, arms)
    assert moments[f"{HOSTILE} mean"].to_list() == [0.25, 0.5]
