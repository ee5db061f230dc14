"""A folder of logs as one table: a training a file (CSVLogger), or TensorBoard's.

What the paths say becomes columns: `file`, `folder`, `key=value` parts as Hydra names
its folders, and numbered words (`seed3`).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from seedscope.runs.tables import events, formats
from seedscope.runs.tables.columns import step_column
from seedscope.runs.tables.limits import CELLS, FILES

PAIR = re.compile(r"(?:^|[,/ ])([A-Za-z][\w.]*)=([^,/=]+)")
NUMBERED = re.compile(
    r"(?:^|[_\-/,. ])(seed|fold|trial|replicate|rep)[_\- ]?(\d+)(?=$|[_\-/,. ])", re.I
)


@dataclass(frozen=True)
class Folder:
    """What a folder holds: curves, or rows that are runs."""

    frame: pl.DataFrame  # rows of all files, or run, score, step, value
    paths: pl.DataFrame  # file, and the columns that its path stands for
    kind: str  # events, curves or rows
    said: tuple[str, ...]


def read_folder(root: Path, separator: str | None, decimal: str | None) -> Folder:
    """Return all logs below a folder.

    Raises:
        ValueError: there are none, too many, or they are of several kinds.
    """
    if next(root.rglob(events.PATTERN), None) is not None:
        found = events.read_events(root)
        if found.is_empty():
            raise ValueError(f"table={root}: its event files hold no scalars")
        runs = found["run"].unique(maintain_order=True).to_list()
        said = f"TensorBoard's scalars of {len(runs)} trainings, a folder each"
        return Folder(found, _paths(runs), "events", (said,))
    files = [p for p in sorted(root.rglob("*")) if formats.ending(p) in formats.READERS]
    files = [path for path in files if path.is_file()]
    if not files:
        raise ValueError(
            f"table={root} holds no file that ends in {', '.join(formats.READERS)} and "
            "no event file of TensorBoard"
        )
    if len(files) > FILES:
        raise ValueError(f"table={root} holds {len(files):,} files; at most {FILES:,}")
    return _files(root, files, separator, decimal)


def _files(
    root: Path, files: list[Path], separator: str | None, decimal: str | None
) -> Folder:
    names = [_stem(path.relative_to(root)) for path in files]
    parts, said, cells = [], [], 0
    for path, name in zip(files, names, strict=True):
        loaded = formats.load(path, separator, decimal, None)
        cells += loaded.frame.height * loaded.frame.width
        if cells > CELLS:
            raise ValueError(f"table={root} holds more than {CELLS:,} cells")
        if "file" in loaded.frame.columns:
            raise ValueError(f"table={path} has a column file; rename it")
        said += loaded.said
        parts.append(loaded.frame.with_columns(file=pl.lit(name)))
    curves = [step_column(part, ()) is not None for part in parts]
    if len(set(curves)) > 1:
        odd = curves.index(not curves[0])
        what = ("rows that are runs", "a training's epochs")
        raise ValueError(
            f"table={root}: {files[0].name} holds {what[curves[0]]} and "
            f"{files[odd].name} {what[curves[odd]]}; compare one kind at a time"
        )
    frame = pl.concat(_alike(parts), how="diagonal")
    if curves[0]:
        said.append(f"{len(files)} files, one training each")
        return Folder(frame, _paths(names), "curves", tuple(dict.fromkeys(said)))
    said.append(f"{len(files)} files, one row a run")
    return Folder(frame, _paths(names), "rows", tuple(dict.fromkeys(said)))


def _alike(parts: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Give a column one type in all files: text where it is text in one."""
    text = {n for part in parts for n, t in part.schema.items() if t == pl.String}
    return [
        part.with_columns(
            pl.col(name).cast(pl.String if name in text else pl.Float64)
            for name, dtype in part.schema.items()
            if dtype.is_numeric() or name in text
        )
        for part in parts
    ]


def _stem(path: Path) -> str:
    name = path.name
    while formats.ending(Path(name)) in formats.READERS:
        name = name.rpartition(".")[0]
    return (path.parent / name).as_posix()


def _paths(names: list[str]) -> pl.DataFrame:
    rows = []
    for name in names:
        row = {"file": name, "folder": name.rpartition("/")[0]}
        row |= {word.lower(): number for word, number in NUMBERED.findall(name)}
        row |= {
            key: value
            for key, value in PAIR.findall(name)
            if key not in ("file", "folder")
        }
        rows.append(row)
    found = pl.DataFrame(rows, infer_schema_length=None)
    if found["folder"].n_unique() == 1:
        found = found.drop("folder")
    return found
