"""Break text into lines so that numbers stay whole: `0.7 pp [0.5, 1.2]` is one word."""

import re
import textwrap

WHOLE = re.compile(
    r"[≈<]?-?[\d.,e∞+-]+(?: (?:%|pp|\w{1,3}))? \[[^\][]*\]|\d+ (?:%|pp)\b|\d+ %"
)


def lines(text: str, width: int) -> list[str]:
    """Return the lines of a text; no word is broken, however long it is."""
    kept = WHOLE.sub(lambda found: found[0].replace(" ", "\xa0"), text)
    broken = textwrap.wrap(kept, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\xa0", " ") for line in broken]
