import pickle
import re
from dataclasses import FrozenInstanceError, replace

import pytest
from composing import read

MISTAKES = [
    ("loop.epochs=abc", "loop.epochs: Value 'abc' of type 'str'"),
    ("loop.epochs=0", "loop.epochs=0 must be 1 or more"),
    ("loop.batch_size=-3", "loop.batch_size=-3 must be 1 or more"),
    ("replicates=0", "replicates=0 must be 1 or more"),
    ("root_seed=-1", "root_seed=-1 must be 0 or more"),
    ("loop.shuffle=yes", "loop.shuffle"),
    ("loop.shuffle=always", "choose one of epoch, once, none, buffer"),
    ("split.test=0", "split.test=0"),
    ("split.test=0.9", "leave nothing to train on"),
    ("split.label_noise=1.5", "split.label_noise=1.5 is a fraction of 1"),
    ("split.test=nan", "split.test=nan must be 0 or more"),
    ("model._target_=nowhere.build", "no module 'nowhere'"),
    ("model._target_=3", "model._target_ must name a function"),
    ("optimizer.learning_rate=nan", "optimizer.learning_rate=nan must be a finite"),
    ("factor.vary=[weights]", "unknown source 'weights'; known: init, shuffle"),
    ("factor.vary=[init,init]", "factor.vary names a source twice"),
    ("+factor.levels={loop.batchsize:[1]}", "there is no setting 'loop.batchsize'"),
    ("+factor.levels={loop.batch_size:[8,x]}", "loop.batch_size: Value 'x'"),
    ("+factor.levels={loop.batch_size:8}", "must be a list of values to compare"),
]


@pytest.mark.parametrize(("override", "message"), MISTAKES)
def test_a_mistake_is_named_with_what_came(override, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read(override)


def test_levels_make_one_arm_each_and_change_only_their_setting():
    study = read("factor.name=b", "+factor.levels={loop.batch_size:[8,null]}")
    small, full = study.arms
    assert (small.name, full.name) == ("b batch_size:8", "b batch_size:none")
    assert (small.settings.loop.batch_size, full.settings.loop.batch_size) == (8, None)
    loop = replace(full.settings.loop, batch_size=8)
    assert small.settings == replace(full.settings, loop=loop)


def test_two_level_keys_are_crossed():
    levels = "+factor.levels={loop.batch_size:[8,32],loop.shuffle:[epoch,none]}"
    assert len(read(levels).arms) == 4


def test_a_level_replaces_a_whole_component():
    optimizer = "{name:plain,_target_:keras.optimizers.SGD,learning_rate:0.5}"
    study = read("factor.name=o", f"+factor.levels={{optimizer:[{optimizer}]}}")
    (arm,) = study.arms
    assert arm.name == "o optimizer:plain"
    assert arm.settings.optimizer["_target_"] == "keras.optimizers.SGD"


def test_any_set_of_sources_can_be_varied_and_names_itself():
    study = read("factor=sources", "factor.vary=[shuffle,dropout]")
    assert study.arms[0].name == "shuffle+dropout"


def test_nothing_changes_a_configuration_after_it_was_read():
    study = read("model.hidden=[4]", "better={mine: lower}")
    nested = study.arms[0].settings
    for part, name in (
        (study, "name"), (study.engine, "keep_weights"), (study.factor, "name"),
        (study.tracking, "experiment"), (nested, "loop"), (nested.loop, "epochs"),
        (nested.runtime, "seeding"), (study.answer, "score"), (nested.split, "test"),
    ):  # fmt: skip
        with pytest.raises(FrozenInstanceError):
            setattr(part, name, None)
    for mapping in (nested.model, study.config["model"], study.better):
        with pytest.raises(TypeError, match="is not changed after it was read"):
            mapping["hidden"] = [8]
        with pytest.raises(TypeError, match="is not changed after it was read"):
            mapping |= {"hidden": [8]}
    again = pickle.loads(pickle.dumps(study))  # as it goes to other processes
    assert again == study
    with pytest.raises(TypeError):
        again.config.pop("model")


def test_the_factor_script_asks_for_its_levels():
    with pytest.raises(ValueError, match="factor=script compares levels"):
        read("factor=script")
