"""Keep what training processes said of models and data that come with seedscope.

A study that has finished can then say so before TensorFlow is imported. What is found
out about anything of the user's may change without a word (a file that a function
reads), so it is asked anew each time.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import platformdirs

from seedscope.study import code
from seedscope.study.identity import PARTS, Found, code_of
from seedscope.study.words import Engine, Run
from seedscope.training.batched.verdicts import own_code
from seedscope.training.cache import here

OURS = ("seedscope.", "keras.optimizers.")  # how the names of what we know begin
READS = "seedscope.task.data.datasets.fashion_mnist"  # files that may change
LIBRARIES = ("numpy", "scikit-learn", "mnist1d")  # besides TensorFlow and Keras


def name_of(samples: Sequence[Run], engine: Engine) -> str | None:
    """Return the name of an answer; None where it has to be asked each time.

    Args:
        samples: as the process that trains would be asked.
        engine: as configured.
    """
    for run in samples:
        tree = asdict(run.settings)
        targets = code.targets_of([tree[part] for part in PARTS])
        own = all(t.startswith(OURS) and t != READS for t in targets)
        if run.settings.script.name is not None or not own or code_of(run.settings):
            return None
    parts = [
        own_code(),
        here(),
        *(version(library) for library in LIBRARIES),
        json.dumps([asdict(run) for run in samples], sort_keys=True, default=str),
        json.dumps(asdict(engine), sort_keys=True),
    ]
    return sha256("\n".join(parts).encode()).hexdigest()


def read(name: str) -> Found | None:
    """Return a kept answer, if there is one."""
    try:
        text = (_folder() / f"{name}.json").read_text()
        held: dict[str, Any] = json.loads(text)
        for key, value in held.items():
            held[key] = tuple(value) if isinstance(value, list) else value
        held["engine"] = Engine(**held["engine"])
        return Found(**held)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(name: str, found: Found) -> None:
    """Keep an answer; where there is no place for it the next study asks again."""
    try:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as file:
            json.dump(asdict(found), file)
        os.replace(file.name, folder / f"{name}.json")
    except OSError:
        return


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("seedscope"), "answers")
