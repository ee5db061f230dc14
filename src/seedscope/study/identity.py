"""What decides a run besides its settings and seeds: code, data, engine, versions.

Numbers of different code, data, engines or versions never meet in one arm: each of them
enters the fingerprint of a run and the name of its study. The user's code is read here;
what needs TensorFlow (the engine, the data's digest) is asked of the process that will
train, and comes as `Found`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from seedscope.study import code
from seedscope.study.seeds import SOURCES, UNPERTURBED, source_seed
from seedscope.study.words import Arm, Engine, Identity, Run, Settings, Study

SCHEMA = "2"  # of what MLflow holds; 0.1 wrote none
PARTS = ("data", "model", "optimizer", "loop")  # of the settings; here targets plug in


@dataclass(frozen=True)
class Found:
    """What the process that trains says of the arms of a job."""

    data: Mapping[str, str]  # data_key -> digest of the data at the base seed
    engine: Engine  # sequential or batched, no longer auto
    tensorflow: str
    keras: str
    notes: tuple[str, ...]  # what a reader should know, such as why not in groups
    silent: tuple[str, ...] = ()  # sources that a script never draws from
    told: tuple[str, ...] = ()  # for the study's note alone
    together: int = 1  # runs that train at the price of one


def data_key(settings: Settings) -> str:
    """Return what names a data set of a job: its settings, or its program's."""
    if settings.script.name is not None:
        return json.dumps(settings.deciding(), sort_keys=True, default=str)
    return json.dumps(settings.data, sort_keys=True)


def samples(study: Study) -> list[Run]:
    """Return one run of each arm at the study's base seeds, and one of no arm.

    They stand for the arms when the process that trains is asked. The one of no arm is
    what the configuration says where no factor changes it; it is the first.
    """
    arms = [Arm("", (), {}, study.base), *study.arms]
    seeds = {source: source_seed(study.root_seed, source, 0) for source in SOURCES}
    seeds["perturbation"] = UNPERTURBED
    factor = study.factor.name or "none"
    return [Run(factor, arm.name, 0, arm.vary, seeds, arm.settings, "") for arm in arms]


def code_of(settings: Settings, without: Sequence[str] = ()) -> code.Files:
    """Return the user's files that the `_target_`s of some settings lead to.

    Args:
        settings: of an arm.
        without: parts whose targets are left out.
    """
    if settings.script.name is not None:
        return code.programs_code(settings.script.path, settings.script.module)
    tree = asdict(settings)
    parts = [tree[part] for part in PARTS if part not in without]
    return code.users_code(code.targets_of(parts))


def of_study(study: Study, found: Found) -> Identity:
    """Return what all arms of a study have in common, also those of other jobs.

    What the sweep of this job varies is left out: its jobs share a study.
    """
    swept = {key.split(".")[0] for key in study.swept}
    data = "" if "data" in swept else found.data.get(data_key(study.base), "")
    return _identity(code.digest(code_of(study.base, sorted(swept))), data, found)


def of_arms(study: Study, found: Found) -> dict[str, Identity]:
    """Return the identity of each arm."""
    return {
        arm.name: _identity(
            code.digest(code_of(arm.settings)),
            found.data[data_key(arm.settings)],
            found,
        )
        for arm in study.arms
    }


def all_code(study: Study) -> code.Files:
    """Return every file of the user's that some arm of a job runs."""
    files: code.Files = {}
    for settings in (study.base, *_settings(study)):
        files |= code_of(settings)
    return files


def key(identity: Identity) -> str:
    """Return a short name of an identity."""
    text = json.dumps(asdict(identity), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def differences(now: Identity, before: Mapping[str, str]) -> list[str]:
    """Return in words what differs from another identity.

    Args:
        now: of what is to be trained.
        before: part -> value, as it was stored.
    """
    words = {"code": "its code", "data": "its data", "engine": "its engine"}
    words |= {"tensorflow": "TensorFlow", "keras": "Keras", "schema": "its records"}
    told = []
    for part, value in asdict(now).items():
        old = before.get(part, "")
        if old == value:
            continue
        shown = part in ("engine", "tensorflow", "keras")
        told.append(
            f"{words[part]} ({old} then, {value} now)" if shown else words[part]
        )
    return told


def merged(answers: Sequence[Found]) -> Found:
    """Return one answer of several processes: one engine trains all of a job's arms."""
    first = answers[0]
    alone = [found for found in answers if found.engine.name == "sequential"]
    data = {key: digest for found in answers for key, digest in found.data.items()}
    notes = dict.fromkeys(note for found in answers for note in found.notes)
    told = dict.fromkeys(text for found in answers for text in found.told)
    engine = alone[0].engine if alone else first.engine
    return replace(
        first,
        data=data,
        engine=engine,
        notes=tuple(notes),
        told=tuple(told),
        together=max(found.together for found in answers),
    )


def _identity(digest: str, data: str, found: Found) -> Identity:
    return Identity(
        code=digest,
        data=data,
        engine=_engine(found.engine),
        tensorflow=found.tensorflow,
        keras=found.keras,
        schema=SCHEMA,
    )


def _engine(engine: Engine) -> str:
    """Name an engine; a width of groups that was asked for changes the last digits."""
    if engine.name != "sequential" and engine.group_size:
        return f"{engine.name} {engine.group_size}"
    return engine.name


def _settings(study: Study) -> list[Settings]:
    return [arm.settings for arm in study.arms]
