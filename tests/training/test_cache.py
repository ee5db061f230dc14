"""XLA's compiled programs, kept between processes: the same bits, bounded, optional."""

import os
import subprocess
import sys

from composing import ROOT

from seedscope.training import cache

PROGRAM = """
import sys
sys.path[:0] = [{src!r}, {tests!r}]
from composing import plan
from seedscope.training import cache
cache.use({on})
from training.test_batched import TINY, trained
runs = plan(*TINY, "replicates=2", "loop.epochs=2", "loop.batch_size=20")
print(*[t.weights_sha256[-1] for t in trained(runs).values()])
"""


def train(home, on):
    places = {"src": str(ROOT / "src"), "tests": str(ROOT / "tests"), "on": on}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(**places)],
        env={**os.environ, "XDG_CACHE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_a_kept_program_computes_the_same_bits(tmp_path):
    anew = train(tmp_path, on=False)
    assert not (tmp_path / "seedscope").exists(), "off by the setting"
    first = train(tmp_path, on=True)
    kept = list((tmp_path / "seedscope").rglob("*.*"))
    again = train(tmp_path, on=True)
    assert kept
    assert anew == first == again


def test_a_users_own_flags_stay(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(cache.FLAGS, "--tf_xla_clustering_debug")
    cache.use(True)
    own, kept = os.environ[cache.FLAGS].split()
    assert own == "--tf_xla_clustering_debug"
    assert kept.startswith(f"{cache.FOLDER}={tmp_path}")
    cache.use(False)
    assert os.environ[cache.FLAGS] == "--tf_xla_clustering_debug"


def test_programs_that_nobody_used_for_longest_go_first(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "LARGEST", 100)
    for number in range(5):
        path = tmp_path / f"program{number}"
        path.write_bytes(b"x" * 40)
        os.utime(path, (number, number))
    cache._prune(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"program4"}
