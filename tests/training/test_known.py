"""What a training process said is asked again wherever it may have changed."""

from dataclasses import replace

import pytest
from composing import read

from seedscope.study import identity
from seedscope.study.identity import Found
from seedscope.training import known
from seedscope.training.batched import verdicts
from seedscope.training.launch import here, launchers


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def name_of(*words):
    study = read(*words)
    return known.name_of(identity.samples(study), study.engine)


def test_an_answer_about_what_comes_with_seedscope_is_asked_once(monkeypatch):
    study = read("factor=init")
    samples, asked = identity.samples(study), []
    data = {identity.data_key(study.base): "d" * 64}
    engine = replace(study.engine, name="batched")
    found = Found(data, engine, "2", "3", (), told=("why",), together=8)
    monkeypatch.setattr(
        here, "ask", lambda *about: asked.append(about) or (lambda: found)
    )
    assert launchers.ask(samples, study.engine)() == found
    assert launchers.ask(samples, study.engine)() == found
    assert len(asked) == 1
    with monkeypatch.context() as patch:
        patch.setattr(known, "own_code", lambda: "another version")
        launchers.ask(samples, study.engine)()
    assert len(asked) == 2


def test_another_question_has_another_name():
    words = (
        *("loop.epochs=2", "data=synthetic", "engine.group_size=3"),
        *("root_seed=7", "factor=batch_size", "runtime.precision=float64"),
    )
    names = [name_of(), *(name_of(word) for word in words)]
    assert None not in names
    assert len(set(names)) == len(names)
    assert verdicts.own_code() == known.own_code()


def test_what_the_user_brought_is_looked_at_each_time(tmp_path, monkeypatch):
    (tmp_path / "brought.py").write_text("def load():\n    pass\n\n\nbuild = load\n")
    monkeypatch.syspath_prepend(tmp_path)
    for words in (
        ("data=own", "data._target_=brought.load"),
        ("model=own", "model._target_=brought.build"),
        ("data=fashion_mnist",),
        (f"script.path={tmp_path}/brought.py",),
    ):
        assert name_of(*words) is None
