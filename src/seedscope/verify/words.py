"""The words of a verification, as data: program, job, record, and what is in them.

A *program* is what is verified: the parts of a configuration or a script. A *job* is
one repeat of it, run in a process of its own; a *record* is what that process saw. A
*digest* is eight bytes of hash of a tensor's bytes: equal bits give equal digests, NaN
included, so a NaN never hides a difference and never makes one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedscope.study.words import Run, Script

Digests = tuple[int, ...]
LEVELS = ("none", "taps", "operations")  # how closely a repeat is watched


@dataclass(frozen=True)
class Program:
    """What is verified."""

    name: str
    seeds: str  # held: every source is fixed | own: only what the program seeds
    run: Run | None = None  # its settings and the seeds that hold it

    @property
    def script(self) -> Script | None:
        """Return the script that is run; None where it is parts that are trained."""
        if self.run is None or self.run.settings.script.name is None:
            return None
        return self.run.settings.script


@dataclass(frozen=True)
class Job:
    """One repeat: which program, how closely watched, and with which switches."""

    program: Program
    level: str  # one of LEVELS
    switches: tuple[str, ...] = ()  # of recording/switches.py
    until: int | None = None  # stop after this step; None: run to the end


@dataclass(frozen=True)
class Place:
    """A line of the user's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        name = self.file.rpartition("/")[2]
        return f"{name}:{self.line}"


@dataclass
class Tap:
    """One point of a step where tensors are digested each time it is passed."""

    name: str
    phase: str  # batch | layer | loss | gradients | update | state
    labels: tuple[str, ...]  # what each digest is of, such as a variable's path
    layer: str | None
    places: tuple[Place, ...]  # innermost first
    seen: list[Digests] = field(default_factory=list)


@dataclass
class Operation:
    """One operation of a traced graph."""

    graph: str
    name: str
    kind: str
    in_pipeline: bool  # of a function of a Dataset, which may run in parallel
    variables: tuple[str, ...]  # paths of the variables that it takes
    layer: str | None
    places: tuple[Place, ...]
    inputs: tuple[str, ...]


@dataclass
class Call:
    """One execution of an operation."""

    operation: int
    step: int  # the first is 1
    inputs: Digests
    outputs: Digests


@dataclass
class Stage:
    """One operation of an input pipeline, or the items of a PyDataset."""

    name: str
    places: tuple[Place, ...]
    seen: list[tuple[Any, ...]] = field(default_factory=list)  # one per element
    keyed: bool = False  # the first part of an element is its index


@dataclass(frozen=True)
class Draw:
    """Draws of one generator that come from one line."""

    generator: str  # python | numpy | numpy_fresh | tensorflow | keras | system
    call: str
    place: str
    count: int
    seeded: bool  # by the program itself, before


@dataclass(frozen=True)
class SeedSet:
    """A seed that the program sets, and what was drawn under it."""

    generator: str
    call: str
    place: str
    draws: int  # 0: it has no effect


@dataclass
class Record:
    """What one repeat left. Every part may be empty, but for its final state."""

    level: str
    initial: list[tuple[str, str]] = field(default_factory=list)
    loaded: list[tuple[str, str, str]] = field(default_factory=list)
    taps: list[Tap] = field(default_factory=list)
    final: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    scores: list[tuple[str, float]] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)  # variables, at the end
    finite: list[bool] = field(default_factory=list)  # the loss of each watched step
    step_seconds: list[float] = field(default_factory=list)  # without tracing
    step_cpu: list[float] = field(default_factory=list)  # processor seconds of these
    steps: int = 0
    seconds: float = 0.0  # the whole program
    operations: list[Operation] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    untraced: list[str] = field(
        default_factory=list
    )  # what operations cannot be had of
    draws: list[Draw] = field(default_factory=list)
    seeds_set: list[SeedSet] = field(default_factory=list)
    layers: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)  # where made
    owners: Mapping[str, str] = field(default_factory=dict)  # variable's path -> layer
    touched: tuple[str, ...] = ()  # switches that found something to switch
    cut: bool = False  # stopped after `until`
    code: Mapping[str, str] = field(default_factory=dict)  # file -> digest
    facts: Mapping[str, str] = field(default_factory=dict)  # versions, threads

    @property
    def not_finite_from(self) -> int | None:
        """Return the step before the loss stopped being finite for good, if it did."""
        last = max((n for n, ok in enumerate(self.finite, 1) if ok), default=0)
        if last == len(self.finite):
            return None
        # Replicas and several tapes look more than once a step.
        return last * (self.steps or len(self.finite)) // len(self.finite)

    @property
    def result(self) -> tuple[Any, ...]:
        """Return what must be equal for two repeats to be the same."""
        scores = [(name, _bits(value)) for name, value in self.scores]
        return (
            tuple((n, d) for n, d, _ in self.loaded),
            tuple(self.initial),
            tuple(self.final),
            tuple(self.outputs),
            tuple(scores),
        )


def _bits(value: float) -> str:
    return value.hex() if value == value else "nan"


class CannotVerify(RuntimeError):
    """The program could not be run: nothing is known about its repeats."""
