"""Tell a verification: one verdict, where repeats part, what cures it and its price."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seedscope.report.sheet import Sheet
from seedscope.verify.certificate import Checked, checked, not_checked
from seedscope.verify.cures import Tried
from seedscope.verify.repeats import ONE_IN, Rate, missed, repeats_to_miss
from seedscope.verify.verification import Verification
from seedscope.verify.words import Program

TEMPLATE = Path(__file__).with_name("verification.html.j2")
LEVELS = {
    "none": "left alone",
    "taps": "watched step by step",
    "operations": "watched operation by operation",
}
GENERATORS = {
    "python": "Python's random",
    "numpy": "NumPy's global generator",
    "numpy_fresh": "NumPy generators made without a seed",
    "tensorflow": "TensorFlow's global generator",
    "keras": "Keras, which asks Python's random",
    "system": "the operating system",
    "hash": "the order of sets",
}
NEEDED = {  # generator -> what would hold it
    "python": "random.seed",
    "numpy": "np.random.seed",
    "numpy_fresh": "a seed for each default_rng() and RandomState()",
    "tensorflow": "tf.random.set_seed",
    "keras": "keras.utils.set_random_seed",
    "system": "nothing: no seed reaches it",
}
DEAR = 0.05  # a chance of missing a rare deviation that is worth naming


@dataclass(frozen=True)
class Told:
    """A verification in words and tables."""

    title: str
    good: bool
    verdict: str
    sentences: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]


def tell(made: Verification) -> Told:
    """Put a verification into words."""
    return Told(
        title=f"Does {made.program.name} repeat?",
        good=made.agree,
        verdict=verdict(made),
        sentences=tuple(_sentences(made)),
        sheets=tuple(_sheets(made)),
        notes=tuple(_notes(made)),
    )


def tell_checked(checked: Checked, program: Program, name: str) -> Told:
    """Put a run that was held against a certificate into words."""
    if checked.same:
        verdict = f"The same bits as {name}."
    else:
        verdict = f"Not the bits of {name}: first at {checked.first}."
    sentences = [f"Changed, {k}: {', '.join(v)}." for k, v in checked.changed.items()]
    if not checked.changed:
        sentences.append(
            "Code, settings, data, versions, machine and switches: as then."
        )
        if not checked.same:
            sentences.append(
                "Nothing that is known of changed, so the program itself may not "
                "repeat: run verify without against."
            )
    return Told(
        f"Is {program.name} still the same?",
        checked.same,
        verdict,
        tuple(sentences),
        (),
        (),
    )


def verdict(made: Verification) -> str:
    """Return the one sentence that answers the question."""
    repeats = made.repeats
    if made.agree:
        share = 100 * missed(repeats.repeats)
        return (
            f"No difference in {repeats.repeats} repeats of {repeats.steps} steps; "
            f"were one run in {ONE_IN} to differ, this would have missed it in "
            f"{share:.2g} % of cases."
        )
    alone = made.rates[0]
    if alone.agree:
        return (
            f"It does not repeat: {alone.repeats} repeats left alone end alike, but "
            f"step by step {made.rates[1].distinct} of {made.rates[1].repeats} differ."
        )
    return (
        f"It does not repeat: {alone.distinct} different results in {alone.repeats} "
        "repeats."
    )


def show(told: Told, console: Console) -> None:
    """Print it."""
    console.print()
    style = "green" if told.good else "bold red"
    console.print(escape(told.verdict), style=style, highlight=False)
    for sentence in told.sentences:
        console.print(escape(sentence), highlight=False)
    for sheet in told.sheets:
        table = Table(title=escape(sheet.title), title_justify="left")
        for head in sheet.heads:
            table.add_column(head, overflow="fold")
        for row in sheet.rows:
            table.add_row(*(escape(cell) for cell in row))
        console.print()
        console.print(table)
        if sheet.caption:
            console.print(escape(sheet.caption), highlight=False)
    for note in told.notes:
        console.print(f"- {escape(note)}", style="yellow", highlight=False)


def html(told: Told) -> str:
    """Return it as one self-contained page."""
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.from_string(TEMPLATE.read_text()).render(told=told)


def markdown(told: Told) -> str:
    """Return it as Markdown, for the note of its MLflow run."""
    parts = [f"**{told.verdict}**", "\n".join(f"- {s}" for s in told.sentences)]
    for sheet in told.sheets:
        lines = [sheet.heads, tuple("---" for _ in sheet.heads), *sheet.rows]
        rows = [
            "| " + " | ".join(c.replace("|", "\\|") for c in r) + " |" for r in lines
        ]
        parts += [f"## {sheet.title}", "\n".join(rows), sheet.caption]
    parts.append("\n".join(f"- {note}" for note in told.notes))
    return "\n\n".join(part for part in parts if part)


# ---- sentences ---------------------------------------------------------------------


def _sentences(made: Verification) -> Iterator[str]:
    yield (
        f"{made.program.name}, seeds {made.program.seeds}, {made.repeats.steps} steps, "
        f"processes {made.asked.processes}: "
        + "; ".join(_rate(rate) for rate in made.rates)
        + "."
    )
    if made.agree:
        yield f"Compared: {', '.join(checked(made.repeats))}."
        return
    yield from _place(made)
    if made.trial is not None:
        yield _cured(made)
    if made.trial is None or made.trial.cheapest is None:
        yield from _spread(made)


def _rate(rate: Rate) -> str:
    return f"{LEVELS[rate.level]} {rate.distinct} distinct of {rate.repeats}"


def _place(made: Verification) -> Iterator[str]:
    found = made.found
    where = found.where if found else None
    if found is None or where is None:
        looked = found.rate.repeats if found else 0
        yield (
            f"Where: not found. None of {looked} closely watched repeats parted from "
            "another; raise closely=, or the race hides when it is looked at."
        )
        return
    step = f"step {where.step}, " if where.step else "before the first step, "
    yield f"Where: {step}{where.phase}: {where.what}: {where.why}."
    facts = {
        "variable": where.variable,
        "layer": where.layer
        and where.layer + (f", made at {where.made_at}" if where.made_at else ""),
        "line": " ← ".join(where.places) or None,
    }
    said = [f"{name} {value}" for name, value in facts.items() if value]
    if said:
        text = "; ".join(said)
        yield f"{text[0].upper()}{text[1:]}."
    if where.stopped:
        yield f"It is told no closer: {where.stopped}."


def _cured(made: Verification) -> str:
    trial = made.trial
    best = trial.cheapest if trial else None
    if best is None:
        return "None of the cures that were tried cured it."
    price = f", {_ratio(best)} the time per step" if best.cost else ""
    return (
        f"The cheapest that cured: {best.cure.name} ({best.cure.how}){price}; no "
        f"difference in its own {best.rate.repeats} repeats."
    )


def _spread(made: Verification) -> Iterator[str]:
    """Say what the repeats differ by in the result, since they will go on to."""
    for name, found in made.result_spreads.items():
        yield (
            f"{name} over {found.replicates} repeats: mean {found.mean:.6g}, standard "
            f"deviation {found.sd:.2g} [{found.sd_low:.2g}, {found.sd_high:.2g}]."
        )
    if made.result_spreads and made.program.seeds == "held":
        yield (
            "A study measures that on as many runs as you ask for: train the same with "
            "factor=none replicates=20."
        )


# ---- tables ------------------------------------------------------------------------


def _sheets(made: Verification) -> Iterator[Sheet]:
    if made.trial is not None:
        yield _cures(made)
    if made.draws:
        yield _draws(made)
    if made.seeds_set:
        yield Sheet(
            title="Seeds that the program sets",
            caption="",
            heads=("call", "line", "of", "draws that it decides"),
            rows=tuple(
                (
                    s.call,
                    s.place,
                    ", ".join(GENERATORS[g] for g in s.generator.split()),
                    str(s.draws) if s.draws else "none: without effect",
                )
                for s in made.seeds_set
            ),
        )


def _cures(made: Verification) -> Sheet:
    trial = made.trial
    rows = tuple(_cure(tried) for tried in trial.tried) if trial else ()
    return Sheet(
        title="Cures",
        caption="Time per step against the program as it is, with its interval at "
        f"{100 * made.asked.level:g} %; rounds in turn, tracing left out.",
        heads=("cure", "distinct", "verdict", "time", "to see 10 %", "how"),
        rows=rows,
    )


def _cure(tried: Tried) -> tuple[str, ...]:
    count = f"{tried.rate.distinct} of {tried.rate.repeats}"
    if tried.failed:
        said = f"fails: {tried.failed}"
        return tried.cure.name, count, said, "", "", tried.cure.how
    if tried.without_effect:
        said = "nothing to switch here"
        return tried.cure.name, count, said, "", "", tried.cure.how
    said = "cured" if tried.cured else "no cure"
    how = tried.cure.how
    return tried.cure.name, count, said, _ratio(tried), _more(tried), how


def _ratio(tried: Tried) -> str:
    cost = tried.cost
    return f"{cost.ratio:.2f}x [{cost.low:.2f}, {cost.high:.2f}]" if cost else ""


def _more(tried: Tried) -> str:
    """Say how many repeats are missing until a cost of 10 % would be seen."""
    if tried.cost is None:
        return ""
    return f"{tried.cost.more} more" if tried.cost.more else "enough"


def _draws(made: Verification) -> Sheet:
    held = made.program.seeds == "held"
    rows = tuple(
        (
            GENERATORS[draw.generator],
            draw.call,
            draw.place,
            str(draw.count),
            "yes" if draw.seeded else f"no; needs {NEEDED[draw.generator]}",
        )
        for draw in made.draws
    )
    return Sheet(
        title="What it draws",
        caption="As the program is, its own seeds set or not"
        + ("; every source was held while it was repeated." if held else "."),
        heads=("generator", "call", "line", "draws", "seeded by the program"),
        rows=rows,
    )


# ---- notes -------------------------------------------------------------------------


def _notes(made: Verification) -> Iterator[str]:
    repeats = made.repeats
    yield f"Not checked: {'; '.join(not_checked(repeats, made.asked.processes))}."
    if made.agree and missed(repeats.repeats) > DEAR:
        wanted = repeats_to_miss(DEAR)
        yield (
            f"repeats={wanted} would miss one in {ONE_IN} in {100 * DEAR:g} % of cases."
        )
    if made.agree and not repeats.watching_changes_nothing:
        yield (
            "Watching changes the bits: the steps that were compared are not quite "
            "those of the program left alone."
        )
    alone, watched = made.rates[:2]
    if not made.agree and watched.agree and not alone.agree:
        yield "The recorder hides it: watched repeats agree, those left alone do not."
