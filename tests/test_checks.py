"""The linter, the formatter and the type checker find nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from composing import ROOT

TOOLS = Path(sys.executable).parent
COMMANDS = {
    "linter": ["ruff", "check", "--no-cache", "--quiet"],
    "formatter": ["ruff", "format", "--no-cache", "--check", "--quiet"],
    "types": ["basedpyright", "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_check_of_the_whole_project_finds_nothing(command):
    tool, *words = command
    if not (TOOLS / tool).is_file():
        pytest.skip(f"{tool} is not installed beside {sys.executable}")
    done = subprocess.run(
        [str(TOOLS / tool), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
