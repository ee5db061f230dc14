"""What can be seen on paper: values of the right type that cannot be meant.

`settings` reads types and what is chosen from a list; here are limits, names that have
to be names of something, and values that would be taken for others without a word.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlparse

from seedscope.study.target import check_arguments, check_target, keras_names, nearest

MOST = {  # beyond it a typing error is likelier than a wish
    "replicates": 10**6,
    "root_seed": 2**63 - 1,
    "loop.epochs": 10**7,
    "loop.batch_size": 10**9,
    "loop.patience": 10**7,
    "loop.shuffle_buffer": 10**10,
    "split.folds": 10**6,
    "split.train_size": 10**12,
    "design.backgrounds": 10**6,
    "design.levels": 10**4,
    "engine.workers": 1024,
    "engine.group_size": 2**16,
    "tracking.curve_points": 10**7,
    "runtime.intra_op_threads": 1024,
    "runtime.inter_op_threads": 1024,
    "runtime.devices": 256,
    "runtime.hash_seed": 2**32 - 1,
    "launcher.retries": 1000,
    "launcher.cpus": 10**5,
    "launcher.gpus": 10**4,
}
LEAST = {"runtime.hash_seed": 0, "launcher.retries": -1}
LEAST |= {"launcher.cpus": 0, "launcher.gpus": 0}
SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")
FIGURES = ("spreads", "scores", "shares", "curves", "noise", "levels")
PARTS = ("test", "val", "train")
LONGEST = 200  # characters of a name
NO_NAME = re.compile(r"[\x00-\x1f\x7f]")
SETTINGS = ("data", "model", "optimizer", "split", "loop", "runtime", "script")


MENDS = {  # what OmegaConf says -> what to give instead
    "converted to Integer": "give a whole number",
    "converted to Float": "give a number",
    "not a valid bool": "give true or false",
    "Incompatible value 'None'": "null is no value here; give one",
    "not Optional": "null is no value here; give a list, [] for none",
    "not a ListConfig": "give a list: [a,b]",
    "to string": "give one word",
    "Cannot assign": "give a mapping: {key: [a,b]}",
    "Interpolation key": "leave the ${...} out",
    "Recursive interpolation": "leave the ${...} out",
    "resolving interpolation": "leave the ${...} out, or set what it names",
    "missing mandatory value": "give it a value",
    "not in '": "leave it out; --cfg job lists the keys",
    "is not a subclass": "give the whole mapping, or vary one of its keys",
}


def with_mend(said: str) -> str:
    """Return what OmegaConf says in one line, and what to do about it."""
    line = said.splitlines()[0]
    found = [mend for text, mend in MENDS.items() if text in line]
    return f"{line}; {found[0]}" if found else line


def check_numbers(values: Mapping[str, Any]) -> None:
    """Refuse numbers that are far out; `values` is flat: {"loop.epochs": 3, ...}."""
    for key, most in MOST.items():
        value = values.get(key)
        if isinstance(value, int | float) and value > most:
            raise ValueError(f"{key}={value} must be {most} or less")
    for key, least in LEAST.items():
        value = values.get(key)
        if isinstance(value, int | float) and not value >= least:
            raise ValueError(f"{key}={value} must be {least} or more")


def check_switches(typed: Mapping[str, Any], raw: Mapping[str, Any]) -> None:
    """Refuse numbers where true or false is wanted: 3 would be taken for true."""
    for key, value in typed.items():
        given = raw.get(key)
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if isinstance(value, bool) and number:
            raise ValueError(f"{key}={given} must be true or false")


def check_name(key: str, value: str | None, path: bool = False) -> None:
    """Refuse a name that is empty, too long, or holds what no name should."""
    if value is None:
        return
    if not value.strip():
        raise ValueError(f"{key}= is empty; give a name")
    if len(value) > LONGEST:
        raise ValueError(f"{key} has {len(value)} characters; {LONGEST} are the most")
    if NO_NAME.search(value):
        raise ValueError(f"{key}={value!r} holds a control character; leave it out")
    if path and ("/" in value or "\\" in value or value.strip(".") == ""):
        raise ValueError(f"{key}={value} must be no path: leave out / and \\")
    if key == "name" and value == "latest":
        raise ValueError("name=latest means the study that ended last; choose another")
    if key == "name" and "'" in value and '"' in value:
        raise ValueError(f"name={value}: leave out one kind of quotes")


def check_uri(key: str, uri: str | None) -> None:
    """Refuse what is no address of a store."""
    scheme = urlparse(uri).scheme.partition("+")[0] if uri else ""
    if uri is not None and uri != "databricks" and scheme not in SCHEMES:
        raise ValueError(
            f"{key}={uri} is no store; write sqlite:///<file>, "
            "postgresql://<host>/<database> or http://<server>"
        )


def check_loop(loss: Any, metrics: Any) -> None:
    """Refuse a name that is no loss or metric of Keras; objects come by `_target_`."""
    known = keras_names("losses")
    for name in _names(loss):
        if not isinstance(name, str) or (known and name not in {"auto", *known}):
            meant = nearest(str(name), known)
            raise ValueError(f"loop.loss={name}: Keras has no such loss{meant}")
    if isinstance(metrics, str):
        raise ValueError(f"loop.metrics={metrics} must be a list: [{metrics}]")
    names = keras_names("metrics") | known | {"auto", "accuracy"}
    for name in _names(metrics):
        if not isinstance(name, str) or (known and name not in names):
            raise ValueError(
                f"loop.metrics: Keras has no metric {str(name)!r}"
                f"{nearest(str(name), names)}"
            )
    named = [name for name in metrics if isinstance(name, str)]
    if len(set(named)) < len(named):
        raise ValueError(f"loop.metrics names a metric twice: {metrics}")


def _names(given: Any) -> Iterator[Any]:
    """Yield what is named for one output or several, objects left out."""
    if isinstance(given, Mapping):
        if "_target_" not in given:
            for one in given.values():
                yield from _names(one)
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for one in given:
            yield from _names(one)
    else:
        yield given


def check_answer(
    score: str | None, figure: str | None, metrics: Sequence[str], validation: bool
) -> None:
    """Refuse a score that no run can have, and a figure that is never drawn."""
    named = [m for m in metrics if m != "auto"]
    of_models = [*named, "loss", "accuracy", "mean_absolute_error"]
    parts = [p for p in PARTS if validation or p != "val"]
    known = ["seconds", *(f"{part}/{name}" for part in parts for name in of_models)]
    if score is not None and score not in known:
        raise ValueError(
            f"answer.score={score} is no score of a run{nearest(score, known)}; there "
            f"are {', '.join(known)}"
        )
    if figure is None or figure in FIGURES or figure.startswith("attribution_"):
        return
    raise ValueError(
        f"answer.figure={figure} is no figure{nearest(figure, FIGURES)}; there are "
        f"{', '.join(FIGURES)}"
    )


def check_component(component: str, options: Mapping[str, Any]) -> None:
    """Look for the function that a component names, and at what it is given."""
    check_target(f"{component}._target_", str(options["_target_"]))
    check_arguments(component, options)
    rate = options.get("learning_rate") if component == "optimizer" else None
    if isinstance(rate, float) and not math.isfinite(rate):
        raise ValueError(f"optimizer.learning_rate={rate} must be a finite number")
    if isinstance(rate, str) or (isinstance(rate, int | float) and not rate > 0):
        raise ValueError(f"optimizer.learning_rate={rate} must be a number above 0")


def check_level(label: str, level: Mapping[str, Any]) -> None:
    """Refuse levels of what is no setting of a run: their arms would be equal."""
    for key in level:
        if key.split(".")[0] not in SETTINGS:
            raise ValueError(
                f"factor.levels.{label}: {key} is no setting of a run; levels are of "
                f"{', '.join(SETTINGS)}"
            )


def check_size(arms: int, replicates: int) -> None:
    """Refuse a study of more runs than anybody can wait for."""
    if not math.isfinite(arms * replicates) or arms * replicates > MOST["replicates"]:
        raise ValueError(
            f"replicates={replicates} of {arms} arms are {arms * replicates} runs; "
            f"{MOST['replicates']} are the most: lower replicates"
        )
