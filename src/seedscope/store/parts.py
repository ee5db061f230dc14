"""Keep traces as Parquet parts among the artifacts of a study: whole ones, or none.

A *part* holds the rows of one group of runs in one table. Each run says in its tags to
which part it belongs and how many rows that part has; only parts of FINISHED runs are
read, and one with more rows than were written is refused. A local part is written
beside its place and renamed: a full disk leaves no half of it.
"""

import atexit
import glob
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlparse

import polars as pl
import pyarrow.parquet
from mlflow.entities import Run as Logged
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from seedscope.store.store import Store

FOLDER = "traces"
PART = "seedscope.part"  # tag: the name of the part that holds the run's rows
ROWS = "seedscope.part_rows"  # tag: `table=rows` of that part, for each of its tables


def tags(name: str, tables: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """Return the tags of the runs of a part."""
    rows = " ".join(f"{table}={len(frame)}" for table, frame in tables.items())
    return {PART: name, ROWS: rows}


def write(
    store: Store, study_id: str, name: str, tables: Mapping[str, pl.DataFrame]
) -> None:
    """Store one part of each table, whole or not at all."""
    folder = _local(store, study_id)
    if folder is not None:
        for table, rows in tables.items():
            _write_beside(rows, folder / table / f"{name}.parquet")
        return
    with tempfile.TemporaryDirectory(prefix="seedscope") as temporary:
        for table, rows in tables.items():
            path = Path(temporary, table, f"{name}.parquet")
            path.parent.mkdir()
            rows.write_parquet(path)
        store.client.log_artifacts(study_id, temporary, FOLDER)


def sound(
    store: Store, study_id: str, finished: Sequence[Logged]
) -> tuple[Path | None, list[str]]:
    """Return a folder that holds the parts of finished runs alone, and remarks.

    Raises:
        ValueError: a part holds more rows than its runs wrote.
    """
    folder = _fetched(store, study_id)
    if folder is None or not folder.is_dir():
        return None, []
    promised = {run.data.tags[PART]: _rows(run) for run in finished if _has_part(run)}
    untold = not all(_has_part(run) for run in finished)  # logged by version 0.1
    files = sorted(folder.glob("*/*.parquet"))
    taken, remarks = [], []
    for file in files:
        if file.stem not in promised and not untold:
            continue
        rows = _length(file)
        if rows is not None:
            _check_length(file, rows, promised.get(file.stem, {}))
            taken.append(file)
        elif file.stem in promised:
            remarks.append(f"{file} is no whole Parquet file and was left out")
    if not taken:
        return None, remarks
    return (folder if taken == files else _view(folder, taken)), remarks


def names(store: Store, study_id: str) -> set[str]:
    """Return the names of the parts that lie there, whole or not."""
    folder = _local(store, study_id)
    if folder is not None:
        found = (*folder.glob("*/*.parquet"), *folder.glob("*/*.tmp"))
        return {path.stem for path in found}
    return {Path(path).stem for path in _far(store, study_id)}


def sweep(
    store: Store,
    study_id: str,
    there: Collection[str],
    kept: Iterable[Logged],
    removed: Iterable[Logged],
) -> None:
    """Remove the parts that belong to no run, and the rows of runs that were removed.

    Args:
        store: where the study is.
        study_id: its MLflow run.
        there: `names` as they were before the runs were looked up: a run is made
            before its part, so what belongs to none of them belongs to none at all.
        kept: the study's runs, finished or being stored.
        removed: runs that were stored halfway and have been deleted.
    """
    kept = list(kept)
    if not all(_has_part(run) for run in kept):
        return  # version 0.1 named no parts
    owners: dict[str, list[str]] = {}
    for run in kept:
        owners.setdefault(run.data.tags[PART], []).append(run.info.run_id)
    cut = {run.data.tags.get(PART) for run in removed} & set(owners)
    for name in there:
        if name not in owners:
            _remove(store, study_id, name)
        elif name in cut:
            _keep_rows(store, study_id, name, owners[name])


@cache
def _scratch() -> Path:
    """Return a temporary folder of this process, which goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="seedscope")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _fetched(store: Store, study_id: str) -> Path | None:
    """Return the folder of a study's parts; download them if they are far."""
    folder = _local(store, study_id)
    if folder is not None or not store.client.list_artifacts(study_id, FOLDER):
        return folder
    place = tempfile.mkdtemp(dir=_scratch())
    return Path(store.client.download_artifacts(study_id, FOLDER, place))


def _view(folder: Path, files: Sequence[Path]) -> Path:
    """Return a folder that shows some of the files of another one."""
    view = Path(tempfile.mkdtemp(dir=_scratch()))
    for file in files:
        shown = view / file.relative_to(folder)
        shown.parent.mkdir(exist_ok=True)
        try:
            shown.symlink_to(file)
        except OSError:  # no links in this file system
            shutil.copyfile(file, shown)
    return view


def _far(store: Store, study_id: str) -> list[str]:
    """Return the paths of all parts among artifacts that are not on this machine."""
    tables = store.client.list_artifacts(study_id, FOLDER)
    return [
        file.path
        for table in tables
        for file in store.client.list_artifacts(study_id, table.path)
    ]


def _remove(store: Store, study_id: str, name: str) -> None:
    folder = _local(store, study_id)
    if folder is not None:
        for path in folder.glob(f"*/{glob.escape(name)}.*"):
            path.unlink(missing_ok=True)
        return
    place = str(store.client.get_run(study_id).info.artifact_uri)
    for path in _far(store, study_id):
        if Path(path).stem == name:
            get_artifact_repository(place).delete_artifacts(path)


def _keep_rows(store: Store, study_id: str, name: str, run_ids: list[str]) -> None:
    """Write a part again with the rows of some runs alone."""
    folder = _local(store, study_id)
    place = folder or _fetched(store, study_id)
    if place is None:
        return
    rows = {
        path.parent.name: pl.read_parquet(path, glob=False)
        for path in place.glob(f"*/{glob.escape(name)}.parquet")
        if _length(path) is not None
    }
    kept = {
        t: frame.filter(pl.col("run_id").is_in(run_ids)) for t, frame in rows.items()
    }
    write(store, study_id, name, kept)


def _local(store: Store, study_id: str) -> Path | None:
    """Return where parts lie, where that is a folder of this machine."""
    place = urlparse(store.client.get_run(study_id).info.artifact_uri)
    if place.scheme not in ("", "file"):
        return None
    return Path(unquote(place.path), FOLDER)


def _write_beside(rows: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".tmp")
    try:
        with new.open("wb") as file:
            rows.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _has_part(run: Logged) -> bool:
    return PART in run.data.tags


def _rows(run: Logged) -> dict[str, int]:
    pairs = (word.partition("=") for word in run.data.tags.get(ROWS, "").split())
    return {table: int(rows) for table, _, rows in pairs if rows.isdigit()}


def _length(file: Path) -> int | None:
    """Return the rows of a part by its footer; None where it is not whole."""
    try:
        return pyarrow.parquet.read_metadata(file).num_rows
    except (OSError, pyarrow.ArrowException):
        return None


def _check_length(file: Path, rows: int, promised: Mapping[str, int]) -> None:
    table = file.parent.name
    if promised and rows > promised.get(table, 0):
        raise ValueError(
            f"{file} holds {rows} rows, but its runs wrote {promised.get(table, 0)}: "
            "it was changed since; put the original back, or delete the file"
        )
