"""What the commands do, for Python and notebooks: `seedscope.train`, `load`, `compare`.

    study = seedscope.train("factor=init,shuffle,all", replicates=20)
    study.table()           # one row an arm
    study.scores("init")    # one value a run

A study that is trained here is the same study as on the command line: it is found again
by its name, and only what is missing is trained.
"""

import html
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import polars as pl
from omegaconf import DictConfig, OmegaConf

from seedscope.commands import overrides
from seedscope.runs import question
from seedscope.study import functions as sent
from seedscope.training import choice

if TYPE_CHECKING:
    import numpy as np

    from seedscope.analysis.many import ManyArms
    from seedscope.analysis.results import Comparison
    from seedscope.report.answer import Answer
    from seedscope.report.plots.frame import Axes


SAID = 20  # arms that an error names


@dataclass(frozen=True)
class Study:
    """The arms that are compared together, and what the comparison found.

    More than 50 groups of a frame are summed up as on the command line: then
    `comparison` holds every arm's numbers and two tests over all arms.
    """

    comparison: "Comparison | ManyArms"

    @property
    def name(self) -> str:
        """The name by which `seedscope.load` and the commands find it."""
        return self.comparison.runs.title

    @property
    def answer(self) -> "Answer":
        """What the study says: question, answer, how sure, what next."""
        from seedscope.report import answer

        if (many := self._many) is not None:
            return answer.of_many(many)
        return answer.of_comparison(self._each)

    @property
    def score(self) -> str:
        """The leading score, in whose unit values are; an accuracy is part of 1."""
        return self.comparison.score

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms, in the order of the study."""
        if (many := self._many) is not None:
            return tuple(many.table["arm"].unique(maintain_order=True))
        return tuple(arm.name for arm in self._each.arms)

    def table(self, score: str | None = None) -> pd.DataFrame:
        """Return one row an arm: runs, mean, sd, share, ... each with its interval.

        Args:
            score: one of `comparison.scores`; none: the leading one.

        Raises:
            ValueError: no run holds the score.
        """
        from seedscope.report import tables

        wanted, many = self._known(score), self._many
        rows = tables.frame(self._each) if many is None else many.table
        rows = rows.filter(pl.col("score") == wanted)
        filled = [c.name for c in rows if c.null_count() < len(rows)]
        return rows.select(filled).drop("score").to_pandas().set_index("arm")

    def scores(self, arm: str, score: str | None = None) -> "np.ndarray":
        """Return a score of every run of an arm, shape (runs,), in replicate order.

        A run that diverged is NaN.

        Raises:
            ValueError: there is no such arm, or no run holds the score.
        """
        wanted, table = self._known(score), self.comparison.runs.table
        if arm not in self.arms:
            known = ", ".join(self.arms[:SAID]) + (", ..." * (len(self.arms) > SAID))
            raise ValueError(f"no arm {arm!r}; there are {known}")
        rows = table.filter(pl.col("arm") == arm).sort("replicate")
        held = pl.when(pl.col("diverged")).then(float("nan")).otherwise(pl.col(wanted))
        return rows.select(held.alias(wanted))[wanted].to_numpy()

    def runs(self) -> pd.DataFrame:
        """Return one row a run: arm, seeds, every score, what it was trained on."""
        return self.comparison.runs.table.to_pandas()

    def plot_spreads(self, score: str | None = None) -> "Axes":
        """Draw the standard deviation of each arm with its interval.

        Raises:
            ValueError: no arm has a spread, no run holds the score, or the arms are too
                many for a figure.
        """
        from seedscope.report.plots.spreads import plot_spreads

        if self._many is not None:
            raise ValueError(f"{len(self.arms)} arms are too many for a figure")
        figure = plot_spreads(self._each, self._known(score))
        if figure is None:
            raise ValueError("no arm has two runs: there is no spread to draw")
        return figure.axes[0]

    def save(self, folder: str | Path) -> None:
        """Write tables, figures and the page into a folder."""
        from seedscope.report import files
        from seedscope.report import many as report_many

        Path(folder).mkdir(parents=True, exist_ok=True)
        if (many := self._many) is not None:
            report_many.write(many, Path(folder))
        else:
            files.write(self._each, Path(folder), self._each.runs.server)

    def __repr__(self) -> str:
        """Say what it is, and which arms it has."""
        held = ", ".join(self.arms) if self._many is None else f"{len(self.arms)} arms"
        return f"<Study {self.name}: {held}>"

    def _repr_html_(self) -> str:
        """Return the table and what it says, for notebooks."""
        from seedscope.report import many as report_many
        from seedscope.report import tables

        if (many := self._many) is not None:
            heads, body = report_many.rows(many)
            cells = [heads, *body]
        else:
            shown = tables.rows(self._each, self.score)
            names = tables.columns(shown)
            cells = [[tables.HEADS[name] for name in names]]
            cells += [row.cells(names) for row in shown]
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in row) + "</tr>"
            for row in cells
        )
        told = self.answer
        said = (
            told.warning,
            *told.cautions,
            told.question,
            *told.answer,
            *told.sure,
            told.next.line,
        )
        text = "".join(f"<p>{html.escape(line)}</p>" for line in said if line)
        name = html.escape(f"{self.name}: {self.score}")
        return f"<b>{name}</b><table>{rows}</table>{text}"

    @property
    def _many(self) -> "ManyArms | None":
        from seedscope.analysis.many import ManyArms

        return self.comparison if isinstance(self.comparison, ManyArms) else None

    @property
    def _each(self) -> "Comparison":
        return cast("Comparison", self.comparison)

    def _known(self, score: str | None) -> str:
        wanted, many = score or self.score, self._many
        known = self._each.scores if many is None else many.scores
        if wanted not in known:
            raise ValueError(f"no score {wanted!r}; there are {', '.join(known)}")
        return wanted


def train(
    *words: str,
    model: Callable[..., Any] | str | None = None,
    data: Callable[..., Any] | str | None = None,
    tracking_uri: str | None = None,
    **settings: Any,
) -> Study:
    """Train what is missing of a study and return what its runs say.

    Args:
        words: overrides as on the command line; "factor=init,shuffle" is a sweep.
        model: a function that returns a Keras model, or a file of conf/model/.
        data: a function that returns the data, or a file of conf/data/.
        tracking_uri: the MLflow store; none: MLFLOW_TRACKING_URI, then ./mlflow.db, in
            a checkout the project's.
        settings: more overrides, by key: `replicates=20`, `factor="none,all"`.

    Raises:
        ValueError: a key or value is wrong, or the parts do not fit each other.
        RuntimeError: a training process failed.
    """
    from seedscope.commands import train as command

    given = [*words, *(_word(key, value) for key, value in settings.items())]
    functions: dict[str, dict[str, str]] = {}
    for component, part in (("model", model), ("data", data)):
        if isinstance(part, str):
            given.append(f"{component}={part}")
        elif part is not None:
            functions[component] = sent.options(part, component)
            given.append(f"{component}=own")
    if tracking_uri is not None:
        given.append(_word("tracking.uri", tracking_uri))
    jobs, swept = overrides.jobs(given)

    def config_of(job: Sequence[str]) -> tuple[DictConfig, str | None]:
        config = overrides.composed("train", job, hydra=True)
        preset = config.hydra.runtime.choices.get("study")
        return _with_functions(config, functions), preset

    if choice.of_sweep([command.read(config_of(job)[0]) for job in jobs]):
        jobs = [[*job, "engine.name=sequential"] for job in jobs]
    made: dict[str, command.Trained] = {}
    for job in jobs:
        config, preset = config_of(job)
        trained = command.train(config, swept, preset)
        made[trained.study_id] = trained
    if len(made) > 1:
        raise ValueError(
            f"these settings make {len(made)} studies: {', '.join(made)}; train each "
            "with a call of its own"
        )
    (trained,) = made.values()
    if not functions:
        _keep_command(trained.tracking, trained.study_id, given)
    return _of_study(trained.tracking, trained.study_id)


def load(
    name: str = "latest",
    *,
    tracking_uri: str | None = None,
    experiment: str | None = None,
) -> Study:
    """Return a study that was trained before.

    Args:
        name: its name, the id of its MLflow run, or `latest`.
        tracking_uri: the MLflow store, as in `train`.
        experiment: its MLflow experiment; none: the one of conf/.

    Raises:
        ValueError: there is no such store or study, or nothing in it has finished.
    """
    asked = question.read(overrides.composed("compare", []))
    place = asked.tracking
    if tracking_uri is not None:
        place = replace(place, uri=tracking_uri)
    if experiment is not None:
        place = replace(place, experiment=experiment)
    return _of_study(place, name)


def compare(
    frame: pd.DataFrame | pl.DataFrame,
    score: str | Sequence[str] = (),
    groups: Sequence[str] = (),
    sources: Sequence[str] = (),
    **keys: Any,
) -> Study:
    """Compare runs that a table lists, one row a run.

    Args:
        frame: pandas or polars.
        score: its columns that are scores; empty: all numbers among the rest.
        groups: its columns whose equal values make an arm.
        sources: its columns that hold the seed of a source.
        keys: more keys of conf/compare.yaml, such as `level=0.9`.

    Raises:
        ValueError: a column is missing or holds no numbers.
    """
    rows = frame if isinstance(frame, pl.DataFrame) else pl.from_pandas(frame)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frame.parquet")
        rows.write_parquet(path)
        config = overrides.composed("compare", [])
        chosen = {
            "table": str(path),
            "score": [score] if isinstance(score, str) else list(score),
            "groups": list(groups),
            "sources": list(sources),
            **keys,
        }
        unknown = [key for key in chosen if key not in config]
        if unknown:
            raise ValueError(
                f"there is no key {unknown[0]!r} in conf/compare.yaml; it has "
                f"{', '.join(map(str, config))}"
            )
        merged = OmegaConf.merge(config, chosen)
        return _answered(question.read(cast(DictConfig, merged)))


def _keep_command(tracking: Any, study_id: str, words: Sequence[str]) -> None:
    """Keep the command that would have trained the same study."""
    from seedscope.commands.typed import as_typed
    from seedscope.store.about import keep_command
    from seedscope.store.store import connect

    many = ["-m"] if overrides.swept_values(words) else []
    command = as_typed("train", [*many, *words])
    keep_command(connect(tracking, create=False), study_id, command)


def _of_study(tracking: Any, name: str) -> Study:
    asked = question.read(overrides.composed("compare", []))
    return _answered(replace(asked, tracking=tracking, name=name))


def _answered(asked: question.Question) -> Study:
    from seedscope.analysis import many
    from seedscope.analysis.compare import compare as compare_arms
    from seedscope.runs import readers

    runs = readers.read(asked)
    if many.too_many(runs):
        return Study(many.summarize(runs, asked.metrics, asked.level, asked.target))
    return Study(compare_arms(runs, asked.metrics, asked.level, asked.target))


def _word(key: str, value: Any) -> str:
    """Return one override, its value quoted as Hydra reads it."""
    if value is None:
        return f"{key}=null"
    if isinstance(value, str) and key in ("tracking_uri", "tracking.uri"):
        return f"{key}='{value}'"
    if isinstance(value, Mapping):
        inside = ",".join(
            _word(str(k), v).replace("=", ":", 1) for k, v in value.items()
        )
        return f"{key}={{{inside}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{key}=[{','.join(_word('', v)[1:] for v in value)}]"
    return f"{key}={str(value).lower() if isinstance(value, bool) else value}"


def _with_functions(
    config: DictConfig, functions: Mapping[str, Mapping[str, str]]
) -> DictConfig:
    """Return a job's configuration without Hydra's part, with the functions put in."""
    plain = OmegaConf.masked_copy(config, [str(k) for k in config if k != "hydra"])
    for component, options in functions.items():
        merged = {**OmegaConf.to_container(plain[component]), **options}  # type: ignore[dict-item]
        plain[component] = OmegaConf.create(merged)
    return plain
