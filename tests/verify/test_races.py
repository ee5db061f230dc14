"""Programs that race for real: where each parts, what cures it and what does not.

A race shows with some chance, so a test goes on until two repeats part; those used here
part nearly always, and LAST repeats that agree would be a wonder.
"""

import os
import shutil
import sys
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from composing import plan

from seedscope.commands import verify as command
from seedscope.verify.processes import Processes
from seedscope.verify.repeats import finite_steps
from seedscope.verify.verification import Asked, verify
from seedscope.verify.where import (
    LOADED,
    PIPELINE,
    STEP,
    UPDATE,
    first_difference,
    locate,
)
from seedscope.verify.words import CannotVerify, Job, Program

FOLDER = Path(__file__).parent
RACES = FOLDER / "races.py"
LAST = 60  # repeats after which a race is taken for cured
CURED = 4  # repeats that agree where nothing but the cure changed

pytestmark = pytest.mark.skipif(
    (os.cpu_count() or 1) < 2, reason="threads race where there are two cores"
)


@pytest.fixture(scope="module")
def processes():
    os.environ.pop("PYTHONHASHSEED", None)
    with closing(Processes("fork")) as made:
        yield made


@cache
def planned():
    return plan(f"script.path={RACES}")[0]


def program(case, path=RACES, seeds="own"):
    """Return a case of races.py, or another script."""
    run = planned()
    script = replace(run.settings.script, path=str(path), words=[case])
    settings = replace(run.settings, script=script)
    return Program(case, seeds, run=replace(run, settings=settings))


def line(case):
    text = RACES.read_text().splitlines()
    return next(n for n, t in enumerate(text, 1) if t.endswith(f"# root: {case}"))


def parted(processes, asked, level="operations", switches=()):
    """Repeat until two records part, and say where; None: they do not."""
    records = []
    for _ in range(LAST):
        records.append(processes.run(Job(asked, level, switches)))
        for other in records[:-1]:
            look = locate if level == "operations" else first_difference
            if found := look(other, records[-1]):
                return found
    return None


@pytest.mark.long
@pytest.mark.parametrize(
    ("case", "phase", "what", "root"),
    [
        ("tape", UPDATE, "ResourceScatter", "tape"),
        ("random_map", PIPELINE, "Dataset.map", "random_map"),
        ("layer_in_map", PIPELINE, "Dataset.map", "layer_in_map"),
        ("interleave", PIPELINE, "Dataset.interleave", "interleave"),
        ("pydataset", PIPELINE, "Noisy.__getitem__", "pydataset"),
        ("bincount", STEP, "DenseBincount", "bincount"),
        ("own_update", STEP, "DenseBincount", "own_update"),
        ("own_update_eagerly", STEP, "DenseBincount", "own_update"),
        ("generator", PIPELINE, "Dataset.from_generator", "generator"),
        ("two_inputs_scatter", UPDATE, "ResourceScatterAdd", "two_inputs_scatter"),
    ],
)
def test_where_a_race_parts(processes, case, phase, what, root):
    found = parted(processes, program(case))
    assert found.phase == phase
    assert found.what.startswith(what)
    assert found.step >= 1
    assert found.stopped is None
    if root:
        assert f"races.py:{line(root)}" in found.places


@pytest.mark.parametrize("case", ["embed_sgd", "embed_eagerly"])
def test_the_embedding_is_named_with_the_line_that_made_it(processes, case):
    found = parted(processes, program(case))
    assert (found.phase, found.stopped) == (UPDATE, None)
    assert found.step >= 1
    assert found.kind.startswith("ResourceScatter")
    assert found.variable == "sequential/embedding/embeddings"
    assert found.layer == "Embedding embedding"
    assert found.made_at == f"races.py:{line('embedding')}"


def test_the_seeded_script_that_does_not_repeat(processes):
    script = str(FOLDER / "race.py")
    asked = Asked(2, LAST, (), 2, "fork", 0.95)
    made = verify(processes.run, program("race", script), asked, str)
    where = made.found.where
    text = Path(script).read_text().splitlines()
    fit = next(n for n, t in enumerate(text, 1) if t.startswith("model.fit"))
    assert where.step >= 1
    assert where.phase == UPDATE
    assert where.what.startswith("ResourceScatter")
    assert "the sparse update" in where.why
    assert where.layer == "Embedding embedding"
    assert where.places[0] == f"race.py:{fit}"


@pytest.mark.long
@pytest.mark.parametrize(
    ("case", "cure", "no_cure"),
    [
        ("embed_sgd", "op_determinism", "serial_pipeline"),
        ("embed_sgd", "dense_gradients", None),
        ("tape", "one_thread", "one_worker"),
        ("random_map", "serial_pipeline", "one_thread"),
        ("layer_in_map", "serial_pipeline", "deterministic_pipeline"),
        ("interleave", "deterministic_pipeline", "one_thread"),
        ("pydataset", "one_worker", "op_determinism"),
        ("bincount", "segment_sum", "op_determinism"),
        ("own_update", "one_thread", None),
    ],
)
def test_what_cures_a_race_and_what_does_not(processes, case, cure, no_cure):
    asked = program(case)
    cured = [processes.run(Job(asked, "none", (cure,))) for _ in range(CURED)]
    assert len({record.result for record in cured}) == 1
    assert all(record.touched == (cure,) for record in cured)
    if no_cure:
        assert parted(processes, asked, "none", (no_cure,)) is not None


@pytest.mark.long
def test_xla_cures_the_embedding_and_is_no_race_itself(processes):
    first, second = (processes.run(Job(program("embed_jit"), "taps")) for _ in "ab")
    assert first_difference(first, second) is None
    assert first.taps
    assert any("XLA" in text for text in first.untraced) is False


@pytest.mark.parametrize("case", ["embed_adam", "conv_control"])
def test_what_does_not_race_agrees_in_every_digest(processes, case):
    plain = [processes.run(Job(program(case), "none")) for _ in range(2)]
    watched = [processes.run(Job(program(case), "taps")) for _ in range(2)]
    assert len({record.result for record in (*plain, *watched)}) == 1
    assert first_difference(*watched) is None
    phases = [tap.phase for tap in watched[0].taps]
    rest = ["state"] if case == "conv_control" else []  # of BatchNorm and Dropout
    assert phases == ["batch", "loss", "gradients", "update", *rest]
    assert {len(tap.seen) for tap in watched[0].taps} == {4}


@pytest.mark.long
def test_hash_order_is_found_in_the_data_and_cured_by_a_hash_seed(processes):
    # Forks share their hash seed: the second process is born with another.
    own = processes.run(Job(program("hash_order"), "taps"))
    held = [
        processes.run(Job(program("hash_order"), "taps", ("hash_seed",)))
        for _ in range(2)
    ]
    found = locate(own, held[0])
    assert found.phase == LOADED
    assert found.what == "x of fit"
    assert found.places == (f"races.py:{line('arrays')}",)
    assert "the order of sets" in found.why
    assert first_difference(*held) is None


@pytest.mark.long
@pytest.mark.parametrize(
    "case",
    [
        "plant_fit",
        "plant_train_on_batch",
        "plant_steps_per_execution",
        "plant_mirrored",
    ],
)
def test_a_planted_difference_at_its_step_and_operation(processes, case):
    found = parted(processes, program(case))
    assert (found.step, found.phase, found.kind) == (3, STEP, "PyFunc")
    assert found.layer == "Planted planted"
    assert found.places[0] == f"races.py:{line('planted')}"


@pytest.mark.long
@pytest.mark.parametrize(
    ("case", "layer", "said"),
    [
        ("plant_eagerly", "Planted planted", "every operation made the same of"),
        ("plant_jit", "Leaning leaning", "XLA compiles"),
    ],
)
def test_where_no_operation_can_be_traced_the_layer_is_told(
    processes, case, layer, said
):
    found = parted(processes, program(case))
    assert (found.step, found.phase, found.layer) == (3, STEP, layer)
    assert said in found.stopped
    assert found.kind is None


@pytest.mark.long
def test_fresh_processes_share_no_hash_seed_and_end_in_the_bits_of_forks(processes):
    os.environ.pop("PYTHONHASHSEED", None)
    with closing(Processes("fresh")) as fresh:
        first, second = (fresh.run(Job(program("hash_order"), "taps")) for _ in "ab")
        alone = fresh.run(Job(program("conv_control"), "none"))
    assert first_difference(first, second).phase == LOADED
    assert alone.result == processes.run(Job(program("conv_control"), "none")).result


def test_nan_ends_what_can_be_said(processes):
    made = processes.run(Job(program("not_finite"), "taps"))
    assert made.steps == 4
    assert finite_steps(made) < 4
    assert made.not_finite


def test_draws_and_seeds_of_a_program(processes):
    made = processes.run(Job(program("draws"), "none"))
    drawn = {(draw.generator, draw.seeded) for draw in made.draws}
    assert drawn == {
        ("python", True),
        ("numpy_fresh", False),
        ("tensorflow", True),
        ("keras", True),
    }
    effect = {seed.call: seed.draws > 0 for seed in made.seeds_set}
    assert effect == {
        "keras.utils.set_random_seed": False,  # every generator is seeded again below
        "random.seed": True,
        "np.random.seed": False,
        "tf.random.set_seed": True,
        "os.environ['PYTHONHASHSEED']='7'": False,
    }


def test_seeds_that_are_held_hold_what_the_script_forgot(processes):
    held = program("generator", seeds="held")
    first, second = (processes.run(Job(held, "taps")) for _ in "ab")
    assert first_difference(first, second) is None
    alone = processes.run(Job(held, "none"))
    assert alone.result == first.result
    own = [processes.run(Job(program("generator"), "none")) for _ in range(2)]
    assert own[0].result != own[1].result


def test_a_program_that_fails_says_where(processes):
    with pytest.raises(CannotVerify) as caught:
        processes.run(Job(program("raises"), "none"))
    said = str(caught.value)
    assert "KeyError: 'no such column'" in said
    assert f"line {line('raises')}" in said
    assert "\n" not in said


@pytest.mark.long
def test_parts_are_verified_with_every_source_held(processes):
    tiny = ("data=synthetic", "data.examples=200", "loop.epochs=1", "factor=none")
    tiny += ("optimizer=sgd", "model.hidden=[4]", "split.validation=0")
    run = plan(*tiny, "model.dropout=0.2")[0]
    asked = Asked(2, 2, (), 2, "fork", 0.95)
    assert verify(processes.run, Program("parts", "held", run=run), asked, str).agree
    racing = plan(*tiny, "runtime.input_pipeline=parallel")[0]
    found = parted(processes, Program("parts", "held", run=racing))
    assert (found.phase, found.what) == (PIPELINE, "Dataset.map")
    assert any(place.startswith("pipeline.py:") for place in found.places)


# ---- the command ---------------------------------------------------------------------


@pytest.fixture
def ran(processes, monkeypatch, tmp_path, capsys):
    """Run the command with the processes of this file; return (status, printed)."""

    class Shared:
        def __init__(self, way):
            assert way == "fork"

        def run(self, job):
            return processes.run(job)

        def close(self):
            pass

    monkeypatch.setattr(command, "Processes", Shared)
    monkeypatch.setenv("COLUMNS", "200")
    store = f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            command.main([*words, "processes=fork", "seeds=own", store])
        printed = capsys.readouterr()
        return ended.value.code, " ".join((printed.out + printed.err).split())

    return run


def test_a_certificate_is_kept_and_a_later_run_held_against_it(ran, tmp_path):
    script = tmp_path / "train.py"
    shutil.copy(RACES, script)
    words = (f"script={script}", "arguments=conv_control", "repeats=2")
    status, said = ran(*words, f"output={tmp_path}")
    assert status == 0
    assert "No difference in 2 repeats of 4 steps; were one run in 10 to differ" in said
    run_id = said.split("MLflow run ")[1].split()[0]
    kept = tmp_path / "certificate.json"
    assert ran(*words, f"against={kept}")[0] == 0
    status, said = ran(*words, f"against={run_id}")
    assert (status, "The same bits" in said) == (0, True)

    script.write_text(script.read_text().replace("Dropout(0.2)", "Dropout(0.3)"))
    status, said = ran(*words, f"against={kept}")
    assert status == 1
    assert "first at step 1, forward/backward" in said
    assert "Changed, code: train.py" in said


def test_a_difference_ends_with_one_and_is_logged(ran, tmp_path):
    from mlflow import MlflowClient

    words = (f"script={RACES}", "arguments=plant_fit", "cures=[]", "repeats=2")
    status, said = ran(*words)
    assert status == 1
    assert "It does not repeat: 2 different results in 2 repeats." in said
    assert "Where: step 3, forward/backward: PyFunc" in said
    run_id = said.split("MLflow run ")[1].split()[0]
    tags = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(run_id).data.tags
    assert tags["seedscope.role"] == "verify"
    assert tags["seedscope.where.kind"] == "PyFunc"
    assert "does not repeat" in tags["mlflow.note.content"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["script=nowhere.py"], "nowhere.py"),
        (["repeats=1"], "repeats=1 must be 2 or more"),
        (["cures=vitamins"], "cures='vitamins' is unknown"),
        (["loop.epochs=0"], "loop.epochs=0 must be 1 or more"),
        (["factor=init"], "factor=init: verify repeats one run and varies nothing"),
        (["nonsense=1"], "nonsense"),
        ([f"script={RACES}", "loop.epochs=2"], "a script brings its own loop"),
        (["against=no.json"], "against=no.json: there is no such file"),
        ([f"script={RACES}", "arguments=raises"], "KeyError: 'no such column'"),
    ],
)
def test_what_cannot_be_tried_ends_with_two_and_one_line(ran, words, said):
    status, printed = ran(*words)
    assert status == 2
    assert said in printed


def test_the_parent_never_imports_tensorflow():
    import subprocess

    code = (
        "from seedscope.commands import verify\n"
        "from seedscope.report import verification\n"
        "import sys\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    source = str(FOLDER.parents[1] / "src")
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": source},
        check=True,
    )
