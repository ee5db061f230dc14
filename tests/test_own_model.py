"""The README's example of a model and data of one's own, outside the project."""

import re
import subprocess
import sys

from composing import ROOT


def readme_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_readmes_own_model_trains_outside_the_project(tmp_path):
    (module,) = readme_blocks("python")
    (command,) = [c for c in readme_blocks("sh") if "mine.build" in c]
    (tmp_path / "mine.py").write_text(module)
    command = command.replace("/folder/of/mine", str(tmp_path))
    command = command.replace("python src", f"{sys.executable} {ROOT}/src")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    done = subprocess.run(
        f"{command.strip()} replicates=3 tracking.uri={uri}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "test/accuracy" in done.stdout
    for arm in ("none", "init", "dropout", "all"):
        assert re.search(rf"^ +{arm} +3 ", done.stdout, flags=re.MULTILINE), done.stdout
