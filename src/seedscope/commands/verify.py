"""Verify a program: does it repeat, where does it part, what cures it, at what cost?

It ends with status 0 where no difference was seen (or the bits are those of the
certificate), 1 where there is one, 2 where it could not be tried.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from seedscope.commands.overrides import (
    check_door,
    composed,
    informs,
    overrides,
    quoted,
    study_name,
)
from seedscope.study import places, scripts, settings
from seedscope.study.plan import plan_runs
from seedscope.study.words import Tracking
from seedscope.verify.processes import WAYS, Processes
from seedscope.verify.verification import Asked, Verification, verify
from seedscope.verify.words import Job, Program

AGREE, DIFFERS, NOT_TRIED = 0, 1, 2  # exit status
FREE_TEXT = ("script.path", "against", "output")
SHORT = {"script": "script.path", "arguments": "script.words"}  # what may be typed
SEEDS = ("held", "own")


@dataclass(frozen=True)
class Question:
    """What is asked on the command line."""

    program: Program
    asked: Asked
    tracking: Tracking
    against: str | None
    output: Path | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end with its status.

    Args:
        arguments: words of the command line; none: those of this process.
    """
    console = Console()
    try:
        words = typed(overrides(sys.argv[1:] if arguments is None else arguments))
        if informs(words):
            _inform(words)
            return
        status = answer(read(words), console)
    except (ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = NOT_TRIED
    except KeyboardInterrupt:
        print("stopped; nothing is known", file=sys.stderr)
        status = NOT_TRIED
    sys.exit(status)


def read(words: Sequence[str]) -> Question:
    """Read a command line: keys of conf/verify.yaml, the rest those of conf/train.yaml.

    Raises:
        ValueError: a key, type or value is wrong; the message names it.
    """
    keys = list(composed("verify", []))
    own = [w for w in words if re.split(r"[=.]", w.lstrip("+~"))[0] in keys]
    parts = [word for word in words if word not in own]
    config = composed("verify", own)
    study_config = composed("train", parts)
    check_door(study_config)
    tracking = settings.tracking(study_config)
    asked = _asked(config)
    program = _program(config, study_config)
    output = None if config.output is None else Path(config.output)
    return Question(program, asked, tracking, config.against, output)


def answer(question: Question, console: Console) -> int:
    """Answer a question, print and keep what was found, and return the status."""
    with closing(Processes(question.asked.processes)) as processes:
        if question.against is not None:
            return _against(question, processes, console)
        with console.status("") as status:
            made = verify(
                processes.run, question.program, question.asked, status.update
            )
    _keep(question, made, console)
    return AGREE if made.agree else DIFFERS


def typed(words: Sequence[str]) -> list[str]:
    """Return words as Hydra takes them: free text quoted, lists as lists."""
    result = []
    for word in words:
        key, equals, value = word.partition("=")
        key = SHORT.get(key, key)
        if key in ("cures", "script.words") and equals and not value.startswith("["):
            value = f"[{value}]"
        if equals and key in FREE_TEXT:
            value = quoted(value)
        result.append(f"{key}{equals}{value}")
    return result


# ---- reading -----------------------------------------------------------------------


def _asked(config: DictConfig) -> Asked:
    for key in ("repeats", "closely", "cure_repeats"):
        value = config[key]
        if value is not None and (not isinstance(value, int) or value < 2):
            raise ValueError(f"{key}={value} must be 2 or more: one alone has no equal")
    if config.processes not in WAYS:
        raise ValueError(
            f"processes={config.processes!r} is unknown; choose {' or '.join(WAYS)}"
        )
    if config.seeds not in (None, *SEEDS):
        raise ValueError(
            f"seeds={config.seeds!r} is unknown; choose {' or '.join(SEEDS)}"
        )
    if not (isinstance(config.level, float) and 0 < config.level < 1):
        raise ValueError(f"level={config.level} must lie between 0 and 1")
    cures = OmegaConf.to_container(config.cures)
    return Asked(
        repeats=config.repeats,
        closely=config.closely or config.repeats,
        cures=tuple(str(name) for name in cures or ()),
        cure_repeats=config.cure_repeats or config.repeats,
        processes=config.processes,
        level=config.level,
    )


def _program(config: DictConfig, parts: DictConfig) -> Program:
    if parts.factor.vary or parts.factor.levels:
        raise ValueError(
            f"factor={parts.factor.name}: verify repeats one run and varies nothing; "
            "leave factor out and set what you mean itself"
        )
    own = config.seeds == "own"
    program = scripts.name(parts.script)
    if own and program is None:
        parts = parts.copy()
        parts.runtime.seeding = "none"
    study = settings.read(parts, study_name(parts, ()))
    run = plan_runs(study)[0]
    name = Path(run.settings.script.path or "").name or program or study.name
    return Program(name, config.seeds or "held", run=run)


@hydra.main(version_base="1.3", config_path=str(places.conf()), config_name="verify")
def _job(config: DictConfig) -> None:
    """Let Hydra tell what it is asked for, such as --help."""


def _inform(words: Sequence[str]) -> None:
    before = sys.argv
    sys.argv = [before[0], *words]
    try:
        _job()
    finally:
        sys.argv = before


# ---- keeping -----------------------------------------------------------------------


def _keep(question: Question, made: Verification, console: Console) -> None:
    """Print a verification, write it to a folder, and log it."""
    from seedscope.report import verification as report
    from seedscope.store.store import connect
    from seedscope.store.verify import log_verification
    from seedscope.verify.certificate import certificate, write

    told = report.tell(made)
    report.show(told, console)
    held = certificate(
        made.program, made.repeats, (), made.asked.processes, _findings(made)
    )
    page = report.html(told)
    if question.output is not None:
        console.print(f"{write(held, question.output)}", highlight=False)
        (question.output / "verification.html").write_text(page)
    store = connect(question.tracking)
    run_id = log_verification(
        store, made.program.name, held, _numbers(made), report.markdown(told), page
    )
    console.print(f"MLflow run {run_id} in {store.uri}", highlight=False)


def _against(question: Question, processes: Processes, console: Console) -> int:
    """Train once and hold the run against a certificate."""
    from seedscope.report import verification as report
    from seedscope.verify import certificate

    name = str(question.against)
    held = certificate.read(_certificate(question, name), name)
    record = processes.run(Job(question.program, "taps"))
    checked = certificate.compare(held, question.program, record, ())
    report.show(report.tell_checked(checked, question.program, name), console)
    return AGREE if checked.same else DIFFERS


def _certificate(question: Question, name: str) -> str:
    """Return the text of a certificate: a file, or that of a run of verify."""
    path = Path(name)
    if path.is_file():
        return path.read_text()
    if path.suffix or "/" in name:
        raise ValueError(f"against={name}: there is no such file")
    from seedscope.store.store import connect
    from seedscope.store.verify import read_certificate

    return read_certificate(connect(question.tracking, create=False), name)


def _findings(made: Verification) -> dict[str, Any]:
    """Return what was found as plain values."""
    where = made.found.where if made.found else None
    trial = made.trial
    return {
        "rates": [asdict(rate) for rate in made.rates],
        "where": None if where is None else asdict(where),
        "cures": [_plain(asdict(tried)) for tried in (trial.tried if trial else ())],
        "draws": [asdict(draw) for draw in made.draws],
        "seeds": [asdict(seed) for seed in made.seeds_set],
    }


def _plain(tried: Mapping[str, Any]) -> dict[str, Any]:
    return {**tried, "cure": tried["cure"]["name"], "how": tried["cure"]["how"]}


def _numbers(made: Verification) -> dict[str, float]:
    from seedscope.verify.repeats import missed

    repeats = made.repeats
    numbers: dict[str, float] = {
        "repeats": repeats.repeats,
        "steps": repeats.steps,
        "missed_one_in_ten": missed(repeats.repeats),
    }
    for rate in made.rates:
        numbers[f"distinct/{rate.level}"] = rate.distinct
        numbers[f"apart/{rate.level}"] = rate.apart
    for tried in made.trial.tried if made.trial else ():
        numbers[f"cured/{tried.cure.name}"] = float(tried.cured)
        if tried.cost is not None:
            numbers[f"cost/{tried.cure.name}"] = tried.cost.ratio
    return numbers
