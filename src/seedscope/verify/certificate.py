"""The certificate of a verification: what was trained, where, and to which bits.

It is a JSON file that a later run of the same program is held against: the same bits,
or which of code, settings, data, versions, machine and switches changed, and the first
step whose digests are not those of the certificate.
"""

import hashlib
import json
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seedscope.store import hardware
from seedscope.trace.machine import machine
from seedscope.verify.repeats import Repeats, finite_steps, missed
from seedscope.verify.where import AFTER, LOADED, PHASES, UPDATE, WEIGHTS
from seedscope.verify.words import CannotVerify, Program, Record

FORMAT = 1
FIRST = ("tensorflow", "keras", "numpy", "python")  # versions that are named first
NOT_SWITCHES = ("process", "gpus", "devices")  # facts of the machine or of one process
SAME = "the same bits"
DIFFERS = "other bits"


@dataclass(frozen=True)
class Checked:
    """A run held against a certificate."""

    same: bool
    changed: Mapping[str, tuple[str, ...]]  # what changed -> its parts
    first: str | None  # the first step and phase that differ
    record: Record


def certificate(
    program: Program,
    repeats: Repeats,
    switches: Sequence[str],
    processes: str,
    findings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what is known of a program, as plain values for a JSON file.

    Args:
        program: what was verified.
        repeats: its repeats.
        switches: with which they ran.
        processes: fresh | fork.
        findings: where they part, cures, draws: as plain values.
    """
    record = repeats.watched[0]
    return {
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "program": _program(program),
        "code": dict(record.code),
        "machine": machine(),
        "versions": versions(),
        "switches": _switches(record, switches),
        "repeats": repeats.repeats,
        "steps": repeats.steps,
        "agree": repeats.agree,
        "missed": missed(repeats.repeats),
        "digests": digests(record),
        "checked": checked(repeats),
        "not_checked": not_checked(repeats, processes),
        **findings,
    }


def digests(record: Record) -> dict[str, Any]:
    """Return every digest of a record: names, and what each step came to."""
    return {
        "data": [[name, digest] for name, digest, _ in record.loaded],
        "initial": [list(pair) for pair in record.initial],
        "steps": [
            {"tap": t.name, "phase": PHASES[t.phase], "seen": [_one(s) for s in t.seen]}
            for t in record.taps
        ],
        "final": [list(pair) for pair in record.final],
        "outputs": [list(pair) for pair in record.outputs],
        "scores": [[name, _number(value)] for name, value in record.scores],
    }


def checked(repeats: Repeats) -> list[str]:
    """Return what was compared."""
    record = repeats.watched[0]
    said = {
        "arrays handed to fit, evaluate and predict": record.loaded,
        "initial weights": record.initial,
        **{
            f"{phase} of each step": [t for t in record.taps if t.phase == phase]
            for phase in ("batch", "loss", "gradients", "update")
        },
        "state at the end": record.final,
        "outputs of predict": record.outputs,
        "scores": record.scores,
    }
    return [name for name, found in said.items() if found]


def not_checked(repeats: Repeats, processes: str) -> list[str]:
    """Return what was not compared, or could not have been seen."""
    record = repeats.watched[0]
    missing = []
    if not record.initial:
        missing.append("initial weights: no Keras optimizer was built")
    if not any(tap.phase == "gradients" for tap in record.taps):
        missing.append("gradients: no GradientTape was asked for any")
    if processes == "fork":
        missing.append("hash order and memory addresses: processes=fork shares them")
    missing += [
        "other machines, versions and loads than these",
        "what the program prints and writes to files",
    ]
    if record.not_finite_from is not None:
        missing.append(
            f"steps after {finite_steps(record)}: weights are not finite from there "
            "on, and NaN hides what differs"
        )
    return missing


def write(certificate: Mapping[str, Any], folder: Path) -> Path:
    """Write certificate.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "certificate.json"
    path.write_text(json.dumps(certificate, indent=1) + "\n")
    return path


def read(text: str, name: str) -> dict[str, Any]:
    """Read a certificate.

    Raises:
        ValueError: it is none, or one of a program that did not repeat.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"against={name} is no JSON file: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(
            f"against={name} is no certificate of this version of seedscope; make one "
            "with output=FOLDER"
        )
    if not found["agree"]:
        raise ValueError(
            f"against={name}: that program did not repeat when the certificate was "
            "made, so no run can be held against it"
        )
    return found


def compare(
    held: Mapping[str, Any], program: Program, record: Record, switches: Sequence[str]
) -> Checked:
    """Hold one run against a certificate.

    Raises:
        CannotVerify: the certificate is of another program.
    """
    before, now = held["program"], _program(program)
    if before["name"] != now["name"]:
        raise CannotVerify(
            f"the certificate is of {before['name']}, this program is {now['name']}"
        )
    seen = digests(record)
    first = _first(held["digests"], seen)
    changed = {
        "code": _keys(held["code"], dict(record.code)),
        "settings": _keys(before["settings"], now["settings"]),
        "data": _keys(dict(held["digests"]["data"]), dict(seen["data"])),
        "versions": _keys(held["versions"], versions()),
        "machine": _keys(_machine(held["machine"]), _machine(machine())),
        "switches": _keys(held["switches"], _switches(record, switches)),
    }
    return Checked(
        first is None, {k: v for k, v in changed.items() if v}, first, record
    )


def versions() -> dict[str, str]:
    """Return {package: version}, Python among them, the telling ones first."""
    found = dict(line.split("==", 1) for line in hardware.packages().split())
    found = {re.sub(r"[-_.]+", "-", k).lower(): v for k, v in found.items()}
    found["python"] = platform.python_version()
    names = [*(n for n in FIRST if n in found), *sorted(set(found) - set(FIRST))]
    return {name: found[name] for name in names}


def _program(program: Program) -> dict[str, Any]:
    settings: dict[str, str] = {"seeds": program.seeds}
    if program.run is not None:
        from seedscope.study.settings import flat

        whole = flat(asdict(program.run.settings))
        if program.script is not None:
            whole = {k: v for k, v in whole.items() if k.startswith(("script", "run"))}
        whole |= {f"seed.{k}": v for k, v in program.run.seeds.items()}
        settings |= {key: str(value) for key, value in whole.items()}
    return {"name": program.name, "settings": settings}


def _switches(record: Record, switches: Sequence[str]) -> dict[str, str]:
    facts = {k: v for k, v in record.facts.items() if k not in NOT_SWITCHES}
    keys = ("intra_op", "inter_op", "op_determinism", "precision", "onednn", "hash")
    found = {k: v for k, v in facts.items() if k.startswith(keys)}
    return {**found, "cures": " ".join(switches)}


def _machine(facts: Mapping[str, str]) -> dict[str, str]:
    """Leave out the name of the machine: another one of the kind is no change."""
    return {k: v for k, v in facts.items() if k != "hardware.host"}


def _keys(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Say which values are others now."""
    names = [*before, *(name for name in now if name not in before)]
    return tuple(
        f"{name} ({before.get(name, 'not there')} → {now.get(name, 'not there')})"
        for name in names
        if before.get(name) != now.get(name)
    )


def _first(held: Mapping[str, Any], seen: Mapping[str, Any]) -> str | None:
    """Say where a run first leaves the certificate; None: nowhere."""
    if name := _first_name(held["data"], seen["data"]):
        return f"before training, {LOADED}: {name}"
    if name := _first_name(held["initial"], seen["initial"]):
        return f"before training, {WEIGHTS}: {name}"
    if found := _first_step(held["steps"], seen["steps"]):
        return found
    for part, phase in (("final", UPDATE), ("outputs", AFTER), ("scores", AFTER)):
        if name := _first_name(held[part], seen[part]):
            return f"{phase}: {name}"
    return None


def _first_name(held: Sequence[Any], seen: Sequence[Any]) -> str | None:
    for before, now in zip(held, seen, strict=False):
        if list(before) != list(now):
            return str(before[0])
    if len(held) != len(seen):
        return f"{len(held)} of them then, {len(seen)} now"
    return None


def _first_step(held: Sequence[Any], seen: Sequence[Any]) -> str | None:
    """Return the first step that differs. Taps are matched by their place in a step.

    A line that moved in an edited file keeps its taps comparable.
    """
    if [t["phase"] for t in held] != [t["phase"] for t in seen]:
        return "step 1: it does other things in a step"
    apart = []
    for order, (before, now) in enumerate(zip(held, seen, strict=True)):
        pairs = zip(before["seen"], now["seen"], strict=False)
        at = next((n for n, (p, q) in enumerate(pairs) if p != q), None)
        if at is None and len(before["seen"]) != len(now["seen"]):
            at = min(len(before["seen"]), len(now["seen"]))
        if at is not None:
            apart.append((at, order, before["phase"]))
    if not apart:
        return None
    at, _, phase = min(apart)
    return f"step {at + 1}, {phase}"


def _one(digests: Sequence[int]) -> str:
    text = ",".join(str(d) for d in digests)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _number(value: float) -> str:
    return value.hex() if value == value else "nan"
