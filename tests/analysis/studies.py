"""Studies made by hand: real plans and a real store, traces without training."""

import numpy as np
from composing import read

from seedscope.store.log import open_study
from seedscope.study.plan import plan_runs
from seedscope.study.words import Run, Study
from seedscope.trace.trace import Predictions, Trace

EPOCHS, STEPS, EXAMPLES, CLASSES = 3, 4, 40, 3


def made_trace(run: Run, accuracy: float | None = None, bits: str = "") -> Trace:
    """Return a trace whose numbers follow from the seeds that the run varies."""
    seed = [run.seeds[source] for source in run.vary] or [0]
    rng = np.random.default_rng(seed)
    truth = np.arange(EXAMPLES) % CLASSES
    wrong = rng.random(EXAMPLES) < 0.25
    labels = np.where(wrong, (truth + 1) % CLASSES, truth)
    outputs = np.full((EXAMPLES, CLASSES), 0.1, np.float32)
    outputs[np.arange(EXAMPLES), labels] = 0.8
    loss = np.linspace(2, 0.5, EPOCHS * STEPS) + 0.1 * rng.random(EPOCHS * STEPS)
    score = float((labels == truth).mean()) if accuracy is None else accuracy
    ends = np.linspace(0.3, 0.7, EPOCHS) + 0.1 * rng.random()
    return Trace(
        run=run,
        steps_per_epoch=STEPS,
        batch={"loss": loss.astype(np.float32)},
        batch_reported={"loss": loss.astype(np.float32)},
        train={"loss": loss[::STEPS], "accuracy": ends},
        val={"loss": loss[::STEPS], "accuracy": ends},
        scores={"test/loss": 1 - score, "test/accuracy": score},
        weights_sha256=("start", "one", "two", f"end{seed}{bits}"),
        predictions=Predictions(np.arange(EXAMPLES), truth, outputs, labels),
        digests={"data": "d" * 64, "split": "s", "order": "o"},
        seconds=1.0,
        facts={"engine": "sequential", "tensorflow": "2", "keras": "3", "python": "3"},
    )


def planned(*overrides: str) -> tuple[Study, list[Run]]:
    study = read("name=made", *overrides)
    return study, plan_runs(study)


def log_arm(store, *overrides: str, trace=made_trace, first: int | None = None) -> str:
    """Log one factor's runs to the study `made`; return the study's id."""
    study, runs = planned(*overrides)
    with open_study(store, study, runs) as log:
        log.add([trace(run) for run in log.missing[:first]])
    return log.study_id


def log_study(store, replicates: int = 4) -> str:
    for factor in ("none", "init", "shuffle", "all"):
        made = log_arm(store, f"factor={factor}", f"replicates={replicates}")
    return made
