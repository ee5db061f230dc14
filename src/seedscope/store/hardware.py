"""Describe the machine, the versions and the code that a run was trained with."""

import hashlib
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

import cpuinfo
import psutil
import pynvml


@cache
def machine() -> dict[str, str]:
    """Return the hardware of this machine; takes a few seconds the first time."""
    cpu = cpuinfo.get_cpu_info()
    process = psutil.Process()
    usable = process.cpu_affinity() if hasattr(process, "cpu_affinity") else []
    return {
        "hardware.cpu": cpu.get("brand_raw", platform.processor()),
        "hardware.cpu_stepping": str(cpu.get("stepping", "unknown")),
        "hardware.cpu_simd": " ".join(
            f for f in cpu.get("flags", []) if f.startswith(("avx", "amx", "sse4"))
        ),
        "hardware.cores": str(psutil.cpu_count(logical=False)),
        "hardware.threads": str(psutil.cpu_count()),
        "hardware.usable_threads": str(len(usable) or psutil.cpu_count()),
        "hardware.memory_gib": f"{psutil.virtual_memory().total / 2**30:.1f}",
        "hardware.host": platform.node(),
        "hardware.system": platform.platform(),
    } | _gpu()


def _gpu() -> dict[str, str]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return {"hardware.gpu": "none"}
    handles = [
        pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())
    ]
    return {
        "hardware.gpu": "; ".join(str(pynvml.nvmlDeviceGetName(h)) for h in handles),
        "hardware.gpu_driver": str(pynvml.nvmlSystemGetDriverVersion()),
    }


@cache
def packages() -> str:
    """Return the installed packages, one `name==version` a line."""
    found = {f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def code(folder: Path) -> dict[str, str]:
    """Return the git commit of a folder, whether it was changed, and the packages."""
    facts = {"packages_sha256": hashlib.sha256(packages().encode()).hexdigest()}
    commit = _git(folder, "rev-parse", "HEAD")
    if commit:
        facts["mlflow.source.git.commit"] = commit
        dirty = _git(folder, "status", "--porcelain", "--untracked-files=no")
        facts["git_dirty"] = str(bool(dirty)).lower()
    return facts


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""  # no git, or no repository: a downloaded copy is fine
    return done.stdout.strip()
