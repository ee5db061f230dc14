"""What makes a program repeat, and what that costs: each cure is tried, not believed.

A cure is a set of switches that are applied from outside. It cures when none of its own
repeats differ. Its cost is the ratio of seconds per step to the program as it is, from
repeats that take turns, so that a busy machine slows both; tracing and start-up are
left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seedscope.stats.planning import runs_for_mean
from seedscope.stats.ratio import paired_ratio
from seedscope.verify.repeats import Rate, rate
from seedscope.verify.where import (
    LOADED,
    PIPELINE,
    STEP,
    UPDATE,
    WEIGHTS,
    Where,
)
from seedscope.verify.words import Job, Program, Record

SEEN = 1.1  # a cost that repeats should be enough to see


@dataclass(frozen=True)
class Cure:
    """What may help, and how a user writes it."""

    name: str
    switches: tuple[str, ...]
    phases: tuple[str, ...]
    how: str
    kinds: tuple[str, ...] = ()  # only for these operations; empty: for any


BEFORE = (LOADED, WEIGHTS)
HELD = "held"  # the switch that holds every source of a script
CURES = (
    Cure(
        HELD,
        (HELD,),
        (*BEFORE, PIPELINE, STEP),
        "a seed for each generator that it draws from (seeds=held)",
    ),
    Cure("seeds", ("seeds",), BEFORE, "keras.utils.set_random_seed(0) at the top"),
    Cure("hash_seed", ("hash_seed",), BEFORE, "PYTHONHASHSEED=0 before Python starts"),
    Cure(
        "deterministic_pipeline",
        ("deterministic_pipeline",),
        (PIPELINE,),
        "deterministic=True in map, interleave and options",
    ),
    Cure(
        "serial_pipeline",
        ("serial_pipeline",),
        (PIPELINE,),
        "map and interleave without num_parallel_calls",
    ),
    Cure("one_worker", ("one_worker",), (PIPELINE,), "PyDataset(workers=1)"),
    Cure(
        "op_determinism",
        ("op_determinism",),
        (PIPELINE, STEP, UPDATE),
        "tf.config.experimental.enable_op_determinism()",
    ),
    Cure(
        "one_thread",
        ("one_thread",),
        (STEP, UPDATE),
        "tf.config.threading.set_intra_op_parallelism_threads(1)",
    ),
    Cure("jit", ("jit",), (STEP, UPDATE), "compile(jit_compile=True)"),
    Cure(
        "dense_gradients",
        ("dense_gradients",),
        (STEP, UPDATE),
        "tf.convert_to_tensor(gradient) before optimizer.apply",
        ("ResourceScatter", "ResourceSparseApply"),
    ),
    Cure(
        "segment_sum",
        ("segment_sum",),
        (STEP, UPDATE),
        "tf.math.unsorted_segment_sum(weights, values, bins) for bincount",
        ("Bincount", "DenseBincount"),
    ),
    Cure(
        "all_together",
        ("hash_seed", "serial_pipeline", "one_worker", "op_determinism", "one_thread"),
        (PIPELINE, STEP, UPDATE),
        "serial pipeline, one worker, op determinism, one thread, hash seed",
    ),
)
NAMES = tuple(cure.name for cure in CURES)


@dataclass(frozen=True)
class Cost:
    """Seconds per step, relative to the program as it is."""

    ratio: float
    low: float
    high: float
    rounds: int
    more: int  # further repeats until 10 % would be seen; 0: they are enough


@dataclass(frozen=True)
class Tried:
    """What became of one cure."""

    cure: Cure
    rate: Rate
    cured: bool
    without_effect: bool  # it found nothing to switch in this program
    failed: str | None  # why the program does not run with it
    cost: Cost | None


@dataclass(frozen=True)
class Trial:
    """All cures that were tried, and the repeats of the program between them."""

    tried: tuple[Tried, ...]
    baseline: tuple[Record, ...]

    @property
    def cheapest(self) -> Tried | None:
        """Return the cure that costs least of those that cured."""
        cured = [t for t in self.tried if t.cured]
        known = [t for t in cured if t.cost is not None]
        return (
            min(known, key=lambda t: t.cost.ratio if t.cost else 0)
            if known
            else (cured[0] if cured else None)
        )


def fitting(where: Where | None, program: Program, asked: Sequence[str]) -> list[Cure]:
    """Return the cures that could help where repeats part.

    Args:
        where: the place; None: it was not found, so anything may help.
        program: what is cured; seeds that are held cannot be missing.
        asked: names; empty: none, ["auto"]: those that fit the place.

    Raises:
        ValueError: a cure that does not exist.
    """
    unknown = [name for name in asked if name not in (*NAMES, "auto", "all")]
    if unknown:
        raise ValueError(
            f"cures={unknown[0]!r} is unknown; choose auto, all, or of "
            f"{', '.join(NAMES)}"
        )
    if "auto" not in asked:
        return [c for c in CURES if c.name in asked or "all" in asked]
    return [c for c in CURES if _fits(c, where, program)]


def _fits(cure: Cure, where: Where | None, program: Program) -> bool:
    if cure.name in ("seeds", "held") and program.seeds == "held":
        return False
    if cure.name == "held" and program.script is None:
        return False
    if where is None:
        return not cure.kinds
    return where.phase in cure.phases and (
        not cure.kinds or (where.kind or "").startswith(cure.kinds)
    )


def try_cures(
    run: Callable[[Job], Record],
    program: Program,
    cures: Sequence[Cure],
    repeats: int,
    level: float,
    told: Callable[[str], None] = lambda text: None,
) -> Trial:
    """Repeat the program as it is and with each cure, in turn.

    A cure that fails, finds nothing to switch, or has been seen to differ is not tried
    again: it does not cure, whatever it costs.
    """
    baseline: list[Record] = []
    records: dict[str, list[Record]] = {cure.name: [] for cure in cures}
    failed: dict[str, str] = {}
    for number in range(repeats):
        told(f"cures, round {number + 1} of {repeats}")
        baseline.append(run(Job(program, "none")))
        for cure in cures:
            own = records[cure.name]
            if cure.name in failed or _settled(cure, own):
                continue
            try:
                own.append(run(_job(program, cure)))
            except RuntimeError as error:
                failed[cure.name] = str(error)
    return Trial(
        tuple(
            _tried(cure, records[cure.name], baseline, failed.get(cure.name), level)
            for cure in cures
        ),
        tuple(baseline),
    )


def _job(program: Program, cure: Cure) -> Job:
    if HELD in cure.switches:
        program = replace(program, seeds="held")
    return Job(program, "none", cure.switches)


def _settled(cure: Cure, records: Sequence[Record]) -> bool:
    if not records:
        return False
    return not rate("none", records).agree or not _touches(cure, records)


def _touches(cure: Cure, records: Sequence[Record]) -> bool:
    return any(set(cure.switches) & set(r.touched) for r in records)


def _tried(
    cure: Cure,
    records: list[Record],
    baseline: list[Record],
    failed: str | None,
    level: float,
) -> Tried:
    found = rate("none", records)
    effect = bool(records) and _touches(cure, records)
    whole = len(records) == len(baseline) and failed is None
    cured = whole and effect and found.agree
    costs = cost(seconds(baseline), seconds(records), level) if cured else None
    return Tried(cure, found, cured, bool(records) and not effect, failed, costs)


def seconds(records: Sequence[Record]) -> np.ndarray:
    """Return the seconds per step of each repeat, tracing and start-up left out.

    A program without two steps that could be timed counts whole.
    """
    timed = [len(r.step_seconds) > 1 for r in records]
    if all(timed):
        return np.array([np.mean(r.step_seconds) for r in records])
    return np.array([r.seconds for r in records])


def cost(before: np.ndarray, after: np.ndarray, level: float) -> Cost | None:
    """Estimate the ratio of times that were measured in turn, with an interval.

    Args:
        before: seconds of each round as it is, shape (rounds,).
        after: seconds of each round with the cure, shape (rounds,).
        level: coverage of the interval.
    """
    rounds = len(after)
    if rounds < 2:
        return None
    ratio, interval, sd = paired_ratio(after, before[:rounds], level)
    wanted = runs_for_mean(float(np.log(SEEN)), sd, level)
    more = max(wanted - rounds, 0)
    return Cost(ratio, interval.low, interval.high, rounds, more)
