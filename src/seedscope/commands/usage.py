"""What `train --help` and `compare --help` print, from the comments of conf/."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

WIDTH = 80
INDENT = 18  # characters before the meaning of a factor
ASKING = ("--help", "-h")
TRAIN = """\
seedscope train [key=value ...] [-m]    train, log to MLflow, compare

  seedscope train study=digits                             a preset, all its sources
  seedscope train -m factor=none,init,shuffle,all replicates=20
  seedscope train factor=batch_size model=cnn loop.epochs=5
  seedscope train factor=sources 'factor.vary=[init,shuffle]' design=blocks
  seedscope train -m factor=init,all optimizer.learning_rate=0.01,0.1
  seedscope train study=digits budget=20m                  as many blocks as fit

-m trains each of several values with commas. What MLflow holds is not trained again."""
COMPARE = """\
seedscope compare [key=value ...]       compare runs; nothing is trained"""
AFTER = """\
--cfg job prints every key as this command would use it, --config-dir DIR has your own
folder of configuration searched first, --trace shows errors in your code in full."""


def of_train(conf: Path) -> str:
    """Return the help of the command that trains."""
    parts = [TRAIN, "What is varied: factor="]
    parts += ["\n".join(_meaning(file) for file in _files(conf, "factor"))]
    groups = ("study", "data", "model", "optimizer", "loop", "engine", "launcher")
    lines = [_wrapped(f"{g}=", _names(conf, g)) for g in (*groups, "design")]
    parts += ["Files to choose from", "\n".join(lines)]
    parts += ["Keys of conf/train.yaml", _keys(conf / "train.yaml")]
    return "\n\n".join([*parts, AFTER])


def of_compare(conf: Path) -> str:
    """Return the help of the command that compares."""
    path = conf / "compare.yaml"
    lead = [line for line in path.read_text().splitlines() if line.startswith("#  ")]
    examples = "\n".join(
        line[3:].replace("python src/compare.py", "seedscope compare") for line in lead
    )
    examples = textwrap.indent(textwrap.dedent(examples), "  ")
    return "\n\n".join([COMPARE, examples, "Keys", _keys(path)])


def _files(conf: Path, group: str) -> list[Path]:
    return sorted((conf / group).glob("*.yaml"))


def _names(conf: Path, group: str) -> str:
    return ", ".join(path.stem for path in _files(conf, group))


def _meaning(path: Path) -> str:
    """Return a factor and the first sentence of its comment."""
    comment: list[str] = []
    for line in path.read_text().splitlines():
        if not line.startswith("# ") or line.startswith("#  "):
            break
        comment.append(line[2:])
    text = " ".join(comment)
    return _wrapped(path.stem, re.split(r"(?<=[^.][.;]) |:  ", text)[0].rstrip(".;"))


def _wrapped(name: str, text: str) -> str:
    lines = textwrap.wrap(text, WIDTH - INDENT) or [""]
    head = f"  {name:<{INDENT - 3}} {lines[0]}"
    return "\n".join([head, *(" " * INDENT + line for line in lines[1:])])


def _keys(path: Path) -> str:
    """Return the keys of a file with their comments, as they stand there."""
    return "\n".join(_body(path.read_text().splitlines())).strip("\n")


def _body(lines: list[str]) -> Iterator[str]:
    """Yield the lines of a file without its head, its defaults and Hydra's part."""
    skipped = True  # the head
    for line in lines:
        if re.match(r"(defaults|hydra):", line):
            skipped = True
        elif skipped and line and not line.startswith((" ", "#", "-")):
            skipped = False
        if not skipped:
            yield f"  {line}" if line else ""
