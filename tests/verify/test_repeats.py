"""What repeats can say, without TensorFlow: records are made up."""

import json
from dataclasses import replace

import numpy as np
import pytest

from seedscope.verify import certificate, cures
from seedscope.verify.finding import find
from seedscope.verify.repeats import missed, rate, repeat, repeats_to_miss
from seedscope.verify.verification import Asked, verify
from seedscope.verify.where import (
    AFTER,
    LOADED,
    PAIRED,
    PIPELINE,
    STEP,
    UPDATE,
    WEIGHTS,
    first_difference,
    locate,
)
from seedscope.verify.words import (
    Call,
    CannotVerify,
    Draw,
    Operation,
    Place,
    Program,
    Record,
    Stage,
    Tap,
)

PROGRAM = Program("made up", "own")
LINE = Place("made_up.py", 7, "step")
ASKED = Asked(30, 30, (), 2, "fresh", 0.95)


def record(final="a", level="none", steps=4, **parts):
    taps = [
        Tap("batch", "batch", ("the batch",), None, (LINE,), [(n,) for n in range(4)]),
        Tap("loss", "loss", ("the loss",), None, (LINE,), [(n,) for n in range(4)]),
        Tap(
            "gradients",
            "gradients",
            ("a/kernel", "b/kernel"),
            None,
            (LINE,),
            [(n, n) for n in range(4)],
        ),
        Tap(
            "update",
            "update",
            ("a/kernel", "b/kernel"),
            None,
            (LINE,),
            [(n, n) for n in range(4)],
        ),
    ]
    return Record(level, final=[("w", final)], taps=taps, steps=steps, **parts)


def racing(one_in, seed):
    """Run repeats of which one in so many ends elsewhere."""
    rng = np.random.default_rng(seed)

    def run(job):
        apart = rng.random() < 1 / one_in
        return record("b" if apart else "a", job.level)

    return run


def test_a_race_of_one_run_in_ten_is_found_by_thirty_repeats():
    found = [
        not rate("none", repeat(racing(10, seed), PROGRAM, 30).plain).agree
        for seed in range(400)
    ]
    # 1 - .9**30 = .958: the sentence says what is missed, and it is missed as often.
    assert np.mean(found) == pytest.approx(1 - missed(30), abs=0.03)


def test_what_is_missed_is_said_and_never_called_deterministic():
    from seedscope.report.verification import tell

    def run(job):
        return record(level=job.level)

    told = tell(verify(run, PROGRAM, ASKED, lambda text: None))
    assert told.verdict == (
        "No difference in 30 repeats of 4 steps; were one run in 10 to differ, this "
        "would have missed it in 4.2 % of cases."
    )
    whole = " ".join([told.verdict, *told.sentences, *told.notes])
    assert "deterministic" not in whole
    assert repeats_to_miss(0.05) == 29


def test_the_recorder_that_hides_a_race_is_told():
    from seedscope.report.verification import tell

    rng = np.random.default_rng(0)

    def run(job):
        return record(str(rng.integers(9)) if job.level == "none" else "a", job.level)

    asked = Asked(10, 3, (), 2, "fresh", 0.95)
    told = tell(verify(run, PROGRAM, asked, lambda text: None))
    assert not told.good
    assert any("The recorder hides it" in note for note in told.notes)
    assert any("watched step by step 1 distinct of 10" in s for s in told.sentences)
    assert any(s.startswith("Where: not found") for s in told.sentences)


# ---- the first difference ------------------------------------------


def changed(tap, at, to):
    made = record()
    found = next(t for t in made.taps if t.name == tap)
    found.seen[at] = to
    return made


@pytest.mark.parametrize(
    ("tap", "at", "to", "phase", "label"),
    [
        ("batch", 2, (9,), PIPELINE, "the batch"),
        ("loss", 1, (9,), STEP, "the loss"),
        ("gradients", 0, (9, 9), STEP, "b/kernel"),  # backwards: b is made before a
        ("update", 3, (3, 9), UPDATE, "b/kernel"),
    ],
)
def test_the_first_step_and_its_phase(tap, at, to, phase, label):
    found = first_difference(record(), changed(tap, at, to))
    assert (found.step, found.phase, found.label) == (at + 1, phase, label)


@pytest.mark.parametrize(
    ("part", "mine", "other", "phase"),
    [
        ("loaded", [("x of fit", "1", "")], [("x of fit", "2", "")], LOADED),
        ("initial", [("w", "1")], [("w", "2")], WEIGHTS),
        ("outputs", [("predict", "1")], [("predict", "2")], AFTER),
        ("scores", [("loss", 0.5)], [("loss", float("nan"))], AFTER),
    ],
)
def test_what_differs_outside_of_the_steps(part, mine, other, phase):
    found = first_difference(record(**{part: mine}), record(**{part: other}))
    assert found.phase == phase


def test_nan_is_equal_to_nan_and_to_nothing_else():
    nan = [("loss", float("nan"))]
    assert first_difference(record(scores=nan), record(scores=nan)) is None
    assert record(scores=nan).result == record(scores=nan).result
    assert record(scores=nan).result != record(scores=[("loss", 1.0)]).result


def test_steps_after_weights_are_not_finite_count_for_nothing():
    def run(job):
        return record(level=job.level, finite=[True, False, True, False])

    made = repeat(run, PROGRAM, 2)
    assert made.steps == 3  # one step of mixed precision may overflow
    assert any("not finite" in text for text in certificate.not_checked(made, "fresh"))


# ---- the root ------------------------------------------


def operation(name, kind="Add", graph="step", pipeline=False, variables=()):
    return Operation(graph, name, kind, pipeline, variables, None, (LINE,), ())


def traced(calls, operations, taps=None, **parts):
    made = record(level="operations", operations=operations, **parts)
    made.calls = [Call(*call) for call in calls]
    made.taps = taps or changed("loss", 0, (0,)).taps
    return made


def test_the_root_gets_the_same_and_makes_another_and_is_one():
    operations = [operation("a"), operation("b"), operation("c")]
    mine = traced(
        [(0, 1, (1,), (2,)), (1, 1, (2,), (3,)), (2, 1, (3,), (4,))], operations
    )
    other = traced(
        [(0, 1, (1,), (2,)), (1, 1, (2,), (8,)), (2, 1, (8,), (9,))],
        operations,
        changed("loss", 0, (9,)).taps,
    )
    found = locate(mine, other)
    assert (found.step, found.what) == (1, "Add b")


def test_a_read_is_not_blamed_for_what_a_write_did():
    operations = [
        operation("read", "ReadVariableOp", variables=("w",)),
        operation("write", "ResourceScatterAdd", variables=("w",)),
    ]
    calls = [(0, 1, (), (1,)), (1, 1, (5,), (2,)), (0, 2, (), (2,)), (1, 2, (5,), (3,))]
    mine = traced(calls, operations)
    apart = [(0, 1, (), (1,)), (1, 1, (5,), (9,)), (0, 2, (), (9,)), (1, 2, (5,), (7,))]
    other = traced(apart, operations, changed("update", 0, (0, 9)).taps)
    found = locate(mine, other)
    assert (found.step, found.kind, found.phase) == (1, "ResourceScatterAdd", UPDATE)
    assert found.variable == "w"


def test_replicas_that_only_take_turns_are_no_difference():
    operations = [operation("next", "GetNext"), operation("b")]
    mine = traced(
        [(0, 1, (), (1,)), (0, 1, (), (2,)), (1, 1, (1,), (5,))],
        operations,
    )
    other = traced(
        [(0, 1, (), (2,)), (0, 1, (), (1,)), (1, 1, (1,), (6,))],
        operations,
        changed("loss", 0, (9,)).taps,
    )
    assert locate(mine, other).what == "Add b"


def test_a_parallel_map_is_compared_as_a_multiset():
    operations = [
        operation("noise", "RandomStandardNormal", "Dataset_map", pipeline=True),
        operation("add", "AddV2", "Dataset_map", pipeline=True),
    ]
    batch = changed("batch", 0, (9,)).taps
    noise = [(0, 1, (1,), (10,)), (0, 1, (1,), (11,))]
    mine = traced([*noise, (1, 1, (7, 10), (1,)), (1, 1, (8, 11), (2,))], operations)
    order = traced(
        [*noise, (1, 1, (8, 11), (2,)), (1, 1, (7, 10), (1,))], operations, batch
    )
    pairs = traced(
        [*noise, (1, 1, (7, 11), (3,)), (1, 1, (8, 10), (4,))], operations, batch
    )
    assert locate(mine, order).kind is None  # nothing but the order differs
    found = locate(mine, pairs)
    assert (found.kind, found.phase) == ("AddV2", PIPELINE)
    assert found.why.startswith(PAIRED)
    assert "RandomStandardNormal" in found.why


def test_the_first_stage_that_hands_on_something_else():
    def stages(*orders):
        names = ("Dataset.range", "Dataset.interleave", "Dataset.batch")
        return [
            Stage(name, (LINE,), [(n,) for n in order])
            for name, order in zip(names, orders, strict=True)
        ]

    mine = traced([], [], stages=stages((0, 1), (1, 2, 3), (9,)))
    batch = changed("batch", 0, (9,)).taps
    other = traced([], [], batch, stages=stages((0, 1), (2, 1, 3), (8,)))
    found = locate(mine, other)
    assert found.what == "Dataset.interleave"
    assert found.why == "the same elements in another order"


def test_nothing_is_found_where_repeats_agree_and_that_is_said():
    made = repeat(racing(2, 1), PROGRAM, 10)
    found = find(lambda job: record(level=job.level), PROGRAM, made, 3)
    assert found.where is None
    assert found.rate.repeats == 3


# ---- cures ------------------------------------------


def test_a_cost_is_measured_in_turn_and_says_what_is_missing():
    rng = np.random.default_rng(0)
    busy = np.exp(rng.normal(0, 0.5, 40))  # the machine slows both of a round
    noise = np.exp(rng.normal(0, 0.01, 40))
    found = cures.cost(busy, 1.3 * busy * noise, 0.95)
    assert found.low < 1.3 < found.high < 1.35
    assert found.more == 0
    few = cures.cost(busy[:3], 1.3 * busy[::-1][:3], 0.95)
    assert few.more > 10


def cured_by(names):
    """Run repeats that agree under some switches alone."""
    rng = np.random.default_rng(0)

    def run(job):
        cured = set(job.switches) & set(names)
        seconds = [0.2 if "one_thread" in job.switches else 0.1] * 3
        made = record("a" if cured else str(rng.integers(1000)), job.level)
        made.step_seconds, made.touched = seconds, job.switches
        return made

    return run


def test_the_cheapest_cure_that_cured_is_named():
    chosen = cures.fitting(None, PROGRAM, ["op_determinism", "one_thread", "jit"])
    run = cured_by(["one_thread", "op_determinism"])
    trial = cures.try_cures(run, PROGRAM, chosen, 4, 0.95)
    by_name = {tried.cure.name: tried for tried in trial.tried}
    assert [n for n, t in by_name.items() if t.cured] == [
        "op_determinism",
        "one_thread",
    ]
    assert trial.cheapest.cure.name == "op_determinism"
    assert by_name["one_thread"].cost.ratio == pytest.approx(2)
    assert by_name["jit"].rate.repeats < 4  # seen to differ, so not tried again


def test_a_cure_without_effect_and_one_that_fails_cure_nothing():
    def run(job):
        if "jit" in job.switches:
            raise CannotVerify("made up failed: XLA does not compile it")
        return record(level=job.level)  # touches nothing, agrees by chance

    chosen = cures.fitting(None, PROGRAM, ["one_worker", "jit"])
    trial = cures.try_cures(run, PROGRAM, chosen, 3, 0.95)
    worker, jit = trial.tried
    assert worker.without_effect
    assert not worker.cured
    assert "XLA" in jit.failed
    assert trial.cheapest is None


def test_no_cure_says_what_the_result_spreads_by():
    from seedscope.report.verification import tell

    rng = np.random.default_rng(0)

    def run(job):
        return record(str(rng.random()), job.level, scores=[("loss", rng.random())])

    asked = Asked(5, 2, ("op_determinism",), 3, "fresh", 0.95)
    held = replace(PROGRAM, seeds="held")
    told = tell(verify(run, held, asked, lambda text: None))
    assert "None of the cures that were tried cured it." in told.sentences
    assert any(s.startswith("loss over 8 repeats: mean") for s in told.sentences)
    assert "factor=none replicates=20" in told.sentences[-1]


def test_a_cure_that_does_not_exist_is_refused_before_anything_runs():
    asked = Asked(5, 2, ("vitamins",), 3, "fresh", 0.95)
    with pytest.raises(ValueError, match="cures='vitamins' is unknown; choose auto"):
        verify(lambda job: pytest.fail("it ran"), PROGRAM, asked, print)


# ---- certificates ------------------------------------------


@pytest.fixture
def held():
    made = repeat(lambda job: certified(level=job.level), PROGRAM, 2)
    text = json.dumps(certificate.certificate(PROGRAM, made, (), "fresh", {}))
    return certificate.read(text, "certificate.json")


def certified(**parts):
    whole = {
        "code": {"made_up.py": "1"},
        "facts": {"intra_op_threads": "0", "process": "1"},
        "loaded": [("x of fit", "1", "")],
        "initial": [("w", "1")],
    }
    return record(**(whole | parts))


def test_the_same_bits_are_the_same_whatever_the_process(held):
    now = certified(facts={"intra_op_threads": "0", "process": "2"})
    found = certificate.compare(held, PROGRAM, now, ())
    assert found.same
    assert found.changed == {}


@pytest.mark.parametrize(
    ("parts", "what", "first"),
    [
        ({"code": {"made_up.py": "2"}}, "code", None),
        ({"facts": {"intra_op_threads": "1"}}, "switches", None),
        ({"loaded": [("x of fit", "2", "")]}, "data", "the data as loaded: x of fit"),
        ({"final": "b"}, None, "the update: w"),
    ],
)
def test_what_changed_and_where_it_parts(held, parts, what, first):
    found = certificate.compare(held, PROGRAM, certified(**parts), ())
    assert list(found.changed) == ([what] if what else [])
    assert found.same == (first is None)
    assert first is None or first in found.first


def test_versions_machines_and_settings_that_changed(held):
    held["versions"]["tensorflow"] = "1.0"
    held["machine"]["hardware.cpu"] = "another"
    other = Program("made up", "held")
    found = certificate.compare(held, other, certified(), ())
    assert set(found.changed) == {"settings", "versions", "machine"}
    assert found.changed["versions"][0].startswith("tensorflow (1.0 → ")
    assert found.changed["settings"] == ("seeds (own → held)",)


def test_the_step_at_which_a_run_leaves_its_certificate(held):
    now = certified()
    now.taps = changed("gradients", 2, (9, 9)).taps
    found = certificate.compare(held, PROGRAM, now, ())
    assert found.first == "step 3, forward/backward"


def test_a_certificate_of_something_else_is_refused(held):
    with pytest.raises(CannotVerify, match="the certificate is of made up"):
        certificate.compare(held, Program("x", "own"), certified(), ())
    with pytest.raises(ValueError, match="is no certificate"):
        certificate.read("{}", "certificate.json")
    with pytest.raises(ValueError, match="did not repeat"):
        certificate.read(json.dumps({**held, "agree": False}), "certificate.json")


def test_seeds_that_decide_nothing_are_told():
    from seedscope.report.verification import tell
    from seedscope.verify.words import SeedSet

    def run(job):
        return record(
            level=job.level,
            draws=[Draw("numpy_fresh", "default_rng()", "a.py:3", 2, False)],
            seeds_set=[SeedSet("numpy", "np.random.seed", "a.py:1", 0)],
        )

    told = tell(verify(run, PROGRAM, ASKED, lambda text: None))
    draws, seeds = told.sheets
    assert draws.rows[0][-1].startswith("no; needs a seed for each default_rng()")
    assert seeds.rows[0][-1] == "none: without effect"
