"""What is known of a script before its runs: found by running it, kept for next time.

Which data files a script opens, and what it draws, shows only while it runs. So the
first thing that is done with a script is a run with nothing varied, twice. What it
shows is kept in the user's cache folder, for exactly this code, these arguments,
versions and runtime, and while the files are what they were.
"""

import json
import platform
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import platformdirs

from seedscope.study import code
from seedscope.study.identity import code_of, data_key
from seedscope.study.words import Run
from seedscope.training.script.ledger import Drawn
from seedscope.training.script.record import Record


@dataclass(frozen=True)
class Knowledge:
    """What one program with its arguments does."""

    files: dict[str, str]  # data that it opened -> SHA-256
    drawn: dict[str, Drawn]
    pinned: dict[str, int]
    replaced: dict[str, int]
    verdict: str | None  # of its double run; none where it ran once

    @property
    def data(self) -> str:
        """Return one digest of all data files; of none: the empty string."""
        if not self.files:
            return ""
        text = "\n".join(sorted(self.files.values()))
        return sha256(text.encode()).hexdigest()


def of_record(record: Record, files: Sequence[Path], verdict: str | None) -> Knowledge:
    """Return what a run has shown."""
    return Knowledge(
        files={str(path): _sha(path) for path in files},
        drawn=dict(record.drawn),
        pinned=dict(record.pinned),
        replaced=dict(record.replaced),
        verdict=verdict,
    )


def kept(run: Run) -> Knowledge | None:
    """Return what is known of a run's program; none where that is nothing, or old."""
    try:
        held = json.loads(_place(run).read_text())
        known = Knowledge(**held | {"drawn": _drawn(held["drawn"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for name, sha in known.files.items():
        path = Path(name)
        if not path.is_file() or _sha(path) != sha:
            return None
    return known


def keep(run: Run, known: Knowledge) -> None:
    """Keep what is known of a run's program for the next command."""
    place = _place(run)
    with suppress(OSError):  # no place to keep it is no reason not to train
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".draft")
        drawn = {source: vars(drawn) for source, drawn in known.drawn.items()}
        draft.write_text(json.dumps(vars(known) | {"drawn": drawn}))
        draft.replace(place)


def _drawn(held: dict) -> dict[str, Drawn]:
    return {
        source: Drawn(d["count"], d["digest"], Counter(d["lines"]))
        for source, d in held.items()
    }


def _place(run: Run) -> Path:
    settings = run.settings
    parts = [
        code.digest(code_of(settings)),
        data_key(settings),
        json.dumps(dict(run.seeds), sort_keys=True),
        version("tensorflow"),
        version("keras"),
        version("numpy"),
        platform.python_version(),
        platform.node(),
    ]
    name = sha256("\n".join(parts).encode()).hexdigest()[:24]
    return Path(platformdirs.user_cache_dir("seedscope"), "scripts", f"{name}.json")


def _sha(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
