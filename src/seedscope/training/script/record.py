"""What one run of a script leaves, as its process hands it over: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seedscope.training.script.ledger import Drawn


@dataclass
class Fit:
    """One model's training: calls of `fit` and `train_on_batch`, in order."""

    model: str
    losses: list[np.ndarray] = field(default_factory=list)  # (targets,) of each batch
    reported: list[dict[str, float]] = field(default_factory=list)  # of each batch
    epochs: list[dict[str, float]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)  # batches of each epoch
    execution: int = 1  # batches of one row of `reported`
    weights_sha256: list[str] = field(default_factory=list)  # after each epoch


@dataclass
class Answers:
    """The outputs of the script's last prediction, and their labels if it told them."""

    outputs: np.ndarray
    targets: np.ndarray | None = None
    logits: bool = False  # the last layer has no activation
    origin: str = "predict"
    others: Mapping[str, np.ndarray] = field(default_factory=dict)  # all, if several


@dataclass
class Record:
    """One run of a script from start to end."""

    seconds: float = 0.0
    fits: list[Fit] = field(default_factory=list)
    loops: dict[str, np.ndarray] = field(default_factory=dict)  # line -> (steps,)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    answers: Answers | None = None
    initial: list[str] = field(default_factory=list)  # a digest for each model
    final: list[str] = field(default_factory=list)
    weights: np.ndarray | None = None  # of all models, where they are to be kept
    steps: list[int] = field(default_factory=list)  # of each optimizer
    drawn: dict[str, Drawn] = field(default_factory=dict)
    pinned: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)  # data that it opened
    outside: list[str] = field(default_factory=list)  # files that it wrote elsewhere
    modules: list[str] = field(default_factory=list)  # its own, by file
    said: list[str] = field(default_factory=list)  # of where it went on, or why not
    went_on_after: int = 0  # epochs that were done when it was cut off
    error: str | None = None  # what ended it before its end, for people
    extra: dict[str, Any] = field(default_factory=dict)  # of a caller's own hooks
