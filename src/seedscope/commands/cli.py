"""The command `seedscope`: one word says which command, the rest are its own words."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

COMMANDS: Mapping[str, str] = {  # word -> the module whose main() it runs
    "train": "seedscope.commands.train",
    "script": "seedscope.commands.script",
    "compare": "seedscope.commands.compare",
    "verify": "seedscope.commands.verify",
}
HELP = """\
seedscope: how much of a training result is chance, and where it comes from

  seedscope train factor=init,shuffle,all -m     train, log, compare
  seedscope train study=digits                   a preset
  seedscope script replicates=20 my_train.py     your own program, source by source
  seedscope compare study=latest                 compare again
  seedscope compare a=init b=shuffle             A against B
  seedscope compare table=scores.csv             runs from a file
  seedscope verify script=my_train.py            does it repeat, and if not, where?

`seedscope <command> --help` lists the keys of a command; `--config-dir DIR` has your
own folder of configuration searched first."""


def main() -> None:
    """Run one command with the words after its name."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP)
        return
    if words[0] not in COMMANDS:
        sys.exit(
            f"error: there is no command {words[0]!r}; choose one of "
            f"{', '.join(COMMANDS)}"
        )
    run: Callable[[], None] = import_module(COMMANDS[words[0]]).main
    sys.argv = [f"seedscope {words[0]}", *words[1:]]
    run()
