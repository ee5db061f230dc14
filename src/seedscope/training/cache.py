"""Keep XLA's compiled programs between processes: compiling is most of a small study.

XLA keys its files by program, not by machine: each kind of machine and each version
has a folder of its own, in the user's cache folder. A program that was kept computes
the same bits as one that is compiled anew; a test holds that.
"""

import os
import platform
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import platformdirs

FLAGS = "TF_XLA_FLAGS"  # read when TensorFlow starts
FOLDER = "--tf_xla_persistent_cache_directory"
LARGEST = 500_000_000  # bytes of all programs; the ones unused for longest go first


def use(on: bool) -> None:
    """Let the processes that start from now on keep their programs, or not."""
    others = [f for f in os.environ.get(FLAGS, "").split() if not f.startswith(FOLDER)]
    if on:
        folder = _folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _prune(folder.parent)
        except OSError:
            return  # no place to keep them is no reason not to train
        others.append(f"{FOLDER}={folder}")
    if others:
        os.environ[FLAGS] = " ".join(others)
    else:
        os.environ.pop(FLAGS, None)


def here() -> str:
    """Return a short name of this kind of machine and of the versions on it."""
    known = [_processor(), platform.machine(), version("tensorflow"), version("keras")]
    return sha256("\n".join(known).encode()).hexdigest()[:16]


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("seedscope"), "xla", here())


def _processor() -> str:
    """Return what this processor is and can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    kinds = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features")
    return "\n".join(
        sorted({line for line in lines if line.partition(":")[0].strip() in kinds})
    )


def _prune(folder: Path) -> None:
    """Delete the programs that were not used for longest, down to half of LARGEST."""
    files = [(path, path.stat()) for path in folder.rglob("*") if path.is_file()]
    total = sum(stat.st_size for _, stat in files)
    if total <= LARGEST:
        return
    for path, stat in sorted(files, key=lambda item: item[1].st_atime):
        path.unlink(missing_ok=True)
        total -= stat.st_size
        if total <= LARGEST / 2:
            return
