"""Train every run of a factor's arms and log it; a sweep's factors meet in one study.

One command is one *sweep* of one or more jobs, which any launcher of Hydra may run in
other processes or on other machines. So a job leaves nothing in memory: the study that
it trained carries the sweep's id in MLflow, what kept it from training lies in the
sweep's folder, and the comparison at the end finds both by that id.
"""

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

import seedscope
from seedscope.commands import compare, control, usage
from seedscope.commands import sweep as sweep_of_jobs
from seedscope.commands.overrides import (
    check_door,
    check_sweep,
    composed,
    fixed,
    flags_first,
    informs,
    overrides,
    study_name,
    swept,
    swept_values,
    told,
    told_in_one_line,
    users_folder_first,
)
from seedscope.commands.sweep import Place
from seedscope.commands.typed import as_typed
from seedscope.report.harmless import console as harmless_console
from seedscope.study import budget, code, identity, paper, places, settings
from seedscope.study.characters import harmless
from seedscope.study.plan import plan_runs
from seedscope.study.secrets import redacted
from seedscope.study.words import Run, Study, Tracking
from seedscope.trace.trace import Trace
from seedscope.training import choice, engines, trouble
from seedscope.training.launch import launchers

if TYPE_CHECKING:
    from seedscope.commands.progress import Shown
    from seedscope.store.log import StudyLog
    from seedscope.store.store import Store

FOLDER = Path("outputs")  # of the sweeps, as conf/train.yaml says
TRACE_FLAG = "--trace"  # shows errors in the user's code with all their frames
FIRST = 50  # values of a sweep that are composed before it starts


@dataclass(frozen=True)
class Trained:
    """What a job made, and where it is."""

    tracking: Tracking
    study_id: str  # the MLflow run of the study
    arms: tuple[str, ...]
    finished: int  # runs of these arms that the study holds now


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command: every job that is asked for, then one comparison of all.

    Args:
        arguments: words of the command line; none: those of this process.
    """
    with told_in_one_line():
        given = list(sys.argv[1:] if arguments is None else arguments)
        if TRACE_FLAG in given:  # told to every process, on whatever machine
            os.environ[trouble.TRACE] = "1"
            given = [word for word in given if word != TRACE_FLAG]
        typed = as_typed("train", given)
        words = users_folder_first(overrides(given))
        if set(usage.ASKING) & set(words):
            print(usage.of_train(places.conf()))
            return
        if informs(words):
            _run_jobs(words)
            return
        sweep = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{token_hex(3)}"
        words.append(f"tracking.sweep={sweep}")
        tracking, studies = _check(words)
        if why := choice.of_sweep(list(studies.values())):
            words.append("engine.name=sequential")
            line = f"  all jobs are trained one by one, to be compared: {why}"
            harmless_console(stderr=True).print(line, style="yellow", markup=False)
        if studies and not any("hydra" in word for word in words):
            _warm(next(iter(studies.values())))
        sweep_of_jobs.count(words, studies)
        failed: list[dict] = []
        try:
            _run_jobs(words)
        finally:
            failed = _failures(sweep)
            if failed:
                _show_as_missing(tracking, sweep, failed)
            compare.compare_sweep(tracking, sweep, typed)
        if failed:
            jobs = math.prod(len(values) for values in swept_values(words))
            sys.exit(harmless(redacted("\n".join(_said(failed, jobs)))))


@hydra.main(version_base="1.3", config_path=str(places.conf()), config_name="train")
def job(config: DictConfig) -> float:
    """Train one job; return the spread of its leading score, which sweepers may seek.

    A job that fails does not stop the others of its sweep; its spread is NaN. So it is
    under Hydra's basic sweeper, which drops it: reading the study takes its time.
    """
    context = cast(DictConfig, HydraConfig.get())
    try:
        preset = context.runtime.choices.get("study")
        made = train(config, swept(context), preset, _number(context))
        if str(context.sweeper["_target_"]).endswith(".BasicSweeper"):
            return math.nan
        return compare.spread_of(made.tracking, made.study_id, made.arms)
    except Exception as error:
        if (line := told(error)) is None:
            raise
        _keep_failure(context, config, line)
        return math.nan


def train(
    config: DictConfig,
    swept: tuple[str, ...] = (),
    preset: str | None = None,
    number: int = -1,
) -> Trained:
    """Train one factor: the runs that the study does not hold yet.

    Args:
        config: the composed conf/train.yaml.
        swept: the settings that a sweep varies, besides the factor.
        preset: the file of conf/study/ that was chosen, if any.
        number: of this job among those of its command; -1: it is no command's.

    Raises:
        ValueError: a key, type or value is wrong, or the parts do not fit each other.
        RuntimeError: a training process failed.
    """
    check_door(config)
    study = settings.read(config, study_name(config, swept, preset), swept)
    if study.factor.fresh_process:  # how far apart repeats end is the question
        whole = replace(study.engine, keep_weights="epochs", checkpoint=None)
        study = replace(study, engine=whole)
    return _train(study, number)


def _number(context: DictConfig) -> int:
    """Return which job of its sweep this is."""
    many = str(context.mode).rpartition(".")[2]
    return context.job.num if many == "MULTIRUN" else 0


def _train(study: Study, number: int) -> Trained:
    engines.check(study.engine.name)
    launchers.check(study.launcher.name)
    runs = plan_runs(study)
    place = sweep_of_jobs.place(number, len(runs))
    modules = code.digests(identity.all_code(study))
    notes: list[str] = []

    # From here on it takes seconds: nothing above imports MLflow or TensorFlow.
    from seedscope.commands.progress import plan, show, starting

    starting(place)
    _warm(study)
    engine = choice.choose(study.engine, runs, notes.append)
    samples = identity.samples(study)
    found = launchers.ask(samples, engine)  # while MLflow is imported
    from seedscope.commands.identity import begun, settled
    from seedscope.store import cost
    from seedscope.store.beside import storing
    from seedscope.store.log import open_study
    from seedscope.store.store import connect

    store = connect(study.tracking)
    compare.ahead()
    answer = begun(store, study, samples, engine, found())
    study, runs, more = settled(store, study, runs, answer, modules)
    engine = study.engine
    failed = Failures(len(runs))
    with open_study(store, study, runs) as log:
        with (
            storing(log) as groups,
            show(study, len(runs), len(log.missing), place) as progress,
        ):
            for text in [*notes, *more, *log.notes]:
                progress.note(text)
            begun_now = log.planned == engine.planned  # else it was told another day
            log.tell([*notes, *answer.notes, *(answer.told if begun_now else ())])
            engine = replace(engine, planned=log.planned)
            together, made = engine.name == "batched", list[Trace]()
            launcher = launchers.load(study.launcher.name)
            slots = launcher.slots(engine, study.launcher, progress.note)
            known = cost.known_cost(store, log.study_id, engine.name)
            before = groups.later(lambda: cost.size(store, log.study_id))
            if log.missing:
                progress.note(plan(budget.blocks(log.missing, study.design), known))
            each = known.seconds if known else None
            for _ in _stages(study, log, place, progress, each):
                for share in log.shares(slots, answer.together, progress.note):
                    with failed.counted(engine.name == "script", share, log):
                        for traces in launchers.train(
                            share,
                            engine,
                            study.launcher,
                            study.factor.fresh_process,
                            progress.note,
                        ):
                            groups.add(traces)
                            progress.advance(traces)
                            made += _digests_of(traces) if together else []
            if again := control.unequal(made):
                progress.note("the control failed in groups: it is repeated one by one")
                alone = launchers.train(
                    again,
                    replace(engine, name="sequential"),
                    study.launcher,
                    study.factor.fresh_process,
                    progress.note,
                )
                log.blame(control.blamed([trace for group in alone for trace in group]))
            log.leave()
        if progress.trained and (known is None or progress.later is not None):
            seconds = progress.each if progress.later is None else progress.later
            size, trained = before.result(), progress.trained
            _keep_cost(store, log.study_id, engine.name, trained, seconds, size)
    failed.raise_if_any()
    arms = tuple(dict.fromkeys(run.arm for run in runs))
    return Trained(study.tracking, log.study_id, arms, log.stored)


def _warm(study: Study) -> None:
    """Start a process that trains ahead of its work: TensorFlow imports for long."""
    from seedscope.training import cache

    cache.use(study.engine.keep_programs)
    if not study.factor.fresh_process:
        runtime = study.arms[0].settings.runtime
        launchers.load(study.launcher.name).warm(runtime, study.engine)


def _stages(
    study: Study, log: "StudyLog", place: Place, progress: "Shown", each: float | None
) -> Iterator[None]:
    """Leave what is to be trained next in `log.missing`: all, or what a budget holds.

    Args:
        study: its budget is that of the whole command; jobs share what is left.
        log: whose missing runs are trained.
        place: of this job among the others.
        progress: knows how long runs take.
        each: seconds of a run, as earlier ones took; none: the first block tells.
    """
    if study.budget is None:
        yield
        return
    left = budget.blocks(log.missing, study.design)
    whole, seconds = len(left), place.seconds(study.budget)
    began = time.monotonic()
    while left:
        used = time.monotonic() - began
        held = each if not progress.trained else progress.each
        fits = 1 if held is None else budget.fitting(left, seconds - used, held)
        if not fits and progress.trained:
            break
        now, left = left[: max(fits, 1)], left[max(fits, 1) :]
        log.missing = [run for block in now for run in block]
        yield
    if left:
        runs = sum(map(len, left))
        progress.note(
            f"budget: {whole - len(left)} of {whole} blocks are trained; the same "
            f"command goes on with the {runs} run{'s' if runs != 1 else ''} left"
        )


def _keep_cost(
    store: "Store",
    study_id: str,
    engine: str,
    trained: int,
    seconds: float,
    before: int | None,
) -> None:
    """Keep what each of the trained runs took, for those who ask before they train."""
    from seedscope.store import cost

    after = cost.size(store, study_id)
    made = None
    if before is not None and after is not None:
        made = max(0, after - before) // trained
    cost.keep_cost(store, study_id, engine, cost.Cost(seconds, made))


def _digests_of(traces: Sequence[Trace]) -> list[Trace]:
    """Return which runs these are and how they ended, without what fills memory."""
    return [Trace(t.run, {}, weights_sha256=t.weights_sha256) for t in traces]


class Failures:
    """Runs that did not come to their end; where others can go on, they do."""

    def __init__(self, planned: int) -> None:
        self._planned = planned
        self._runs = 0
        self._first = ""

    @contextmanager
    def counted(self, go_on: bool, share: Sequence[Run], log: "StudyLog") -> Iterator:
        """Count what fails of a share; a script's run fails for itself alone."""
        try:
            yield
        except ValueError as error:
            if not go_on:
                raise
            failed = log.give_up(share)
            self._runs += failed
            self._first = self._first or str(error)
            if not failed:  # they are trained: it was the store, or another mistake
                raise

    def raise_if_any(self) -> None:
        """Say how many runs failed, and how the first one did."""
        if self._runs:
            raise ValueError(
                f"{self._runs} of {self._planned} runs failed, the others are kept; "
                f"the first: {self._first}"
            )


def _check(words: Sequence[str]) -> tuple[Tracking, dict[tuple[str, ...], Study]]:
    """Refuse what can be seen on paper, before anything slow.

    Returns:
        where the runs go, and a study for each value that a sweep takes, by its words;
        where none is swept, the one study.
    """
    check_sweep(words)
    config = composed("train", words)
    many, studies = swept_values(words), dict[tuple[str, ...], Study]()
    for number, choices in enumerate(many):
        others = [own[0] for own in (*many[:number], *many[number + 1 :])]
        for value in choices[:FIRST]:
            job = [*fixed(words), *others, value]
            studies[tuple(job)] = read(composed("train", job))
    check_door(config)
    if not many:  # what is swept may be what makes a configuration whole
        studies[tuple(fixed(words))] = read(config)
    return settings.tracking(config), studies


def read(config: DictConfig) -> Study:
    """Read one job as it will be read, on paper.

    Raises:
        ValueError: a key, type or value is wrong, or the parts do not fit each other.
    """
    study = settings.read(config, "checked")
    engines.check(study.engine.name)
    launchers.check(study.launcher.name)
    paper.check_size(len(study.arms), study.replicates)
    return study


def _run_jobs(words: Sequence[str]) -> None:
    """Let Hydra run the jobs: it reads its words from the command line alone."""
    before = sys.argv
    sys.argv = [before[0], *flags_first(words)]
    _make_importable()
    try:
        job()
    finally:
        sys.argv = before


def _make_importable() -> None:
    """Let jobs that a launcher starts in other processes import what we can."""
    held = os.environ.get("PYTHONPATH", "")
    package = str(Path(seedscope.__file__).parents[1])
    if package not in held.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [held, package]))


# ---- jobs that failed --------------------------------------------------------------


def _keep_failure(context: DictConfig, config: DictConfig, line: str) -> None:
    """Write down what kept a job from training, where the command will look."""
    typed = [o for o in context.overrides.task if not o.startswith("tracking.sweep=")]
    text = " ".join(typed)
    many = str(context.mode).rpartition(".")[2] == "MULTIRUN"
    number = context.job.num if many else 0
    folder = Path(context.runtime.cwd, FOLDER, config.tracking.sweep)
    folder.mkdir(parents=True, exist_ok=True)
    said = {"job": text if many else None, "message": line}
    with suppress(ValueError):  # a job that failed on paper has no plan
        own, preset = swept(context), context.runtime.choices.get("study")
        study = settings.read(config, study_name(config, own, preset), own)
        said["study"] = study.base_name
        said["runs"] = [
            {"arm": run.arm, "levels": dict(run.levels)} for run in plan_runs(study)
        ]
    (folder / f"failed-{number}.json").write_text(json.dumps(said, default=str))


def _failures(sweep: str) -> list[dict]:
    """Return what every job that failed wrote down; remove what they left.

    What a launcher of Hydra wrote beside them, such as logs, is kept.
    """
    folder = FOLDER / sweep
    files = sorted(folder.glob("failed-*.json"))
    found = [json.loads(file.read_text()) for file in files]
    if {path.name for path in folder.glob("*")} <= {
        "multirun.yaml",
        *(file.name for file in files),
    }:
        shutil.rmtree(folder, ignore_errors=True)
        if FOLDER.is_dir() and not any(FOLDER.iterdir()):
            FOLDER.rmdir()
    return found


def _show_as_missing(
    tracking: Tracking, sweep: str, failures: Sequence[Mapping]
) -> None:
    """Have a job's arms shown as missing in the study that the others trained."""
    from seedscope.store.missing import plan_missing

    for said in failures:
        if "runs" in said:
            plan_missing(tracking, sweep, said["study"], said["runs"])


def _said(failures: Sequence[Mapping], jobs: int) -> list[str]:
    """Return a line for each mistake, the jobs that met it, and how many failed."""
    met: dict[str, list[str]] = {}
    for said in failures:
        met.setdefault(said["message"], []).append(said["job"])
    lines = []
    for text, names in met.items():
        named = [name for name in names if name]
        lines += [f"error: {text}", *(f"  in job: {name}" for name in named)]
    if jobs > 1:
        lines.append(f"{len(failures)} of {jobs} jobs failed")
    return lines
