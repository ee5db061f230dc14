from functools import cache

import keras
import pytest
from composing import TINY, plan, read

from seedscope.training.sequential import naive

REACHED = {
    "none": set(),
    "numpy_python": {"numpy", "python", "keras", "initial_weights"},
    "tensorflow": {"tensorflow", "dataset_shuffle", "order"},
    "keras": {
        "numpy",
        "python",
        "keras",
        "initial_weights",
        "tensorflow",
        "dataset_shuffle",
        "order",
    },
}


@cache
def arm(seeding, *overrides):
    runs = plan(*TINY, "factor=seeding", *overrides)
    runs = [run for run in runs if run.settings.runtime.seeding == seeding]
    return [seeded_before(run) for run in runs]


def seeded_before(run):
    keras.utils.set_random_seed(7)  # as loading the data leaves them in a fresh process
    return naive.train(run)


@pytest.mark.parametrize("seeding", REACHED)
def test_a_global_seed_fixes_its_own_generators_and_no_others(seeding):
    first, again = arm(seeding)
    same = {key for key in first.digests if first.digests[key] == again.digests[key]}
    assert same == REACHED[seeding] | {"data", "split", "dataset_shuffle_seeded"}
    identical = first.weights_sha256 == again.weights_sha256
    assert identical == (seeding == "keras")


def test_fit_replays_one_order_in_every_epoch_once_a_seed_is_set():
    said = "second_epoch_in_the_order_of_the_first"
    assert arm("tensorflow")[0].facts[said] == "True"
    assert arm("none")[0].facts[said] == "False"


def test_a_loop_over_slices_sees_the_examples_as_stored():
    first, again = arm("none", "loop=train_on_batch", "loop.shuffle=none")
    assert first.digests["order"] == again.digests["order"]
    assert len(first.batch["loss"]) == 2 * first.steps_per_epoch


WRONG = [
    ("loop=custom", "use loop=fit or loop=train_on_batch"),
    ("loop.shuffle=once", "set loop.shuffle=epoch or none"),
    ("loop=train_on_batch", "loop.shuffle=none"),
    ("runtime.input_pipeline=serial", "set runtime.input_pipeline=arrays"),
    ("factor.vary=[init]", r"factor.vary must be \[\]"),
]


@pytest.mark.parametrize(("override", "message"), WRONG)
def test_what_keras_own_draws_rule_out_says_what_to_change(override, message):
    with pytest.raises(ValueError, match=message):
        read("factor=seeding", "runtime.seeding=none", override)
