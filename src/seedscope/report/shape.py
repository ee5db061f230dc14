"""What is said of the shape of the scores, before any mean."""

from seedscope.analysis.results import ArmShape
from seedscope.report.rounding import Unit, probability, rounded

NAMED = 10  # runs


def sentence(found: ArmShape, unit: Unit) -> str:
    """Return one sentence on runs that lie apart, lumps or ties of an arm."""
    said, parts = found.shape, []
    if said.apart:
        centre, rest = (
            f"{rounded(unit.scale * v, None)} {unit.of_score}".rstrip()
            for v in (said.centre, said.rest)
        )
        verb = "lies" if len(said.apart) == 1 else "lie"
        names = ", ".join(found.names[:NAMED])
        if len(found.names) > NAMED:
            names += f" and {len(found.names) - NAMED} more"
        parts.append(
            f"{len(said.apart)} of {said.runs} runs {verb} apart at {centre}, the "
            f"others around {rest}{f' ({names})' if names else ''}; the mean describes "
            "neither"
        )
    if said.lumps is not None:
        parts.append(
            f"its {said.runs} runs form two lumps of about {said.lumps[0]} and "
            f"{said.lumps[1]} (Hartigan's dip, p {_equals(said.dip_p)}); the mean may "
            "describe neither"
        )
    if said.tied:
        parts.append(
            f"its {said.runs} runs hold only {said.distinct} different scores: ties, "
            "as with a small test set or runs that are copies"
        )
    return f"{found.arm}, {found.score}: {'; '.join(parts)}."


def _equals(p: float) -> str:
    shown = probability(p)
    return shown if shown.startswith("<") else f"= {shown}"
