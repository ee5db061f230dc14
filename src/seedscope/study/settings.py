"""Read a composed configuration into a checked, typed `Study`.

Every mistake that can be seen on paper is refused here, before TensorFlow is imported.
"""

import math
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seedscope.study import budget, paper, scripts
from seedscope.study.arms import arm_name
from seedscope.study.direction import read_better
from seedscope.study.frozen import frozen, schema_of, thawed
from seedscope.study.functions import BYTES
from seedscope.study.seeds import check_source
from seedscope.study.words import (
    Answer,
    Arm,
    Design,
    Engine,
    Factor,
    Launcher,
    Settings,
    Study,
    Tracking,
)

CHOICES = {
    "loop.name": ("fit", "train_on_batch", "custom", "solve"),
    "loop.shuffle": ("epoch", "once", "none", "buffer"),
    "loop.schedule": ("constant", "cosine", "exponential", "warmup_cosine"),
    "split.method": ("holdout", "kfold", "bootstrap"),
    "engine.keep_weights": ("none", "final", "epochs"),
    "design.name": ("vary", "crossed", "blocks", "stars"),
    "runtime.precision": ("float32", "float64", "mixed_bfloat16", "mixed_float16"),
    "runtime.compilation": ("graph", "jit", "eager"),
    "runtime.distribution": ("none", "mirrored"),
    "runtime.reduction": ("default", "hierarchical_copy", "reduction_to_one"),
    "runtime.input_pipeline": (
        "arrays",
        "serial",
        "parallel",
        "interleave_deterministic",
        "interleave",
    ),
    "runtime.seeding": ("sources", "none", "numpy_python", "tensorflow", "keras"),
    "script.style": ("flags", "hydra"),
}
POSITIVE = (
    "replicates",
    "loop.epochs",
    "loop.batch_size",
    "loop.shuffle_buffer",
    "split.folds",
    "split.train_size",
    "design.backgrounds",
    "design.levels",
    "engine.workers",
    "engine.group_size",
    "tracking.curve_points",
    "runtime.devices",
    "script.max_epochs",
    "script.max_steps",
)
NOT_NEGATIVE = (
    "root_seed",
    "loop.patience",
    "split.validation",
    "split.test",
    "split.label_noise",
    "runtime.intra_op_threads",
    "runtime.inter_op_threads",
    "engine.checkpoint",
)
COMPONENTS = ("data", "model", "optimizer")  # where a user's own code plugs in


@dataclass(frozen=True)
class _Schema(Settings):
    name: str | None
    replicates: int
    root_seed: int
    factor: Factor
    design: Design
    engine: Engine
    launcher: Launcher
    tracking: Tracking
    answer: Answer
    better: Any
    budget: str | None


def read(config: DictConfig, name: str, swept: tuple[str, ...] = ()) -> Study:
    """Check a composed configuration and return the study that it describes.

    Args:
        config: the composed conf/train.yaml.
        name: the study's name where the configuration gives none.
        swept: the settings that a sweep varies; they become part of the arms' names.

    Raises:
        ValueError: a key, type or value is wrong; the message names the key.
    """
    whole = _typed(config)
    factor_name = whole.factor.name or "+".join(whole.factor.vary) or "none"
    factor = replace(whole.factor, name=factor_name)
    for source in factor.vary:
        try:
            check_source(source)
        except ValueError as error:
            raise ValueError(f"factor.vary: {error}") from None
    if len(set(factor.vary)) < len(factor.vary):
        raise ValueError(f"factor.vary names a source twice: {factor.vary}")
    engine, answer = whole.engine, whole.answer
    if whole.script.name is not None:
        scripts.check_factor(factor)
        engine = scripts.engine(engine)
        answer = replace(answer, score=whole.script.score or answer.score)
    elif engine.name == "script":
        raise ValueError("engine=script needs a program: set script.path")
    around = {key: _plain(_get(config, key)) for key in swept}
    arms = tuple(
        Arm(
            name=arm_name(factor_name, levels | around, swept),
            vary=tuple(factor.vary),
            levels=frozen(levels | around),
            settings=_settings(config, settings),
        )
        for levels, settings in _levels(factor)
    )
    _check_names(arms)
    return Study(
        name=whole.name or name,
        replicates=whole.replicates,
        root_seed=whole.root_seed,
        factor=factor,
        arms=arms,
        design=whole.design,
        engine=engine,
        launcher=whole.launcher,
        tracking=whole.tracking,
        answer=answer,
        better=read_better(whole.better),
        config=frozen(OmegaConf.to_container(config, resolve=True)),
        base=_settings(config, {}),
        swept=swept,
        named=whole.name is not None,
        base_name=whole.name or name,
        budget=budget.seconds(whole.budget),
    )


def tracking(config: DictConfig) -> Tracking:
    """Return where a configuration logs its runs.

    Raises:
        ValueError: a key or type below `tracking` is wrong.
    """
    try:
        schema = schema_of(Tracking)
        made: Any = OmegaConf.to_object(OmegaConf.merge(schema, config.tracking))
        return made
    except OmegaConfBaseException as error:
        reason = paper.with_mend(str(error.msg))
        raise ValueError(f"tracking.{error.full_key}: {reason}") from None


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return a nested dictionary as {"loop.batch_size": 32, ...}."""
    items: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            items |= flat(value, f"{prefix}{key}.")
        else:
            items[f"{prefix}{key}"] = value
    return items


def _typed(config: DictConfig) -> _Schema:
    """Merge into the schema, which refuses unknown keys and wrong types."""
    if OmegaConf.is_missing(config.factor, "levels"):
        raise ValueError(
            "factor=script compares levels of an argument: give them, such as "
            "'factor.levels={script.args.lr: [0.01, 0.1]}'"
        )
    try:
        schema = schema_of(_Schema)
        whole = frozen(OmegaConf.to_object(OmegaConf.merge(schema, config)))
    except OmegaConfBaseException as error:
        reason = paper.with_mend(str(error.msg))
        raise ValueError(f"{error.full_key or 'configuration'}: {reason}") from None
    _check_values(whole)
    _check_paper(whole, config)
    return whole


def _check_values(whole: _Schema) -> None:
    for key, known in CHOICES.items():
        if _value(whole, key) not in known:
            raise ValueError(
                f"{key}={_value(whole, key)!r} is unknown; choose one of "
                f"{', '.join(known)}"
            )
    for key in POSITIVE:
        if (value := _value(whole, key)) is not None and value < 1:
            raise ValueError(f"{key}={value} must be 1 or more")
    for key in NOT_NEGATIVE:
        value = _value(whole, key)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{key}={value} must be 0 or more")
    split = whole.split
    if split.validation + split.test >= 1:
        raise ValueError(
            f"split.validation={split.validation} and split.test={split.test} leave "
            "nothing to train on; their sum must be below 1"
        )
    if split.test == 0:
        raise ValueError("split.test=0 leaves nothing to score runs on; try 0.2")
    if split.label_noise > 1:
        raise ValueError(f"split.label_noise={split.label_noise} is a fraction of 1")
    if split.method == "kfold" and split.folds < 2:
        raise ValueError(f"split.folds={split.folds} must be 2 or more")
    if whole.script.name is not None:
        scripts.check(whole.script, whole.runtime)
        return
    _check_runtime(whole)
    for component in COMPONENTS:
        _check_target(component, getattr(whole, component))


def _check_paper(whole: _Schema, config: DictConfig) -> None:
    """Refuse values of the right type that cannot be meant; see `paper`."""
    typed = flat(asdict(whole))
    paper.check_numbers(typed)
    paper.check_switches(typed, flat(OmegaConf.to_container(config, resolve=True)))
    paper.check_name("name", whole.name)
    paper.check_name("factor.name", whole.factor.name, path=True)
    paper.check_name("tracking.experiment", whole.tracking.experiment)
    paper.check_uri("tracking.uri", whole.tracking.uri)
    paper.check_loop(whole.loop.loss, whole.loop.metrics)
    metrics = list(whole.loop.metrics)
    plain = all(isinstance(name, str) for name in metrics) and whole.script.name is None
    ours = str(whole.model.get("_target_")).startswith("seedscope.")
    paper.check_answer(  # what the user brings may have scores of any name
        whole.answer.score if plain and ours else None,
        whole.answer.figure,
        metrics if plain else [],
        whole.split.validation > 0,
    )


def _check_runtime(whole: _Schema) -> None:
    """Refuse runtime settings that cannot be had together."""
    runtime, loop = whole.runtime, whole.loop.name
    if runtime.distribution == "none" and runtime.devices > 1:
        raise ValueError(
            f"runtime.devices={runtime.devices} needs runtime.distribution=mirrored"
        )
    if runtime.distribution == "none" and runtime.reduction != "default":
        raise ValueError(
            f"runtime.reduction={runtime.reduction} needs runtime.distribution=mirrored"
        )
    if runtime.distribution == "mirrored" and loop != "fit":
        raise ValueError(
            f"runtime.distribution=mirrored needs loop=fit, got loop.name={loop}"
        )
    if runtime.input_pipeline != "arrays" and loop != "fit":
        raise ValueError(
            f"runtime.input_pipeline={runtime.input_pipeline} needs loop=fit, got "
            f"loop.name={loop}"
        )
    _check_seeding(whole)
    if loop == "solve" and (whole.loop.epochs > 1 or whole.loop.batch_size is not None):
        raise ValueError(
            "loop=solve takes one step on all examples: set loop.epochs=1 and "
            "loop.batch_size=null"
        )


def _check_seeding(whole: _Schema) -> None:
    """Refuse what Keras' own draws (`runtime.seeding` other than sources) rule out."""
    runtime, loop = whole.runtime, whole.loop
    if runtime.seeding == "sources":
        return
    wanted = f"runtime.seeding={runtime.seeding} trains with Keras' own draws"
    if loop.name not in ("fit", "train_on_batch"):
        raise ValueError(f"{wanted}: use loop=fit or loop=train_on_batch")
    if loop.shuffle not in ("epoch", "none"):
        raise ValueError(
            f"{wanted}: fit shuffles or does not; set loop.shuffle=epoch or none"
        )
    if loop.name == "train_on_batch" and loop.shuffle != "none":
        raise ValueError(f"{wanted}; train_on_batch takes no order: loop.shuffle=none")
    if loop.drop_remainder and loop.name == "fit":
        raise ValueError(f"{wanted}; fit drops no batch: loop.drop_remainder=false")
    others = {
        "runtime.distribution": "none",
        "runtime.input_pipeline": "arrays",
        "runtime.compilation": "graph",
    }
    for key, needed in others.items():
        if _value(whole, key) != needed:
            raise ValueError(f"{wanted}: set {key}={needed}")
    if whole.factor.vary:
        raise ValueError(
            f"{wanted}, which no seed of ours reaches: factor.vary must be [], got "
            f"{whole.factor.vary}; repeat runs with factor=seeding"
        )


def _check_target(component: str, options: dict[str, Any]) -> None:
    """Find the module of a `_target_` without importing it (it may load TensorFlow)."""
    target = options.get("_target_")
    where = f"{component}._target_"
    if not isinstance(target, str) or "." not in target:
        raise ValueError(
            f"{where} must name a function as package.module.function, got {target!r}"
        )
    if BYTES in options:
        return
    paper.check_component(component, options)
    for key, value in flat(options).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{component}.{key}={value} must be a finite number")


def _levels(factor: Factor) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return (levels, settings) of each arm: the product of the factor's levels.

    A level is a value of one setting, or a named bundle of settings.
    """
    choices = [_of_one(key, values) for key, values in factor.levels.items()]
    arms = []
    for chosen in product(*choices):
        settings: dict[str, Any] = {}
        for _, own in chosen:
            if twice := sorted(set(own) & set(settings)):
                raise ValueError(
                    f"factor.levels sets {twice[0]} twice in one arm; give it one level"
                )
            settings |= own
        arms.append(({key: value for (key, value), _ in chosen}, settings))
    return arms


def _of_one(key: str, values: Any) -> list[tuple[tuple[str, Any], dict[str, Any]]]:
    """Return the levels of one key: ((key, value or bundle's name), settings)."""
    if isinstance(values, dict) and values:
        return [((key, name), level) for name, level in values.items()]
    if isinstance(values, list) and values:
        for value in values:
            if isinstance(value, dict) and not value.get("name"):
                raise ValueError(
                    f"factor.levels.{key}: a level that is a mapping needs a name: "
                    f"{{name: mine, ...}}, got {value}"
                )
        return [((key, value), {key: value}) for value in values]
    raise ValueError(
        f"factor.levels.{key} must be a list of values to compare, or named bundles of "
        f"settings, got {values}"
    )


def _check_names(arms: tuple[Arm, ...]) -> None:
    """Refuse arms that nobody could tell apart."""
    seen: dict[str, Arm] = {}
    for arm in arms:
        if (other := seen.setdefault(arm.name, arm)) is not arm:
            twice = other.levels == arm.levels
            why = "is there twice" if twice else "is the name of two arms"
            raise ValueError(
                f"factor.levels: {arm.name} {why} ({dict(other.levels)} and "
                f"{dict(arm.levels)}); leave one out, or give it a name of its own"
            )


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if isinstance(value, DictConfig) else value


def _settings(config: DictConfig, level: dict[str, Any]) -> Settings:
    """Return the settings of one arm: the configuration with a level put in."""
    config = DictConfig(OmegaConf.to_container(config, resolve=True))
    for key, value in level.items():
        paper.check_level(key, level)
        free = key.startswith(("script.args.", "script.environment."))
        if not free and OmegaConf.select(config, key, default=config) is config:
            raise ValueError(
                f"factor.levels.{key}: there is no setting {key!r}; the settings are "
                "listed by --cfg job"
            )
        OmegaConf.update(config, key, thawed(value), merge=False, force_add=free)
    try:
        whole = _typed(config)
    except ValueError as error:
        said = str(error).removeprefix("configuration: ")
        where = "factor.levels: " if level else ""
        raise ValueError(f"{where}{said}") from None
    return Settings(**{key: getattr(whole, key) for key in Settings.__annotations__})


def _get(config: DictConfig, key: str) -> Any:
    return OmegaConf.select(config, key)


def _value(whole: _Schema, key: str) -> Any:
    value: Any = whole
    for part in key.split("."):
        value = getattr(value, part)
    return value
