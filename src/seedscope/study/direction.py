"""Which way a score is better, as a user says it: `better=lower` or by score.

One word holds for the scores whose direction their names do not tell. A mapping, as in
`better={wer: lower}`, names scores: by the whole name, or by its last part (`accuracy`
for `test/accuracy`).
"""

from collections.abc import Mapping
from typing import Any

from seedscope.study.frozen import Frozen

DIRECTIONS = ("higher", "lower")
Better = str | Mapping[str, str] | None


def read_better(value: Any) -> Better:
    """Check what was typed as `better=`.

    Raises:
        ValueError: it is neither a direction nor a mapping of scores to directions.
    """
    if value is None or value in DIRECTIONS:
        return value
    if not isinstance(value, Mapping) or not value:
        raise ValueError(
            f"better={value!r} must be higher or lower, or say it by score: "
            "better={val_err: lower}"
        )
    for score, direction in value.items():
        if direction not in DIRECTIONS:
            raise ValueError(
                f"better.{score}={direction!r} must be higher or lower, as in "
                f"better={{{score}: lower}}"
            )
    return Frozen({str(score): value[score] for score in value})
