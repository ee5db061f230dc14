"""The words of a study, as data: settings, factor, arm, study, run.

A *setting* is anything a study may vary besides its sources of randomness. A *factor*
says what is varied: sources that get new seeds (`vary`), settings that are compared
(`levels`, one *arm* per level). A *run* is one training from start to end: one row of
an arm's design, one MLflow run. conf/ holds every default; these classes have none.
Nothing changes what was read: whoever needs other settings replaces them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from seedscope.study.direction import Better

NOT_DECIDING = ("score", "folder", "timeout", "predictions")  # of a script


@dataclass(frozen=True)
class Split:
    """Which examples train, validate and test."""

    method: str
    validation: float
    test: float
    folds: int
    train_size: int | None
    label_noise: float


@dataclass(frozen=True)
class Loop:
    """How training walks over the examples."""

    name: str
    epochs: int
    batch_size: int | None
    drop_remainder: bool
    shuffle: str
    shuffle_buffer: int
    schedule: str
    patience: int
    loss: Any  # a name, or options with a `_target_`
    metrics: Any  # a list of them, or one for each output
    callbacks: list[Any]
    class_weight: Any  # class -> weight


@dataclass(frozen=True)
class Runtime:
    """What a process must be started with; a process has one of each."""

    intra_op_threads: int
    inter_op_threads: int
    op_determinism: bool
    precision: str
    compilation: str
    onednn: bool | None
    distribution: str
    devices: int
    reduction: str
    input_pipeline: str
    seeding: str
    hash_seed: int | None


@dataclass(frozen=True)
class Script:
    """A training program of the user's own, and how it is called."""

    path: str | None  # a .py file or a notebook; None with no module: parts are trained
    module: str | None  # as `python -m` takes it
    args: dict[str, Any]
    words: list[str]  # of its command line, as they stand
    style: str
    environment: dict[str, Any]
    data: list[str]
    predictions: str | None
    score: str | None
    max_epochs: int | None
    max_steps: int | None
    timeout: float | None
    folder: str | None

    @property
    def name(self) -> str | None:
        """Return what a reader knows the program by; None where there is none."""
        if self.module:
            return self.module
        return PurePath(self.path).stem if self.path else None


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run besides its seeds."""

    data: dict[str, Any]
    model: dict[str, Any]
    optimizer: dict[str, Any]
    split: Split
    loop: Loop
    runtime: Runtime
    script: Script

    def deciding(self) -> dict[str, Any]:
        """Return what decides a run: the settings of the door that it came through."""
        whole = asdict(self)
        script, runtime = whole.pop("script"), whole.pop("runtime")
        if self.script.name is None:
            return {**whole, "runtime": runtime}
        for key in NOT_DECIDING:
            script.pop(key)
        return {"script": script, "runtime": runtime}


@dataclass(frozen=True)
class Factor:
    """What a study varies."""

    name: str | None  # None: made of the sources; a study's factor has one
    question: str
    vary: list[str]
    levels: dict[str, Any]
    fresh_process: bool


@dataclass(frozen=True)
class Design:
    """How the seed table of an arm is filled."""

    name: str
    backgrounds: int
    levels: int


@dataclass(frozen=True)
class Engine:
    """How runs are trained, and what is kept of them."""

    name: str
    workers: int
    group_size: int | None
    keep_weights: str
    again: bool = False
    keep_programs: bool = True
    planned: int | None = None  # runs of an arm when the study began: what fits them
    checkpoint: float | None = None  # seconds between two states of a run; none: never


@dataclass(frozen=True)
class Launcher:
    """Where runs are trained; none of this changes what a run is."""

    name: str
    address: str | None = None  # of a cluster; none: made here. As all below: ray alone
    cpus: float = 1
    gpus: float = 0
    runtime_env: dict[str, Any] | None = None
    retries: int = 3


@dataclass(frozen=True)
class Tracking:
    """Where runs are logged, and how finely."""

    uri: str | None
    experiment: str
    artifacts: str | None
    curve_points: int | None
    outputs: bool
    sweep: str | None = None  # the id of the command that runs this job


@dataclass(frozen=True)
class Answer:
    """What a reader of the study's result should see first."""

    score: str | None
    figure: str | None


@dataclass(frozen=True)
class Identity:
    """What decides a run besides its settings and its seeds; identity.py makes it.

    An empty part is one that is not decided here: what a sweep varies is no part of
    the identity of its study.
    """

    code: str  # digest of the user's own code; empty: there is none
    data: str  # digest of the data at the study's base seed
    engine: str  # sequential | batched
    tensorflow: str  # version
    keras: str  # version
    schema: str  # what version of seedscope's own records


@dataclass(frozen=True)
class Arm:
    """All runs with the same settings that vary the same sources: these are its key."""

    name: str  # made of the key for people; see study/arms.py
    vary: tuple[str, ...]
    levels: Mapping[str, Any]  # setting -> value of what makes it another arm
    settings: Settings


@dataclass(frozen=True)
class Study:
    """The arms that one job trains, and how."""

    name: str
    replicates: int
    root_seed: int
    factor: Factor
    arms: tuple[Arm, ...]
    design: Design
    engine: Engine
    launcher: Launcher
    tracking: Tracking
    answer: Answer
    better: Better  # which way scores are better, as far as the user says it
    config: dict[str, Any]  # the whole configuration, resolved
    base: Settings  # what the configuration says where no factor changes it
    swept: tuple[str, ...]  # the settings that a sweep varies, besides the factor
    named: bool  # the name was given, not derived from the configuration
    base_name: str  # the name before anything was known of code, data and engine
    identity: Identity | None = None  # what its arms have in common; None: not known
    budget: float | None = None  # seconds that this command may train; None: no limit


@dataclass(frozen=True)
class Run:
    """One planned training: all of its settings and all of its seeds."""

    factor: str
    arm: str
    replicate: int
    vary: tuple[str, ...]  # the sources that the arm varies
    seeds: Mapping[str, int]  # source -> seed
    settings: Settings
    fingerprint: str  # hash of all of the above, and of the identity
    block: int = 0  # the group of rows that a design resamples together
    identity: Identity | None = None  # None: not known yet
    levels: Mapping[str, Any] = field(default_factory=dict)  # of the arm
