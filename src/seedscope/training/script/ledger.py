"""What a script draws: one stream for each source, and the list of who drew what.

A *draw* is one moment at which a script asks for chance: an initializer that is made,
a generator of a layer, an operation of TensorFlow, a call of `np.random`. Its seed is
hashed from the source's seed, the kind of the draw and how many of the kind came
before, so a draw more of one source moves no draw of another.

A global seed that the script sets (`np.random.seed(s)`) is *replaced*: the stream
depends on the source's seed and on `s`. A seed that the script gives to one layer or
call is *pinned*: it is kept. Both are listed.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

SOURCES = ("init", "shuffle", "dropout", "augmentation", "split", "data")
TOP = 30  # bits of a seed: every library takes it, and it is never 0


def stream(seed: int, *key: object) -> int:
    """Return the seed of one draw of a source, in [1, 2**30]."""
    words = [int.from_bytes(_sha(str(part).encode())[:4], "little") for part in key]
    state = np.random.SeedSequence(seed, spawn_key=words).generate_state(1)
    return 1 + int(state[0] >> (32 - TOP))


@dataclass
class Drawn:
    """What one source drew in one run."""

    count: int = 0
    digest: str = ""
    lines: Counter[str] = field(default_factory=Counter)  # "model.py:12 Dense" -> draws


class Ledger:
    """The draws of one run, as they come."""

    def __init__(self, seeds: Mapping[str, int]) -> None:
        self.seeds = {source: seeds[source] for source in SOURCES}
        self.drawn: dict[str, Drawn] = {}
        self.pinned: Counter[str] = Counter()
        self.replaced: Counter[str] = Counter()
        self.remarks: Counter[str] = Counter()
        self._count: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def take(self, source: str, kind: str, line: str) -> int:
        """Return the seed of the next draw of a kind, and write it down."""
        value = self.quiet(source, kind)
        self.write(source, line, value)
        return value

    def quiet(self, source: str, kind: str) -> int:
        """Return the seed of the next draw of a kind; `write` tells if it was used."""
        with self._lock:
            self._count[source, kind] += 1
            number = self._count[source, kind]
        return stream(self.seeds[source], kind, number)

    def write(self, source: str, line: str, value: int | None = None) -> None:
        """Write down that a source drew at a line of the script."""
        with self._lock:
            drawn = self.drawn.setdefault(source, Drawn())
            drawn.count += 1
            drawn.lines[line] += 1
            if value is not None:
                text = f"{drawn.digest} {value}".encode()
                drawn.digest = _sha(text).hex()[:16]

    def pin(self, what: str, seed: object, line: str) -> None:
        """Write down a seed that the script gave to one layer or call: it is kept."""
        self.pinned[f"{what} seed={seed} at {line}"] += 1

    def replace(self, what: str, seed: object, line: str) -> None:
        """Write down a global seed of the script: another stream takes its place."""
        self.replaced[f"{what}({seed}) at {line}"] += 1


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
