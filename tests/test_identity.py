"""What decides a run enters its fingerprint and its study: code, data, engine."""

import sys
from dataclasses import replace

import pytest
from composing import plan, read

from seedscope.study import code, functions, identity
from seedscope.study.design import seed_table
from seedscope.study.plan import identified, plan_runs
from seedscope.study.words import Identity
from seedscope.training import current

ENGINE = read().engine
PLAIN = Identity("code", "data", "batched", "2.21", "3.15", identity.SCHEMA)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Return a folder on the path with a package of the user's."""
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "mine/__init__.py": "from . import layer",
        "mine/model.py": "import keras\nfrom mine import sizes\nimport seedscope\n"
        "def build():\n    pass",
        "mine/sizes.py": "def units():\n    from helper import units\n    return units",
        "mine/layer.py": "import numpy",
        "mine/unused.py": "",
        "helper.py": "import importlib\nlate = importlib.import_module('late')",
        "late.py": "broken = (",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_code_of_a_target_is_what_it_imports_and_no_one_elses(mine):
    found = code.users_code(["mine.model.build", "keras.optimizers.Adam"])
    wanted = ["helper", "late", "mine", "mine.layer", "mine.model", "mine.sizes"]
    assert list(found) == wanted
    assert found["mine"] == (mine / "mine" / "__init__.py").resolve()
    assert not {"mine", "helper"} & set(sys.modules)  # nothing of it was run


def test_folders_without_init_are_followed_as_python_does(mine):
    nets = mine / "parts" / "nets"
    nets.mkdir(parents=True)
    (nets / "small.py").write_text("import parts.nets.blocks.dense\ndef build(): ...")
    (nets / "blocks").mkdir()
    (nets / "blocks" / "dense.py").write_text("units = 4")
    found = code.users_code(["parts.nets.small.build"])
    assert list(found) == ["parts.nets.blocks.dense", "parts.nets.small"]


def test_a_study_of_seedscopes_own_models_runs_no_code_of_the_user():
    assert identity.all_code(read()) == {}
    assert code.digest({}) == ""


@pytest.mark.parametrize("name", ["mine/model.py", "mine/sizes.py", "helper.py"])
def test_an_edit_anywhere_in_it_is_another_code(mine, name):
    before = code.digest(code.users_code(["mine.model.build"]))
    (mine / "mine" / "unused.py").write_text("edited = True")
    assert code.digest(code.users_code(["mine.model.build"])) == before
    (mine / name).write_text((mine / name).read_text() + "\n# edited")
    assert code.digest(code.users_code(["mine.model.build"])) != before


@pytest.mark.parametrize("part", ["code", "data", "engine", "tensorflow", "keras"])
def test_whatever_else_decides_a_run_changes_its_fingerprint(part):
    runs = plan("factor=init")
    before = identified(runs, {"init": PLAIN})
    after = identified(runs, {"init": replace(PLAIN, **{part: "other"})})
    assert not {r.fingerprint for r in before} & {r.fingerprint for r in after}
    assert before == identified(runs, {"init": PLAIN})


def found(data="d", engine="batched"):
    class Any(dict):
        def __missing__(self, key):
            return data

        def get(self, key, default=None):
            return data

    return identity.Found(Any(), replace(ENGINE, name=engine), "2.21", "3.15", ())


def test_what_a_sweep_varies_is_no_part_of_its_studys_identity(mine):
    own = ["model=own", "model._target_=mine.model.build"]
    assert identity.of_study(read(*own), found()).code
    swept = replace(read(*own), swept=("model",))
    assert identity.of_study(swept, found()).code == ""
    assert identity.of_arms(swept, found())["none"].code
    swept = replace(read(), swept=("data.examples",))
    assert identity.of_study(swept, found()).data == ""
    assert identity.of_arms(swept, found())["none"].data == "d"


def test_one_engine_trains_all_arms_where_processes_answer_differently():
    both = identity.merged([found(), found(engine="sequential"), found()])
    assert both.engine.name == "sequential"


def test_the_samples_that_are_asked_about_have_the_studys_base_seeds():
    study = read("factor=all", "design=crossed")
    base, arm = identity.samples(study)
    assert (base.arm, arm.arm) == ("", "all")
    assert arm.seeds == plan("factor=none")[0].seeds


def test_a_process_that_read_other_code_is_stale(mine):
    runs = plan("model=own", "model._target_=mine.model.build")
    process = current.Code()
    assert not process.is_stale(runs)
    assert not process.is_stale(runs)
    (mine / "helper.py").write_text("edited = 1")
    assert process.is_stale(runs)


def test_runs_are_not_trained_by_code_that_they_were_not_planned_with(mine):
    study = read("model=own", "model._target_=mine.model.build")
    runs = identified(plan_runs(study), identity.of_arms(study, found()))
    current.check(runs)
    (mine / "mine" / "sizes.py").write_text("edited = 1")
    with pytest.raises(ValueError, match="mine.sizes.* changed while its study trains"):
        current.check(runs)


def test_a_crossed_design_keeps_its_rows_when_replicates_grow():
    study = read("factor=all", "design=crossed", "design.levels=2")
    (arm,) = study.arms
    few, many = (
        seed_table(study.design, arm.vary[:3], n, 1, arm.settings.split) for n in (1, 3)
    )
    assert many[: len(few)] == few
    assert len(many) == 3 * len(few)


def test_a_notebooks_function_brings_the_modules_that_it_uses(mine):
    space: dict = {"__name__": "__main__"}
    exec("def build():\n    import helper\n    return helper.late", space)
    given = functions.options(space["build"], "model")
    assert list(code.users_code(code.targets_of(given))) == ["helper", "late"]
