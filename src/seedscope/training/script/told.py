"""What a reader must know of a script's runs, in sentences for the study's note."""

from collections.abc import Iterator, Mapping, Sequence

from seedscope.training.script.knowledge import Knowledge
from seedscope.training.script.ledger import SOURCES, Drawn
from seedscope.training.script.record import Record

LINES = 4  # of a source that are named


def draws(drawn: Mapping[str, Drawn]) -> Iterator[str]:
    """Yield, for each source, how often it drew and from which lines."""
    for source in SOURCES:
        if source not in drawn:
            continue
        lines = drawn[source].lines.most_common()
        named = ", ".join(
            f"{line} ({count})" if count > 1 else line for line, count in lines[:LINES]
        )
        more = f" and {len(lines) - LINES} more lines" if len(lines) > LINES else ""
        count = drawn[source].count
        yield f"{source} drew {_times(count)}: {named}{more}"
    if silent := [source for source in SOURCES if source not in drawn]:
        yield f"never drawn: {', '.join(silent)}"


def seeds(record: Record | Knowledge) -> Iterator[str]:
    """Yield which seeds of the script's own are kept, and which are replaced."""
    if record.pinned:
        yield (
            "seeds that the script gives to one layer or call are kept: "
            + _list(record.pinned)
        )
    if record.replaced:
        yield (
            "global seeds of the script are replaced by ours, source by source: "
            + _list(record.replaced)
        )


def without_effect(vary: Sequence[str], record: Record | Knowledge) -> str | None:
    """Return why a run that varies these sources would measure nothing, if so."""
    if not vary or any(source in record.drawn for source in vary):
        return None
    listed = "".join(f"\n  {line}" for line in (*draws(record.drawn), *seeds(record)))
    return f"factor.vary={list(vary)}: the script never draws from that:{listed}"


def others(record: Record) -> Iterator[str]:
    """Yield what else happened that a reader would want to know."""
    yield from record.remarks
    if len(record.loops) > 1:
        lines = enumerate(record.loops, start=1)
        named = ", ".join(f"loss_{number} of {line}" for number, line in lines)
        yield f"gradients are taken of several losses: {named}"
    if record.answers is not None and record.answers.others:
        names = list(record.answers.others)
        yield (
            f"predict has {len(names)} outputs ({', '.join(names)}): all are in "
            "predict.npz of each run; the tables hold the first with known labels"
        )
    if record.outside:
        places = ", ".join(record.outside[:LINES])
        yield f"the script writes outside its working folder, each run anew: {places}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _list(items: Mapping[str, int]) -> str:
    names = list(items)
    more = f" and {len(names) - 2 * LINES} more" if len(names) > 2 * LINES else ""
    return f"{'; '.join(names[: 2 * LINES])}{more}"
