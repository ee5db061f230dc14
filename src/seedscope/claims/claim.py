"""A claim: what is said, and which numbers of which study decide whether it holds.

One file each in conf/claim/. A claim has one or more *cases*: the same statement under
different conditions. Nothing in a file says how a case turns out.
"""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from seedscope.claims.statistics import RATIOS, STATISTICS

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is
EXPECTS = ("above", "below", "equal", "different")


@dataclass(frozen=True)
class Case:
    """One condition under which a claim is decided."""

    study: str  # the preset of conf/study/ that measures it
    measure: str  # a number of each run; see claims/measures.py
    statistic: str  # see claims/statistics.py
    a: str  # an arm of the study
    expects: str  # what the claim says of the statistic, against the reference
    margin: float  # practically equal: a factor of a ratio, else a difference
    b: str | None = None  # the arm that a is compared with
    reference: float | None = None  # null: 1 for ratios and counts, else 0
    measure_b: str | None = None  # of b, where it is another one
    average: int = 1  # so many runs of a are averaged before anything is compared
    average_b: int = 1
    condition: str = ""

    @property
    def region(self) -> tuple[float, float]:
        """Return the values of the statistic that are practically the reference."""
        if self.statistic in RATIOS:
            centre = 1.0 if self.reference is None else self.reference
            return centre / self.margin, centre * self.margin
        centre = 1.0 if self.statistic == "distinct" else 0.0
        centre = centre if self.reference is None else self.reference
        return centre - self.margin, centre + self.margin


@dataclass(frozen=True)
class Claim:
    """One statement, its source, and the cases that decide it."""

    id: str  # the article's letter and a number
    statement: str  # in our words
    cases: tuple[Case, ...]
    not_testable: str = ""  # why no study of this project decides it


def read_claims(folder: Path, wanted: Sequence[str]) -> list[Claim]:
    """Return the claims of a folder, or those that are wanted, in their order.

    Raises:
        ValueError: a file is wrong, or a claim is wanted that does not exist.
    """
    paths = {path.stem: path for path in folder.glob("*.yaml")}
    known = sorted(paths, key=lambda name: (name[0], int(name[1:])))
    names = known if list(wanted) == ["all"] else list(wanted)
    missing = [name for name in names if name not in paths]
    if missing:
        raise ValueError(
            f"claims: there is no {', '.join(missing)}; there are {', '.join(known)}, "
            "and all"
        )
    return [_read(paths[name]) for name in names]


def _read(path: Path) -> Claim:
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    where = f"conf/claim/{path.name}"
    cases = tuple(_made(Case, c, where) for c in content.pop("cases", ()))
    claim = _made(Claim, {**content, "cases": cases}, where)
    if claim.id != path.stem:
        raise ValueError(f"{where}: id={claim.id!r} must be the file's name")
    if bool(cases) == bool(claim.not_testable):
        raise ValueError(f"{where}: give cases, or say why it is not_testable")
    for case in cases:
        _check(case, where)
    return claim


def _made(kind: type, content: dict[str, Any], where: str) -> Any:
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; {', '.join(known)}")
    absent = [n for n, f in known.items() if f.default is MISSING and n not in content]
    if absent:
        raise ValueError(f"{where}: {absent[0]!r} is missing")
    return kind(**content)


def _check(case: Case, where: str) -> None:
    if case.statistic not in STATISTICS:
        raise ValueError(
            f"{where}: statistic={case.statistic!r} is unknown; choose one of "
            f"{', '.join(STATISTICS)}"
        )
    if case.expects not in EXPECTS:
        raise ValueError(f"{where}: expects={case.expects!r}; {', '.join(EXPECTS)}")
    if (case.b is not None) != STATISTICS[case.statistic].two_arms:
        few = "two arms, a and b" if case.b is None else "one arm, a"
        raise ValueError(f"{where}: statistic={case.statistic} takes {few}")
    if not isinstance(case.margin, int | float):  # YAML reads 1e-6 as text
        raise ValueError(f"{where}: margin={case.margin!r} must be a number: 0.000001")
    if case.statistic in RATIOS and not case.margin > 1:
        raise ValueError(f"{where}: margin={case.margin} of a ratio must be above 1")
    if case.margin < 0:
        raise ValueError(f"{where}: margin={case.margin} must be 0 or more")
