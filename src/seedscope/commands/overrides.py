"""Everything about the command line that Hydra and MLflow do not agree on."""

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

NOT_SETTINGS = (
    "factor",
    "study",
    "replicates",
    "hydra",
    "name",
    "engine",
    "launcher",
    "tracking",
    "answer",
)


def overrides(arguments: Sequence[str]) -> list[str]:
    """Turn what `mlflow run` passes into Hydra overrides.

    MLflow quotes each parameter as one word and appends undeclared ones as `--key
    value`. So one word of several overrides is taken apart at the spaces before
    `key=`, `--key value` becomes `key=value`, and empty words go.
    """
    result: list[str] = []
    words = iter([word for word in arguments if word.strip()])
    for word in words:
        if re.fullmatch(r"--[a-z_]+(\.[A-Za-z_0-9]+)*", word) and not _is_flag(word):
            value = next(words, None)
            if value is None:
                raise ValueError(f"{word} needs a value; write {word[2:]}=value")
            result.append(f"{word[2:]}={value}")
        else:
            result += re.split(r"\s+(?=--?[a-z]|[+~]*[A-Za-z_][\w./@]*=)", word.strip())
    return result


def swept(hydra: DictConfig) -> tuple[str, ...]:
    """Return the settings that this multirun sweeps, besides the factor.

    Hydra tells a job its own values only; the sweep as it was typed is in the file that
    it writes before the first job starts.
    """
    if str(hydra.mode).rpartition(".")[2] != "MULTIRUN":
        return ()
    written = OmegaConf.load(Path(hydra.sweep.dir, "multirun.yaml"))
    typed = list(written.hydra.overrides.task)
    typed += [f"{k}={v}" for k, v in (written.hydra.sweeper.params or {}).items()]
    parsed = OverridesParser.create().parse_overrides(typed)
    keys = {p.key_or_group for p in parsed if p.is_sweep_override()}
    return tuple(sorted(k for k in keys if k.split(".")[0] not in NOT_SETTINGS))


def study_name(
    config: DictConfig, swept: Sequence[str], preset: str | None = None
) -> str:
    """Return the name of the study that a configuration belongs to.

    Jobs that differ only in what is varied share it: their arms are to be compared. A
    preset of conf/study/ gives it its name.
    """
    content: Any = OmegaConf.to_container(config, resolve=True)
    for key in NOT_SETTINGS:
        content.pop(key, None)
    for key in swept:
        *path, last = key.split(".")
        tree = content
        for part in path:
            tree = tree[part]
        tree.pop(last, None)
    text = json.dumps(content, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:6]
    names = [config[c].get("name", "own") for c in ("data", "model") if c not in swept]
    names = [preset] if preset else names
    return "-".join([*names, key])


def preset_name(folder: str, preset: str) -> str:
    """Return the name of the study that `study=<preset>` makes, as it is now in conf/.

    Args:
        folder: the configuration folder.
        preset: a file of its study/ folder.
    """
    inside = GlobalHydra.instance().is_initialized()
    with nullcontext() if inside else initialize_config_dir(folder, version_base="1.3"):
        config = compose("train", overrides=[f"study={preset}"])
    return study_name(config, (), preset)


@contextmanager
def told_in_one_line(mistakes: Sequence[str] = ()) -> Iterator[None]:
    """Turn mistakes, collected or raised, into one message each and exit status 1."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        mistakes = [*mistakes, str(error)]
    except KeyboardInterrupt:
        sys.exit("stopped; what had finished is kept, the same command continues")
    if mistakes:
        sys.exit("\n".join(f"error: {text}" for text in dict.fromkeys(mistakes)))


def _is_flag(word: str) -> bool:
    """Tell whether a word is one of Hydra's own flags."""
    return word in (
        "--help",
        "--hydra-help",
        "--version",
        "--cfg",
        "--resolve",
        "--package",
        "--run",
        "--multirun",
        "--shell-completion",
        "--config-path",
        "--config-name",
        "--config-dir",
        "--experimental-rerun",
        "--info",
    )
