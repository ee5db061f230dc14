"""Make names that came from data harmless where they are shown.

A name may hold anything: codes that a terminal obeys, Markdown that becomes a link or
a picture, a formula that a spreadsheet runs. What is meant as text stays text.
"""

import re
from collections.abc import Iterable

import polars as pl
from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderHook,
    RenderResult,
)
from rich.segment import Segment

from seedscope.study.characters import harmless

MEANT = re.compile(  # what Markdown means something by
    r"([\\`*|~$]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|!(?=\[)|\](?=[(\[:])|(?<!\w)_|_(?!\w))"
)
ITEM = re.compile(r"^(\s*)([#>]|[-+=](?=[\s=-])|\d+(?=[.)]\s))")  # begins a line
LINK = re.compile(r"(?i)(://|\bwww\.|@)")  # which viewers make links of
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    text = MEANT.sub(r"\\\1", harmless(text.replace("\n", " ")))
    text = LINK.sub(lambda found: re.sub(r"([:/.@])", r"\\\1", found[0]), text)
    return ITEM.sub(r"\1&#8203;\2", text)


def for_spreadsheets(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose text cells and names no spreadsheet takes for a formula.

    An apostrophe is put in front of them; numbers, also those written as text, stay.
    """
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
    cells = [
        pl.when(_is_formula(pl.col(name)))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    ]
    heads = {n: f"'{n}" for n in table.columns if n.startswith(FORMULA)}
    return table.with_columns(cells).rename(heads)


def console(stderr: bool = False) -> Console:
    """Return a terminal to print to; what is printed there is harmless."""
    made = Console(stderr=stderr, emoji=False)  # a name `a:b:` is no emoji
    made.push_render_hook(_Hook())
    return made


def _is_formula(column: pl.Expr) -> pl.Expr:
    begins = pl.any_horizontal(column.str.starts_with(mark) for mark in FORMULA)
    return begins & column.cast(pl.Float64, strict=False).is_null()


class _Hook(RenderHook):
    """Wrap what is printed; rich's own styles come after."""

    def process_renderables(
        self, renderables: list[ConsoleRenderable]
    ) -> list[ConsoleRenderable]:
        return [_Harmless(renderable) for renderable in renderables]


class _Harmless:
    def __init__(self, inside: ConsoleRenderable) -> None:
        self._inside = inside

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        yield from _cleaned(console.render(self._inside, options))


def _cleaned(segments: Iterable[Segment]) -> Iterable[Segment]:
    for text, style, control in segments:
        yield Segment(text if control else harmless(text), style, control)
