"""Everything about the command line that Hydra and MLflow do not agree on."""

import hashlib
import itertools
import json
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seedscope.commands import hints
from seedscope.study import places, scripts
from seedscope.study.characters import harmless
from seedscope.study.functions import without_bytes
from seedscope.study.secrets import redacted
from seedscope.study.settings import flat
from seedscope.study.words import NOT_DECIDING

MISTAKES = (HydraException, OmegaConfBaseException, ValueError, TypeError)
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
    "better",
    "budget",
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


def quoted(value: str) -> str:
    """Return free text, such as a path, as Hydra reads it; what is quoted stays."""
    if re.match(r"null$|['\"\[{$]", value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


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
    return swept_settings(typed)


def swept_settings(words: Sequence[str]) -> tuple[str, ...]:
    """Return the settings that overrides sweep, besides the factor."""
    keys = {p.key_or_group for p in _parsed(words) if p.is_sweep_override()}
    return tuple(sorted(k for k in keys if k.split(".")[0] not in NOT_SETTINGS))


def study_name(
    config: DictConfig, swept: Sequence[str], preset: str | None = None
) -> str:
    """Return the name of the study that a configuration belongs to.

    Jobs that differ only in what is varied share it: their arms are to be compared. A
    preset of conf/study/ gives it its name.
    """
    content: Any = without_bytes(OmegaConf.to_container(config, resolve=True))
    for key in NOT_SETTINGS:
        content.pop(key, None)
    program = scripts.name(config.get("script"))
    for key in scripts.OTHER_DOOR if program else ["script"]:
        content.pop(key, None)
    for key in NOT_DECIDING if program else ():
        content["script"].pop(key)
    for key in swept:
        *path, last = key.split(".")
        tree = content
        for part in path:
            tree = tree.get(part, {})
        tree.pop(last, None)
    text = json.dumps(content, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:6]
    names = [config[c].get("name", "own") for c in ("data", "model") if c not in swept]
    names = [program] if program else names
    names = [preset] if preset else names
    return "-".join([*names, key])


def check_door(config: DictConfig) -> None:
    """Refuse settings of the parts that are given together with a script.

    Raises:
        ValueError: it names the first one and says what to do instead.
    """
    if scripts.name(config.get("script")) is None:
        return
    plain: Any = OmegaConf.to_container(composed("train", []), resolve=True)
    given: Any = OmegaConf.to_container(config, resolve=True)
    for part in scripts.OTHER_DOOR:
        before, now = flat({part: plain[part]}), flat({part: given[part]})
        for key, value in now.items():
            if before.get(key) != value:
                raise ValueError(scripts.refused(key, value))


def preset_name(preset: str) -> str:
    """Return the name of the study that `study=<preset>` makes by conf/ as it is."""
    return study_name(composed("train", [f"study={preset}"]), (), preset)


def composed(name: str, words: Sequence[str], hydra: bool = False) -> DictConfig:
    """Compose conf/<name>.yaml as a command line would, sweeps left out.

    Args:
        name: train or compare.
        words: overrides and flags of Hydra, as typed.
        hydra: keep Hydra's own part, as its key `hydra`.

    Raises:
        ValueError: Hydra does not understand a word, or a file of conf/ is missing.
    """
    chosen, folder = fixed(words), str(places.conf())
    inside = GlobalHydra.instance().is_initialized()
    try:
        with (
            nullcontext()
            if inside
            else initialize_config_dir(folder, version_base="1.3")
        ):
            return compose(name, overrides=chosen, return_hydra_config=hydra)
    except MISTAKES as error:
        said = _without_places(error)
    raise ValueError(
        hints.hint(said, chosen, lambda: _keys(name, chosen), lambda w: _works(name, w))
    )


def _keys(name: str, words: Sequence[str]) -> list[str]:
    """Return every key that there is with the files of conf/ that words choose."""
    files = [word for word in words if re.fullmatch(r"[a-z]+=\w+", word)]
    return _flat(composed(name, [word for word in files if _works(name, [word])]))


def _flat(config: DictConfig, before: str = "") -> list[str]:
    found: list[str] = []
    for key in config:
        found.append(f"{before}{key}")
        inside = None if OmegaConf.is_missing(config, key) else config[key]
        if isinstance(inside, DictConfig):
            found += _flat(inside, f"{before}{key}.")
    return found


def _works(name: str, words: Sequence[str]) -> bool:
    try:
        with initialize_config_dir(str(places.conf()), version_base="1.3"):
            compose(name, overrides=list(words))
    except MISTAKES:
        return False
    return True


def check_sweep(words: Sequence[str]) -> None:
    """Refuse flags that Hydra does not have, and several values without `-m`."""
    flags = [word for word, flag in _told_apart(words) if flag]
    hints.check_flags(flags, (*FLAGS, *SHORT))
    several = [p.input_line or "" for p in _parsed(words) if p.is_sweep_override()]
    if "hydra.mode=MULTIRUN" not in words:
        hints.check_several(several, flags)


def fixed(words: Sequence[str]) -> list[str]:
    """Return the overrides that all jobs of a sweep share: no flag, nothing swept."""
    return [p.input_line or "" for p in _parsed(words) if not p.is_sweep_override()]


def swept_values(words: Sequence[str]) -> list[list[str]]:
    """Return, for each override that sweeps, the override of each of its values."""
    return [
        [f"{p.get_key_element()}={value}" for value in p.sweep_string_iterator()]
        for p in _parsed(words)
        if p.is_sweep_override()
    ]


def jobs(words: Sequence[str]) -> tuple[list[list[str]], tuple[str, ...]]:
    """Return the overrides of each job of a sweep, and the settings that it sweeps."""
    config = composed("train", words, hydra=True)
    if str(config.hydra.mode).rpartition(".")[2] == "MULTIRUN":  # a preset's own sweep
        params = config.hydra.sweeper.params or {}
        words = [*(f"{key}={value}" for key, value in params.items()), *words]
    shared, many = fixed(words), swept_values(words)
    jobs = [[*shared, *chosen] for chosen in itertools.product(*many)]
    return jobs, swept_settings(words)


def _parsed(words: Sequence[str]) -> list[Override]:
    plain = [word for word, flag in _told_apart(words) if not flag]
    hints.check_words(plain)
    parser = OverridesParser.create()
    for word in plain:
        try:
            parser.parse_override(word)
        except HydraException:
            raise ValueError(hints.unreadable(word)) from None
    return parser.parse_overrides(plain)


def informs(words: Sequence[str]) -> bool:
    """Tell whether a command line asks for information, and no job is to run."""
    asking = (
        "--help",
        "-h",
        "--hydra-help",
        "--version",
        "--cfg",
        "-c",
        "--info",
        "-i",
    )
    asking += ("--shell-completion", "-sc")
    return any(word.partition("=")[0] in asking for word in words)


def users_folder_first(words: Sequence[str]) -> list[str]:
    """Have `--config-dir DIR` searched before conf/, which Hydra would ask first.

    Raises:
        ValueError: there is no such folder.
    """
    rest: list[str] = []
    folder = None
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.partition("=")
        if name in ("--config-dir", "-cd"):
            folder = value if equals else next(waiting, "")
        else:
            rest.append(word)
    if folder is not None:
        if not Path(folder).is_dir():
            raise ValueError(f"--config-dir {folder}: there is no such folder")
        _search_first(Path(folder).resolve())
    return rest


def _search_first(folder: Path) -> None:
    """Put a folder in front of Hydra's search path, in the way of its plugins."""

    class UsersFolder(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            search_path.prepend("user", f"file://{folder}")

    Plugins.instance().register(UsersFolder)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn a mistake into one line and exit status 1, Ctrl-C and SIGTERM into another.

    Control characters of names, which a terminal might obey, and secrets are left out.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _stop) if main else None
    try:
        yield
    except Exception as error:
        if (line := told(error)) is None:
            raise
        sys.exit(f"error: {harmless(redacted(line))}")
    except KeyboardInterrupt:
        sys.exit("stopped; what had finished is kept, the same command continues")
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def told(error: Exception) -> str | None:
    """Return what a mistake says; None where it is one of this program's own.

    What disks and stores refuse has as many classes as there are libraries.
    """
    if isinstance(error, ValueError | RuntimeError):
        return str(error)
    library = type(error).__module__.partition(".")[0]
    if not isinstance(error, OSError) and library not in OUTSIDE:
        return None
    line = next(filter(None, map(str.strip, str(error).splitlines())), library)
    room = ROOM if FULL.search(line) else ""
    return f"{line}{room}; what has finished is kept, start the same command again"


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


FULL = re.compile(r"No space left|File too large|quota exceeded|disk is full")
ROOM = "; make room, or set TMPDIR to a folder with room"
OUTSIDE = ("mlflow", "sqlalchemy", "requests", "duckdb", "polars", "pyarrow")
SHORT = ("-h", "-m", "-c", "-p", "-r", "-i", "-cp", "-cn", "-cd", "-sc")
FLAGS = (
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
FOLDER_FLAGS = ("--config-path", "-cp")
VALUED = (
    *FOLDER_FLAGS,
    "--config-dir",
    "-cd",
    "--config-name",
    "-cn",
    "--package",
    "-p",
)


def flags_first(words: Sequence[str]) -> list[str]:
    """Return the words as Hydra's parser takes them: no override before a flag."""
    apart = list(_told_apart(words))
    flags = [word for word, flag in apart if flag]
    return flags + [word for word, flag in apart if not flag]


def _told_apart(words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield every word, and whether it is a flag of Hydra or a flag's value."""
    value = False
    for word in words:
        flag = word.startswith("-") and not value
        yield word, flag or value
        value = flag and word in VALUED


def _without_places(error: BaseException) -> str:
    """Return what Hydra says and why, without where it searched."""
    said = str(error).partition("Config search path:")[0]
    if "Error merging" in said and error.__cause__ is not None:
        said += f": {error.__cause__}"
    return said


def _is_flag(word: str) -> bool:
    """Tell whether a word is one of Hydra's own flags."""
    return word in FLAGS
