"""The summary of many arms: the ends of the ranking, and whether they differ at all."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.markup import escape

from seedscope.analysis.many import ManyArms
from seedscope.report.fitted import fitted
from seedscope.report.harmless import for_spreadsheets
from seedscope.report.rounding import percent, probability, rounded, unit_of
from seedscope.stats.share import holm

ENDS = 5  # arms at either end


def show(found: ManyArms, console: Console) -> None:
    """Print the summary."""
    console.print()
    if found.runs.assumed:
        console.print(escape(found.runs.assumed), style="dim", highlight=False)
    heads, body = rows(found)
    console.print(fitted(title(found), heads, body, console.width).table)
    for note in found.runs.remarks:
        console.print(f"- {escape(note)}", style="yellow", highlight=False)


def write(found: ManyArms, folder: Path) -> None:
    """Write every arm's numbers and the summary into a folder."""
    data = folder / "tables"
    data.mkdir(parents=True, exist_ok=True)
    for_spreadsheets(found.table).write_csv(data / "statistics.csv")
    found.table.write_parquet(data / "statistics.parquet")
    heads, body = rows(found)
    lines = [heads, [":---"] + ["---:"] * (len(heads) - 1), *body]
    text = [f"# {title(found)}", "\n".join(f"| {' | '.join(r)} |" for r in lines)]
    text.append("\n".join(f"- {sentence}" for sentence in sentences(found)))
    (folder / "summary.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")


def title(found: ManyArms) -> str:
    """Return what is summed up."""
    return f"{found.score} of {found.table['arm'].n_unique():,} arms"


def rows(found: ManyArms) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows: the arms at both ends of the ranking, and quartiles."""
    lead = found.table.filter(pl.col("score") == found.score)
    held = lead.filter(pl.col("mean").is_not_null()).sort("mean", descending=True)
    unit = unit_of(found.runs.about(found.score))
    of = f" [{unit.of_score}]" if unit.of_score else ""
    heads = ["arm", "runs", f"mean{of}", "sd over runs"]

    def row(arm: str, n: object, mean: float | None, sd: float | None) -> list[str]:
        shown = [
            "-" if v is None else rounded(unit.scale * v, None) for v in (mean, sd)
        ]
        return [arm, str(n), *shown]

    kept = held if len(held) <= 2 * ENDS else pl.concat([held[:ENDS], held[-ENDS:]])
    body = [
        row(r["arm"], r["n"], r["mean"], r["sd"]) for r in kept.iter_rows(named=True)
    ]
    between = [
        row(f"(arms' {name})", "", held["mean"].quantile(q), held["sd"].quantile(q))
        for name, q in (
            ("upper quartile", 0.75),
            ("median", 0.5),
            ("lower quartile", 0.25),
        )
    ]
    return heads, body[:ENDS] + between + body[ENDS:]


def sentences(found: ManyArms) -> list[str]:
    """Return what the arms say together."""
    return list(_sentences(found))


def _sentences(found: ManyArms) -> Iterator[str]:
    lead = found.table.filter(pl.col("score") == found.score)
    diverged = int(lead["diverged"].sum())
    text = f"{len(lead):,} arms of {int(lead['runs'].sum()):,} runs"
    text += f", {diverged:,} of which diverged" if diverged else ""
    yield (
        f"{text}: too many for a row each. output=<folder> writes every arm's numbers "
        "(tables/statistics.csv)."
    )
    alpha = 1 - found.level
    if found.target is not None:
        yield _target(found, lead, alpha)
    if (means := found.means) is None:
        return
    told = (
        "The means differ" if means.p < alpha else "The means are not shown to differ"
    )
    share = percent(means.share, means.share_low, means.share_high, means.approximate)
    yield (
        f"{told}: F({means.dof_between}, {means.dof_within}) = {means.f:.4g}, p "
        f"{_equals(means.p)}; the arms make {share} of the variance of a run. By "
        f"chance alone the highest of so many means lies {found.chance:.1f} of its "
        "standard errors up."
    )
    if found.spreads is not None:
        spread = found.spreads
        told = "differ" if spread.p < alpha else "are not shown to differ"
        yield (
            f"The spreads {told}: Brown-Forsythe's F = {spread.statistic:.4g}, p "
            f"{_equals(spread.p)}."
        )
    if lead["shares_seeds"].any():
        yield (
            "Runs of an arm share seeds: the intervals in the files and the tests here "
            "count each run as independent, so they promise too much. Up to 50 arms at "
            "a time get those of their design."
        )


def _target(found: ManyArms, lead: pl.DataFrame, alpha: float) -> str:
    """Say how many means are shown to lie above and below the target."""
    unit = unit_of(found.runs.about(found.score))
    tested = lead.filter(pl.col("target_p").is_not_null())
    shown = holm(tested["target_p"].to_numpy()) < alpha
    above = int((shown & (tested["target_t"].to_numpy() > 0)).sum())
    goal = f"{rounded(unit.scale * (found.target or 0), None)} {unit.of_score}".strip()
    return (
        f"Against {goal}: {above:,} means are shown to lie above and "
        f"{int(shown.sum()) - above:,} below, of {len(tested):,} (t tests, Holm's "
        "correction over all; target_t and target_p in the files)."
    )


def _equals(p: float) -> str:
    shown = probability(p)
    return shown if shown.startswith("<") else f"= {shown}"
