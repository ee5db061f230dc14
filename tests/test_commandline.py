import pytest
from composing import ROOT
from hydra import compose, initialize_config_dir

from seedscope.commands.overrides import overrides, study_name

WORDS = [
    (["factor=init"], ["factor=init"]),
    (["a=1 b=2 c.d=x"], ["a=1", "b=2", "c.d=x"]),
    (["--replicates", "20"], ["replicates=20"]),
    (["--loop.epochs", "3", "x=1"], ["loop.epochs=3", "x=1"]),
    (["", " "], []),
    (["-m", "factor=init,all"], ["-m", "factor=init,all"]),
    (["--multirun", "factor=a"], ["--multirun", "factor=a"]),
    (["s={init: 3, shuffle: 4} k=1"], ["s={init: 3, shuffle: 4}", "k=1"]),
    (["name=two words"], ["name=two words"]),
    (["a=1 --multirun b=2"], ["a=1", "--multirun", "b=2"]),
    (["+x.y=1 ~z model@m=cnn"], ["+x.y=1 ~z", "model@m=cnn"]),
]


@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_what_mlflow_passes_becomes_hydra_overrides(words, expected):
    assert overrides(words) == expected


def test_an_option_without_a_value_says_so():
    with pytest.raises(ValueError, match="--replicates needs a value"):
        overrides(["--replicates"])


def name(*changes, swept=()):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return study_name(compose("train", overrides=list(changes)), swept)


def test_jobs_that_differ_in_what_is_varied_share_a_study():
    assert name("factor=init") == name(
        "factor=all", "replicates=99", "engine.workers=2"
    )
    assert name("factor=init") != name("factor=init", "loop.epochs=3")
    assert name("root_seed=1") != name("root_seed=2")


def test_a_swept_setting_is_no_part_of_the_name():
    rate = "optimizer.learning_rate"
    few, many = name(f"{rate}=0.1", swept=(rate,)), name(f"{rate}=0.2", swept=(rate,))
    assert few == many
    assert name("model=mlp", swept=("model",)) == name("model=cnn", swept=("model",))
