"""Describe the machine that a run was trained on."""

import platform
from functools import cache

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
