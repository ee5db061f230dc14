"""What is known of a score by its name, and what a user says of it."""

import math
import re

import polars as pl
import pytest
from composing import ROOT
from composing import read as read_study_config
from hydra import compose, initialize_config_dir

from seedscope.analysis.compare import choose, compare
from seedscope.analysis.two_groups import compare_groups
from seedscope.report import against, details
from seedscope.runs import question, readers
from seedscope.runs.score import FRACTION, directions, score
from seedscope.runs.score_names import KNOWN
from seedscope.runs.table import Runs

CASE = ROOT / "tests/cases/lower_is_better.csv"


def asked(*overrides):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return question.read(compose("compare", overrides=list(overrides)))


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("test/accuracy", "higher"), ("val_acc", "higher"), ("acc@1", "higher"),
        ("F1Score", "higher"), ("mIoU", "higher"), ("rougeL", "higher"),
        ("val_auc_2", "higher"), ("ndcg@10", "higher"), ("episode_return", "higher"),
        ("tokens_per_sec", "higher"), ("neg_mean_squared_error", "higher"),
        ("log_likelihood", "higher"), ("eval/bleu", "higher"), ("R2", "higher"),
        ("val_err", "lower"), ("nll", "lower"), ("WER", "lower"),
        ("test_word_error_rate", "lower"), ("train_loss_epoch", "lower"),
        ("loss/train", "lower"), ("accuracy_loss", "lower"), ("bpc", "lower"),
        ("negative_log_likelihood", "lower"), ("seconds_per_epoch", "lower"),
        ("fid", "lower"), ("brier_score", "lower"), ("regret", "lower"),
        ("samples", "lower"), ("perplexity", "lower"), ("cer", "lower"),
        ("lossless", None), ("loss_scale", None), ("weight_loss", None),
        ("accuracy_gap", None), ("learning_rate", None), ("seed", None), ("lr", None),
        ("n_samples", None), ("inaccuracy", None), ("terror", None), ("score", None),
        ("errors_per_second", None), ("dice", None), ("", None), ("точность", None),
    ],
)  # fmt: skip
def test_whole_words_tell_the_direction_and_nothing_else_does(name, direction):
    assert score(name).direction == direction


def test_parts_units_and_bounds_come_with_the_name():
    found = score("val_categorical_accuracy", [0.5, 0.9])
    assert (found.part, found.unit, found.bounds) == ("val", FRACTION, (0, 1))
    assert score("test/loss").part == "test"
    assert score("batch/loss").part == "train"
    assert score("auc").part is None
    assert score("wall_seconds").unit == "s"
    assert score("perplexity").bounds == (0, math.inf)


def test_what_runs_reached_wins_over_what_a_name_promises():
    found = score("test/accuracy", [61.0, 93.1])  # percent already
    assert (found.unit, found.bounds) == ("", (0.0, 100.0))
    assert found.direction == "higher"
    count = score("test/accuracy", [61.0, 593.1])
    assert (count.unit, count.bounds) == ("", (-math.inf, math.inf))


def test_every_metric_and_loss_of_keras_is_known():
    import keras
    from keras.src import losses, metrics
    from keras.src.utils.naming import to_snake_case

    both = {**losses.ALL_OBJECTS_DICT, **metrics.ALL_OBJECTS_DICT}
    kinds = {to_snake_case(kind.__name__) for kind in both.values()}
    names = {n for n in both if n == n.lower()} | kinds
    assert len(names) > 50
    aside = {"deserialize", "get", "serialize", "loss_function_wrapper"}
    assert {name for name in names - aside if name not in KNOWN} == set()
    assert keras.losses.get("mse") is not None


def test_one_direction_is_for_what_was_asked_for_or_what_is_not_known():
    names = ["test/loss", "test/mine", "test/other"]
    mine = {"test/mine": "lower", "test/other": "lower"}
    assert directions("lower", names) == mine
    assert directions("lower", names, ["test/other"]) == {"test/other": "lower"}
    assert directions("higher", names, ["test/loss"]) == {"test/loss": "higher"}
    with pytest.raises(ValueError, match=r"direction is known \(a/loss: lower\)"):
        directions("lower", ["a/loss"])


def test_a_direction_by_score_wins_over_the_name_and_must_name_a_score():
    said = directions({"accuracy": "lower"}, ["test/accuracy", "val/accuracy"])
    assert score("test/accuracy", (), said).direction == "lower"
    assert score("batch/accuracy", (), said).direction == "lower"  # a curve
    with pytest.raises(ValueError, match="better: no run holds acuracy; there are a"):
        directions({"acuracy": "lower"}, ["a"])


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("better=up", "better='up' must be higher or lower"),
        ("better=1", "better=1 must be higher or lower"),
        ("better=[lower]", "must be higher or lower, or say it by score"),
        ("better={wer: down}", "better.wer='down' must be higher or lower"),
        ("better={}", "better={} must be higher or lower"),
    ],
)
def test_a_direction_that_is_none_is_refused_in_both_commands(typed, message):
    with pytest.raises(ValueError, match=re.escape(message)) as told:
        asked(typed)
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_study_config(typed)


def test_both_forms_are_read_by_both_commands():
    assert asked("better=lower").better == "lower"
    assert asked("better={val_err: lower}").better == {"val_err": "lower"}
    assert read_study_config("better={test/loss: lower}").better == {
        "test/loss": "lower"
    }
    assert read_study_config("better=higher").better == "higher"


def of_case(scores, *overrides):
    found = readers.read(
        asked(f"table={CASE}", f"score={scores}", "groups=[model]", *overrides)
    )
    return compare_groups(
        found.arm("model:good"), found.arm("model:bad"), tuple(found.scores), 0.95
    )


def test_a_lower_word_error_rate_error_and_likelihood_loss_are_better():
    for found in of_case("[wer,nll,val_err]"):
        assert (found.verdict.word, found.verdict.favours) == ("better", "a")
        assert found.result.superiority.value == 1
        assert "good is better than model:bad" in against.markdown([found])


def unknown(tmp_path):
    path = tmp_path / "scores.csv"
    rows = pl.read_csv(CASE).rename({"wer": "quality"})
    rows.write_csv(path)
    return path


def test_an_unknown_direction_is_said_as_higher_never_better(tmp_path):
    path = unknown(tmp_path)
    runs = readers.read(asked(f"table={path}", "score=[quality]", "groups=[model]"))
    (found,) = compare_groups(
        runs.arm("model:good"), runs.arm("model:bad"), ("quality",), 0.95
    )
    assert (found.direction, found.verdict.word) == (None, "higher")
    text = against.markdown([found])
    assert "model:bad is higher than model:good" in text
    assert "is better than" not in text
    compared = compare(runs, [], 0.95)
    assert compared.arms[0].beyond["quality"].best_of == {}
    assert not [s for s in details.sheets(compared) if "best" in s.title]


@pytest.mark.parametrize("said", ["better=lower", "better={quality: lower}"])
def test_what_the_user_says_decides(tmp_path, said):
    path = unknown(tmp_path)
    runs = readers.read(
        asked(f"table={path}", "score=[quality]", "groups=[model]", said)
    )
    (found,) = compare_groups(
        runs.arm("model:good"), runs.arm("model:bad"), ("quality",), 0.95
    )
    assert (found.verdict.word, found.verdict.favours) == ("better", "a")


def test_runs_that_diverged_do_not_take_bounds_away():
    auc, diverged = [0.5, 0.7, 1.797e308], [False, False, True]
    table = pl.DataFrame({"auc": auc, "diverged": diverged})
    assert Runs("made", table, ("auc",)).about("auc").bounds == (0, 1)
    one = table.with_columns(diverged=pl.lit(False))
    assert Runs("made", one, ("auc",)).about("auc").bounds == (-math.inf, math.inf)


def test_an_accuracy_leads_then_what_was_tested_and_settings_never_do():
    names = ("lr", "seed", "seconds", "train/loss", "val_loss", "test/mine", "acc")
    table = pl.DataFrame({name: [0.5, 0.6] for name in names})
    chosen = choose(Runs("made", table, names), [])
    assert chosen == (
        "acc", "test/mine", "val_loss", "train/loss", "seconds", "lr", "seed"
    )  # fmt: skip
