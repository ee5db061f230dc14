"""Turn the record of a script's run into a trace: names, scores, what a reader is told.

Several trainings in one script: the model that was trained last gives the curves their
plain names, the others' stand under the model's name.
"""

import hashlib
import re
from pathlib import Path

import numpy as np

from seedscope.study.words import Run
from seedscope.trace.trace import Logged, Trace, digest, on_test
from seedscope.training.script import answers, own_mlflow, told
from seedscope.training.script.process import Outcome
from seedscope.training.script.record import Fit, Record

OURS = ("batch/", "batch_reported/", "train/", "val/", "test/")
PRINTED = "printed.txt"
LAST = "train/last_"  # of the last batch, where there is no other score
OUTPUTS = "predict.npz"  # all outputs, where there are several


def trace_of(run: Run, outcome: Outcome) -> Trace:
    """Return the trace of a run that came to its end.

    Args:
        run: as planned.
        outcome: what became of it.

    Raises:
        ValueError: it left no score, or not the one that is to lead.
    """
    record, script = outcome.record, run.settings.script
    if record is None:
        raise ValueError(f"{script.name} left no record")
    if script.predictions is not None:
        record.answers = answers.read(outcome.folder / script.predictions)
    runs = own_mlflow.read(outcome.folder)
    own, files, said = _own_logs(runs)
    artifacts = {n: path for logged in runs for n, path in logged.artifacts.items()}
    record.answers, labels = answers.with_table(record.answers, artifacts)
    files[PRINTED] = outcome.printed.encode()
    if outputs := answers.packed(record.answers):
        files[OUTPUTS] = outputs
    curves = _Curves(record)
    scores = _scores(record, curves, own)
    lead, why = _lead(script.score, scores, curves)
    return Trace(
        run=run,
        scores=scores,
        steps_per_epoch=_steps(record),
        batch=curves.batch,
        batch_reported=curves.reported,
        train=curves.train,
        val=curves.val,
        weights_sha256=_weights(record),
        predictions=answers.predictions(record.answers),
        digests=_digests(record, run),
        seconds=record.seconds,
        facts=record.facts | _facts(record, run),
        weights=record.weights,
        logged=own,
        files=files,
        told=(why, *told.others(record), *said, *([labels] if labels else [])),
        lead=lead,
    )


class _Curves:
    """The curves of all trainings of a run, by name."""

    def __init__(self, record: Record) -> None:
        self.batch: dict[str, np.ndarray] = {}
        self.reported: dict[str, np.ndarray] = {}
        self.train: dict[str, np.ndarray] = {}
        self.val: dict[str, np.ndarray] = {}
        last = record.fits[-1].model if record.fits else None
        for fit in record.fits:
            self._add(fit, "" if fit.model == last else f"{_plain(fit.model)}.")
        for number, values in enumerate(record.loops.values(), start=1):
            name = "loss" if len(record.loops) == 1 else f"loss_{number}"
            if values.size:
                self.batch[name if name not in self.batch else f"loop.{name}"] = values

    def _add(self, fit: Fit, prefix: str) -> None:
        widths = {len(losses) for losses in fit.losses}
        if len(widths) == 1 and widths != {0}:
            columns = np.array(fit.losses).T
            for number, values in enumerate(columns, start=1):
                name = "loss" if len(columns) == 1 else f"loss_{number}"
                self.batch[f"{prefix}{name}"] = values
        # One value for several batches counts executions, not batches.
        whole = prefix if fit.execution == 1 else f"{prefix}execution."
        for name, values in _table(fit.reported).items():
            self.reported[f"{whole}{name}"] = values
        for name, values in _table(fit.epochs).items():
            part, short = self.train, name
            if name.startswith("val_"):
                part, short = self.val, name.removeprefix("val_")
            part[f"{prefix}{short}"] = values


def _table(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """Return name -> values over rows; NaN where a row does not have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        _plain(name): np.array([row.get(name, np.nan) for row in rows])
        for name in names
    }


def _scores(record: Record, curves: _Curves, own: Logged) -> dict[str, float]:
    scores: dict[str, float] = {}
    for number, evaluation in enumerate(record.evaluations[:-1], start=1):
        for name, value in evaluation.items():
            scores[f"evaluate_{number}/{_plain(name)}"] = value
    if record.evaluations:
        last = {_plain(name): value for name, value in record.evaluations[-1].items()}
        scores |= on_test(last)
    for name, points in own.metrics.items():
        scores[name] = points[-1][1]
    if not scores and not curves.val and not curves.train and curves.batch:
        scores |= {
            f"{LAST}{name}": float(values[-1]) for name, values in curves.batch.items()
        }
    if not scores and not curves.val and not curves.train:
        raise ValueError(
            "the script trained nothing that Keras or TensorFlow sees and logged "
            "nothing: have it log its score with mlflow.log_metric, or train with "
            "model.fit or a GradientTape"
        )
    return scores


def _lead(
    wanted: str | None, scores: dict[str, float], curves: _Curves
) -> tuple[str, str]:
    """Return the score that leads, and why."""
    validation = [f"val/{name}" for name in curves.val]
    known = [*validation, *scores, *(f"train/{name}" for name in curves.train)]
    if wanted is not None:
        name = re.sub("^val_", "val/", wanted) if wanted not in known else wanted
        if name not in known:
            raise ValueError(
                f"script.score={wanted}: the script has no such score; it has "
                f"{', '.join(known)}"
            )
        return name, f"{name} leads: script.score names it"
    tested = [name for name in scores if name.startswith("test/")]
    last = [name for name in scores if name.startswith(LAST)]
    for names, what in (
        (validation, "the last validation score"),
        (tested, "the script's last evaluate, as it has no validation score"),
        (last, "of its last batch, as the script evaluates and logs nothing"),
        (list(scores), "the script's own score, as it has no validation score"),
        (known, "the last training score, as there is no other"),
    ):
        if names:
            better = [name for name in names if "loss" not in name.rpartition("/")[2]]
            lead = (better or names)[0]
            return lead, f"{lead} leads: {what}; script.score= names another"
    raise ValueError("the script has no score")


def _own_logs(
    runs: list[own_mlflow.Logged],
) -> tuple[Logged, dict[str, bytes], list[str]]:
    """Return what the script logged to MLflow: numbers, files, and what to say."""
    metrics: dict[str, list[tuple[int, float]]] = {}
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    files: dict[str, bytes] = {}
    said = []
    for number, run in enumerate(runs, start=1):
        first = "" if number == 1 else f"run_{number}/"
        metrics |= {_free(f"{first}{n}"): points for n, points in run.metrics.items()}
        params |= {f"{first}{name}": text for name, text in run.params.items()}
        tags |= {f"{first}{name}": text for name, text in run.tags.items()}
        for name, path in run.artifacts.items():
            if path.stat().st_size <= own_mlflow.LARGEST:
                files[f"script/{first}{name}"] = path.read_bytes()
            else:
                said.append(f"the artifact {name} is too large to be taken in")
    if models := sum(run.models for run in runs):
        what = "model a run: it is" if models == 1 else "models a run: they are"
        said.append(
            f"the script logs {models} MLflow {what} not taken in; script.folder= "
            "keeps all that a run writes"
        )
    if len(runs) > 1:
        said.append(
            f"the script logs {len(runs)} MLflow runs: all are taken into one, those "
            "after the first under run_2/, run_3/, ..."
        )
    return Logged(metrics, params, tags), files, said


def _free(name: str) -> str:
    """Return a name under which a metric meets none of seedscope's."""
    ours = name.startswith(OURS) or name == "seconds"
    return f"script/{name}" if ours else name


def _steps(record: Record) -> int | None:
    """Return the batches of an epoch, where all epochs have as many."""
    steps = {count for fit in record.fits[-1:] for count in fit.steps}
    return steps.pop() if len(steps) == 1 else None


def _weights(record: Record) -> tuple[str, ...]:
    """Return the weights' digests: at first, after each epoch, and at the end."""
    if not record.final:
        return ()
    epochs = record.fits[-1].weights_sha256[:-1] if record.fits else []
    return (_one(record.initial), *epochs, _one(record.final))


def _one(digests: list[str]) -> str:
    """Return one digest of all models, in the order in which they were made."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _digests(record: Record, run: Run) -> dict[str, str]:
    found = {f"drawn_{source}": drawn.digest for source, drawn in record.drawn.items()}
    if files := data_files(record, run):
        found["data"] = digest_of(files)
    return found


def digest_of(files: list[Path]) -> str:
    """Return one digest of files by content."""
    return digest([np.frombuffer(path.read_bytes(), np.uint8) for path in files])


def data_files(record: Record, run: Run) -> list[Path]:
    """Return the data files that decide a run: opened beside it, or named."""
    named = [Path(place) for place in run.settings.script.data]
    inside = [p for n in named for p in ([n] if n.is_file() else sorted(n.rglob("*")))]
    paths = {*map(Path, record.files), *inside}
    return sorted(path for path in paths if path.is_file())


def _facts(record: Record, run: Run) -> dict[str, str]:
    facts = {"engine": "script", "optimizer_steps": " ".join(map(str, record.steps))}
    if record.went_on_after:
        facts["went_on_after_epoch"] = str(record.went_on_after)
    if files := data_files(record, run):
        facts["data_files"] = " ".join(path.name for path in files)
    return facts


def _plain(name: str) -> str:
    """Return a name that MLflow takes."""
    return re.sub(r"[^\w.\- :/]", "_", name)
