"""Runs of different code, data, engines or versions are in different studies."""

from dataclasses import replace

import pytest
from composing import read
from test_log import logged, trace

from seedscope.commands import identity as identities
from seedscope.commands.identity import settled
from seedscope.store import log as log_module
from seedscope.store.log import open_study
from seedscope.store.read import is_study, read_study
from seedscope.store.store import connect, search
from seedscope.study import code, identity
from seedscope.study.plan import plan_runs
from seedscope.study.words import Tracking


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def store(database, tmp_path, monkeypatch):
    monkeypatch.setattr(log_module.hardware, "machine", lambda: {"hardware.cpu": "x"})
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    artifacts = str(tmp_path / "mlartifacts")
    return connect(Tracking(database, tmp_path.name, artifacts, None, True))


def found(study, data="d", engine="sequential", keras="3.15"):
    keys = {identity.data_key(a.settings) for a in study.arms}
    keys.add(identity.data_key(study.base))
    return identity.Found(
        dict.fromkeys(keys, data), replace(study.engine, name=engine), "2.21", keras, ()
    )


def train(store, *overrides, swept=(), **keys):
    """Train what is missing by hand; return the study's name and what was said."""
    study = replace(read("replicates=3", *overrides), swept=swept)
    runs, modules = plan_runs(study), code.digests(identity.all_code(study))
    study, runs, notes = settled(store, study, runs, found(study, **keys), modules)
    with open_study(store, study, runs) as log:
        log.add([trace(run) for run in log.missing])
    return study.name, [*notes, *log.notes]


CHANGES = [
    ({"data": "e"}, "its data changed"),
    ({"engine": "batched"}, "its engine (sequential then, batched now) changed"),
    ({"keras": "3.16"}, "Keras (3.15 then, 3.16 now) changed"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
@pytest.mark.parametrize("named", [True, False])
def test_another_identity_is_another_study_and_is_said(store, change, said, named):
    name = ["name=foo"] if named else []
    first, notes = train(store, "factor=init", *name)
    assert (first == "foo", notes) == (named, [])
    assert train(store, "factor=init", *name) == (first, [])
    other, (note,) = train(store, "factor=init", *name, **change)
    assert other.startswith("foo-" if named else "test-")
    assert other != first
    alike = "; engine=sequential trains both alike" if "engine" in change else ""
    said = f"{said} since study {first}: this is another study, {other}{alike}"
    assert note == said
    assert train(store, "factor=init", *name, **change) == (other, [])
    assert train(store, "factor=init", *name) == (first, [])
    assert len(logged(store)) == 6
    assert read_study(store, first).table.height == 3
    assert read_study(store, "foo" if named else "test").table.height == 3


def test_what_was_chosen_for_the_runs_first_planned_holds_on_a_later_day(
    store, monkeypatch
):
    def day(replicates, choice):
        study = read(f"replicates={replicates}", "factor=init")
        auto = replace(study.engine, planned=replicates)
        own = replace(found(study), engine=replace(auto, name=choice))

        def ask(samples, engine):
            if choice == "cannot":
                raise ValueError("engine=batched cannot train this")
            return lambda: replace(own, engine=engine)

        monkeypatch.setattr(identities.launchers, "ask", ask)
        answer = identities.begun(store, study, [], auto, own)
        runs, modules = plan_runs(study), code.digests(identity.all_code(study))
        study, runs, notes = settled(store, study, runs, answer, modules)
        with open_study(store, study, runs) as log:
            log.add([trace(run) for run in log.missing])
        return study.name, study.engine.name, log.planned, notes

    name, *first = day(3, "batched")
    assert first == ["batched", 3, []]
    again, engine, planned, (note,) = day(5, "sequential")
    assert (again, engine, planned) == (name, "batched", 3)
    assert note.startswith("trained in groups, as this study began (today's choice: ")
    assert read_study(store, name).table.height == 5
    other, engine, planned, _ = day(3, "cannot")
    assert other != name


def test_jobs_of_one_identity_share_their_study(store):
    names = {train(store, f"factor={f}")[0] for f in ("none", "init", "all")}
    assert len(names) == 1
    assert is_study(store, "test")
    assert read_study(store, "test").base == "test"


def test_edited_code_is_another_study_which_names_the_module(
    store, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    text = "import userhelp\n\n\ndef build():\n    pass\n"
    (tmp_path / "usermodel.py").write_text(text)
    (tmp_path / "userhelp.py").write_text("units = 4")
    own = ["model=own", "model._target_=usermodel.build", "factor=init"]
    first, _ = train(store, *own)
    (tmp_path / "userhelp.py").write_text("units = 5")
    other, (note,) = train(store, *own)
    assert note.startswith(f"its code (userhelp) changed since study {first}")
    assert len(logged(store)) == 6
    study_id = read_study(store, other).study_id
    kept = {f.path for f in store.client.list_artifacts(study_id, "code")}
    wanted = {"code/usermodel.py", "code/userhelp.py", "code/digests.json"}
    assert kept == wanted


def test_a_study_of_another_version_is_read_and_left_alone(store):
    study = read("replicates=3", "factor=init", "name=old")
    with open_study(store, study, plan_runs(study)) as log:  # as 0.1: no identity
        log.add([trace(run) for run in log.missing])
    name, (note,) = train(store, "factor=init", "name=old")
    assert name.startswith("old-")
    assert "the version of seedscope changed since study old" in note
    assert read_study(store, "old").table.height == 3
    schemas = {
        run.data.tags["seedscope.study"]: run.data.tags.get("seedscope.schema")
        for run in search(store, "tags.`seedscope.role` = 'study'")
    }
    assert schemas == {"old": None, name: identity.SCHEMA}


def test_where_a_sweep_varies_the_data_changed_data_does_not_meet_the_old(store):
    swept = ("data.examples",)
    first, _ = train(store, "factor=init", swept=swept)
    assert train(store, "factor=init", swept=swept)[0] == first
    other, (note,) = train(store, "factor=init", swept=swept, data="e")
    assert other != first
    assert f"code or data of init changed since study {first}" in note


def test_a_comparison_takes_the_runs_of_the_current_plan(store):
    name, _ = train(store, "factor=init", "replicates=5")
    train(store, "factor=none", "replicates=2")
    assert train(store, "factor=init", "replicates=2")[0] == name
    runs = read_study(store, name)
    assert runs.planned == {"init": 2, "none": 2}
    assert runs.table.height == 4
    assert len(logged(store)) == 7  # the others are kept


def test_jobs_that_vary_one_factor_at_other_levels_keep_their_plans(store):
    levels = "factor.levels={loop.batch_size:[%s]}"
    name, _ = train(store, "factor=batch_size", levels % "8,16")
    train(store, "factor=batch_size", levels % "64")
    assert read_study(store, name).table.height == 9


def test_what_stored_runs_lack_is_said_and_trained_again_when_asked(store):
    plain = ["factor=init", "tracking.outputs=false"]
    train(store, *plain)
    before = {run.info.run_id for run in logged(store)}
    asked = [*plain, "engine.keep_weights=final", "tracking.outputs=true"]
    _, notes = train(store, *asked)
    assert notes == [
        "3 stored runs have no weights (engine.keep_weights=final): "
        "engine.again=true trains them again",
        "3 stored runs have no outputs of the model (tracking.outputs=true): "
        "engine.again=true trains them again",
    ]
    assert {run.info.run_id for run in logged(store)} == before
    _, notes = train(store, *asked, "engine.again=true")
    assert all(note.endswith("they are trained again") for note in notes)
    assert not {run.info.run_id for run in logged(store)} & before
    assert train(store, *asked)[1] == []
