"""The gate for continuous integration: status 0 holds, 1 fails, 2 cannot be told."""

import subprocess
import sys

import pytest
from composing import ROOT

from seedscope.runs.condition import parse

ROWS = [("tight", 0.90 + 0.0001 * i) for i in range(10)]
ROWS += [("loose", 0.80 + 0.02 * i) for i in range(10)]

CASES = [  # condition, exit status, what its line says
    ("sd(accuracy, method:tight) > 0.01", 0, "gate holds"),
    ("sd(accuracy, tight) > 0.01", 0, "gate holds"),
    ("sd(accuracy, loose) > 0.01", 1, "gate fails"),
    ("sd(accuracy, loose) > 1 %", 1, "gate fails"),
    ("sd(accuracy, loose) > 0.06", 2, "train more runs"),
    ("mean(accuracy, tight) < 0.8", 0, "gate holds"),
    ("mean(accuracy, tight) < 95 %", 1, "gate fails"),
    ("difference(accuracy, loose, tight) > 0", 2, "train more runs"),
    ("difference(accuracy, loose, tight) > -50 pp", 1, "gate fails"),
    ("diverged(tight) > 0", 0, "gate holds"),
    ("control", 2, "no arm repeats one run exactly"),
    ("sd(accuracy, nosuch) > 0.01", 2, "error: fail_if='sd(accuracy, nosuch)"),
    ("sd(f1, tight) > 0.01", 2, "no score 'f1'"),
    ("spread(accuracy, tight) > 0.01", 2, "write for example"),
    ("sd(accuracy) > 0.01", 2, "sd takes (score, arm)"),
    ("sd(accuracy, tight) > much", 2, "'much' is no number"),
]
PROGRAM = """
import sys
sys.path.insert(0, {src!r})
from seedscope.commands import compare
for text in {texts!r}:
    try:
        compare.main(["table=s.csv", "groups=[method]", f"fail_if={{text}}"])
        status = 0
    except SystemExit as stop:
        status = stop.code
    sys.stderr.flush()
    print("STATUS", status, flush=True)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate")
    lines = ["method,accuracy", *(f"{name},{value}" for name, value in ROWS)]
    (folder / "s.csv").write_text("\n".join(lines) + "\n")
    texts = [text for text, _, _ in CASES]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(src=str(ROOT / "src"), texts=texts)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    parts = done.stdout.split("STATUS ")
    said = [parts[0], *(part.partition("\n")[2] for part in parts[1:-1])]
    status = [part.partition("\n")[0] for part in parts[1:]]
    return dict(zip(texts, zip(status, said, strict=True), strict=True))


@pytest.mark.parametrize(("text", "status", "line"), CASES)
def test_a_gate_ends_with_its_status_and_one_line(outcomes, text, status, line):
    found, said = outcomes[text]
    assert found == str(status)
    last = said.strip().splitlines()[-1]
    assert line in last
    assert line.startswith("gate") is last.startswith(f"gate {line.split()[-1]}")


def test_a_percent_sign_is_a_hundredth():
    assert parse("sd(a, b) > 1 %").limit == parse("sd(a, b) > 0.01").limit
