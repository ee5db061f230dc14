"""One table of text, as the page shows it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """One table as text."""

    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
