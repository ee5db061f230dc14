"""Errors in the user's code are told with their file, line and message."""

import pytest

from seedscope.task.parts import call
from seedscope.training import trouble

MINE = """
import keras
import tensorflow as tf

def plainly():
    raise ValueError("shapes (3,) and (4,) not aligned")

def by_keras():
    return keras.layers.Dense(-1)

def _lost(x):
    raise KeyError("lost")

class Layer(keras.layers.Layer):
    def call(self, x):
        return _lost(x)

def in_a_layer():
    return Layer()(tf.ones((1, 2)))

class Model(keras.Model):
    def train_step(self, data):
        return {"loss": self.nothing}

class Checked(keras.layers.Layer):
    def call(self, x):
        tf.debugging.assert_less(x, -100.0)
        return x

def _fitted(model):
    model.compile("sgd", "mse")
    model.fit(tf.ones((4, 1)), tf.ones((4, 1)), verbose=0)

def in_a_step():
    i = keras.Input((1,))
    _fitted(Model(i, keras.layers.Dense(1)(i)))

def in_a_graph():
    i = keras.Input((1,))
    _fitted(keras.Model(i, keras.layers.Dense(1)(Checked()(i))))
"""
CASES = [
    ("plainly", "ValueError in your code: shapes (3,) and (4,) not aligned",
     'raise ValueError("shapes (3,) and (4,) not aligned")', "plainly"),
    ("by_keras", "ValueError in your code: Received an invalid value for `units`, "
     "expected a positive integer. Received: units=-1",
     "return keras.layers.Dense(-1)", "by_keras"),
    ("in_a_layer", "KeyError in your code: lost", 'raise KeyError("lost")', "_lost"),
    ("in_a_step", "AttributeError in your code: 'Model' object has no attribute "
     "'nothing'", 'return {"loss": self.nothing}', "train_step"),
    ("in_a_graph", "InvalidArgumentError in your code: assertion failed: ",
     "tf.debugging.assert_less(x, -100.0)", "call"),
]  # fmt: skip


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine_troubled.py").write_text(MINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.delenv(trouble.TRACE, raising=False)
        yield folder


def error_of(target):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any kind is told
        call({"_target_": target}, "model")
    return caught.value


@pytest.mark.parametrize(("function", "said", "source", "where"), CASES)
def test_an_error_in_the_users_code_takes_three_lines(
    mine, function, said, source, where
):
    kind, text = trouble.told(error_of(f"mine_troubled.{function}"))
    first, second, third = text.splitlines()
    assert kind == "mistake"
    assert first.startswith(said)
    path = (mine / "mine_troubled.py").resolve()
    line = MINE.splitlines().index(next(s for s in MINE.splitlines() if source in s))
    place = f'File "{path}", line {line + 1}, in {where}'
    assert second == f"  {place} (--trace shows more)"
    assert third == f"    {source}"


def test_a_module_that_cannot_be_imported_is_told_by_its_own_line(mine):
    (mine / "mine_broken.py").write_text("\ndef f(:")
    kind, text = trouble.told(error_of("mine_broken.f"))
    assert kind == "mistake"
    assert text.startswith("SyntaxError in your code: invalid syntax")
    assert 'mine_broken.py", line 2, in <module>' in text
    (mine / "mine_lacking.py").write_text("import there_is_no_such_module")
    kind, text = trouble.told(error_of("mine_lacking.f"))
    assert text.startswith("model._target_=mine_lacking.f cannot be had: No module")
    assert 'mine_lacking.py", line 1, in <module>' in text


def test_everything_is_shown_when_asked_for(mine, monkeypatch):
    monkeypatch.setenv(trouble.TRACE, "1")
    _, text = trouble.told(error_of("mine_troubled.plainly"))
    assert text.startswith("Traceback (most recent call last)")
    assert "parts.py" in text


def test_what_is_not_the_users_is_told_as_before():
    assert trouble.told(error_of("seedscope.task.nothing")) == (
        "mistake",
        "model._target_=seedscope.task.nothing cannot be had: module 'seedscope.task' "
        "has no attribute 'nothing'",
    )
    kind, text = trouble.told(OSError("disk"))
    assert (kind, text) == ("failure", "OSError: disk (--trace shows more)")


def test_the_colours_of_keras_are_left_out():
    error = ValueError(
        "Exception encountered when calling L.call().\n\n\x1b[1mbad\x1b[0m\n\n"
        "Arguments received by L.call():\n  x=1"
    )
    assert trouble.message(error) == "bad"
