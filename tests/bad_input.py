"""Read command lines on paper, in one process, and print what is said about each.

    python bad_input.py < lines.json

A line is [command, words]; the answer is {"said": [...], "imported": [...]}.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from seedscope.commands import compare, train
from seedscope.commands.overrides import (
    composed,
    overrides,
    told_in_one_line,
    users_folder_first,
)
from seedscope.runs import question


def read(command: str, words: list[str]) -> str:
    """Return what a command says of its words; `accepted` where it would go on."""
    try:
        with told_in_one_line():
            given = users_folder_first(overrides(words))
            if command == "train":
                train._check([*given, "tracking.sweep=x"])
            else:
                question.read(composed("compare", compare.typed(given)))
    except SystemExit as ended:
        return str(ended)
    except Exception as error:
        return f"Traceback: {error!r}"
    return "accepted"


said = [read(*line) for line in json.load(sys.stdin)]
slow = {"tensorflow", "keras", "mlflow"} & set(sys.modules)
print(json.dumps({"said": said, "imported": sorted(slow)}))
