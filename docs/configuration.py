"""Write docs/configuration.md from the comments of conf/.

python docs/configuration.py        a test compares what it writes with what is there
"""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CATALOGUES = ("factor", "study", "claim")  # many files of one shape: a row each
HEAD = """# Configuration

Every key with its default and its meaning, written by `python docs/configuration.py`
from `conf/`. `python src/train.py --cfg job` prints what a command would use.
"""


def configuration() -> str:
    """Return the page."""
    parts = [HEAD]
    for name in ("train", "compare", "verify"):
        path = ROOT / "conf" / f"{name}.yaml"
        if path.is_file():
            parts += [f"## `conf/{name}.yaml`", _fenced(path)]
    for folder in sorted(p for p in (ROOT / "conf").iterdir() if p.is_dir()):
        files = sorted(folder.glob("*.yaml"))
        if folder.name in CATALOGUES:
            parts += [f"## `{folder.name}=`", _catalogue(files)]
            continue
        for path in files:
            parts += [f"## `{folder.name}={path.stem}`", _fenced(path)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _fenced(path: Path) -> str:
    return f"```yaml\n{path.read_text().strip()}\n```"


def _catalogue(files: list[Path]) -> str:
    """Return a table of files: the name, and what the file asks or says first."""
    rows = [f"| `{path.stem}` | {_about(path)} |" for path in files]
    return "\n".join(["| name | what it asks |", "|---|---|", *rows])


def _about(path: Path) -> str:
    text = path.read_text()
    content = yaml.safe_load(text) or {}
    factor = content.get("factor")
    asked = content.get("question")
    if asked is None and isinstance(factor, dict):
        asked = factor.get("question")
    comments = [
        line.lstrip("# ").strip()
        for line in text.splitlines()
        if line.startswith("# ") and "@package" not in line
    ]
    said = str(asked or content.get("text") or " ".join(comments).partition(". ")[0])
    return said.replace("|", "\\|")


if __name__ == "__main__":
    (ROOT / "docs" / "configuration.md").write_text(configuration(), encoding="utf-8")
