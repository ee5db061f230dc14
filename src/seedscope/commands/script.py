"""The command `seedscope script`: a program as it is called, with ours before it.

seedscope script replicates=20 my_train.py --epochs 5
seedscope script replicates=20 -m package.module --epochs 5

Words before the program are overrides of conf/train.yaml; the program's name and all
after it are its own. Without `factor=`, each source that the program draws from is
varied alone, and all together.
"""

import sys
from collections.abc import Sequence

from seedscope.commands import train
from seedscope.commands.overrides import (
    composed,
    overrides,
    study_name,
    swept_settings,
    told_in_one_line,
)
from seedscope.study import identity, settings
from seedscope.training.launch import launchers

FACTORS = ("none", "init", "shuffle", "dropout", "augmentation", "split", "data", "all")
CHOOSING = ("factor=", "factor.", "study=")
USE = "seedscope script [overrides] my_train.py|notebook.ipynb|-m module [its words]"


def main() -> None:
    """Run the command."""
    words = sys.argv[1:]
    if words[:1] in ([], ["-h"], ["--help"]):
        print(f"{USE}\n\n{__doc__}")
        return
    with told_in_one_line():
        given = _given(words)
        chosen = any(
            word.startswith(("factor=", "factor.", "study=")) for word in given
        )
        if not chosen and not swept_settings(given):
            given.append(f"factor={','.join(_factors(given))}")
    train.main(["--multirun", *given])


def _given(words: Sequence[str]) -> list[str]:
    """Return the words of the command as overrides of conf/train.yaml.

    Raises:
        ValueError: no word is a program.
    """
    for place, word in enumerate(words):
        if word == "-m" and place + 1 < len(words):
            return _with(words[:place], "module", words[place + 1], words[place + 2 :])
        if word.endswith((".py", ".ipynb")) and "=" not in word:
            return _with(words[:place], "path", word, words[place + 1 :])
    raise ValueError(f"no word of `{' '.join(words)}` is a program: {USE}")


def _with(ours: Sequence[str], key: str, program: str, its: Sequence[str]) -> list[str]:
    own = ",".join(map(_quoted, its))
    return [
        *overrides(ours),
        f"script.{key}={_quoted(program)}",
        f"script.words=[{own}]",
    ]


def _factors(given: Sequence[str]) -> list[str]:
    """Return the factors whose sources the program draws from; say what is left out."""
    config = composed("train", given)
    study = settings.read(config, study_name(config, ()))
    silent = launchers.ask(identity.samples(study), study.engine)().silent
    left = [factor for factor in FACTORS if factor in silent]
    if left:
        print(f"left out, as the program never draws from it: {', '.join(left)}")
    return [factor for factor in FACTORS if factor not in silent]


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
