"""An SVG file of a figure as an element of a page, in the page's own colours.

Every id gets the figure's name, so that two figures on a page share none; every colour
becomes a variable of the page, so that a dark theme changes it.
"""

import re

from markupsafe import escape

from seedscope.report.plots import look

COLOURS = {
    look.PAPER: "paper",
    look.INK: "ink",
    look.SOFT: "soft",
    look.LINE: "line",
    look.BAR: "bar",
    look.RUNS: "runs",
    look.BETWEEN: "between",
} | {colour: f"other-{n}" for n, colour in enumerate(look.OTHERS)}
PIXELS = 4 / 3  # of a screen in a point of paper
WIDE = 700  # pixels; a wider figure has a row of its own


def width(svg: str) -> float:
    """Return how many pixels of a screen wide a figure was drawn."""
    found = re.search(r'<svg [^>]*\bwidth="([\d.]+)pt"', svg)
    return float(found[1]) * PIXELS if found else 0


def element(svg: str, name: str, alt: str) -> str:
    """Return the figure as an element that is as wide as it was drawn, or narrower.

    Args:
        svg: a file that `draw.render` made.
        name: of the figure; no other one on the page has it.
        alt: what a screen reader says in its place.
    """
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"| font-family: [^;"]*;?', "", text)
    text = re.sub(r'(?<= )(d|x|y|transform)="[^"]*"', _shorter, text)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    prefix = re.sub(r"[^\w-]", "_", name)

    def own(found: re.Match[str]) -> str:
        return f' id="{prefix}-{found[1]}"' if found[1] in used else ""

    text = re.sub(r' id="([^"]*)"', own, text)
    text = re.sub(r'(url\(#|href="#)', rf"\1{prefix}-", text)
    text = re.sub(r"(?<=: )#[0-9a-f]{6}(?=[;\"])", _variable, text)
    wide = re.search(r'<svg width="([\d.]+)pt" height="[\d.]+pt"', text)
    width = float(wide[1]) * PIXELS if wide else 0
    head = (
        f'<svg role="img" aria-label="{escape(alt)}" style="max-width: {width:.0f}px"'
    )
    return re.sub(r'<svg( (width|height)="[^"]*")*', lambda _: head, text, count=1)


def _shorter(found: re.Match[str]) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", found[0])


def _variable(found: re.Match[str]) -> str:
    name = COLOURS.get(found[0])
    return f"var(--{name})" if name else found[0]
