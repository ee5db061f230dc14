"""Fill the seed table of an arm: one row per run, one column per source.

Every design fills the same table. A cell is first a small number, the *draw* of that
source; draw 0 is the one that a source keeps while it is not under study. Seeds are
hashed from the draws, so equal draws are equal seeds.

    vary     the varied sources get a new draw in every run, together
    crossed  every combination of a few draws of each source
    blocks   Saltelli: two base rows and, per source, the first with the other's draw
    stars    a base row and, per source, one row with only that source fresh; stars are
             paired source by source, like the rounds of a tournament
"""

from dataclasses import dataclass
from itertools import product

from seedscope.study.seeds import SOURCES, UNPERTURBED, source_seed
from seedscope.study.words import Design, Split


@dataclass(frozen=True)
class Row:
    """One row of the table; the rows of a block are resampled together."""

    seeds: dict[str, int]  # source -> seed
    block: int


def seed_table(
    design: Design, vary: tuple[str, ...], replicates: int, root: int, split: Split
) -> list[Row]:
    """Return the seed table of an arm that varies `vary`.

    Args:
        design: which table, and its sizes.
        vary: the sources that get new draws.
        replicates: the rows of `vary`; the blocks or superblocks of the other designs.
        root: the study's root seed.
        split: how the data is split; k-fold needs the replicates of a split together.

    Raises:
        ValueError: the design needs more sources than vary.
    """
    if design.name != "vary" and len(vary) < 2:
        raise ValueError(
            f"design={design.name} separates sources: factor.vary needs two or more, "
            f"got {list(vary)}; use design=vary for one"
        )
    fill = {"vary": _vary, "crossed": _crossed, "blocks": _blocks, "stars": _stars}
    return [
        Row({s: _seed(root, s, draws.get(s, 0), s in vary, split) for s in SOURCES}, b)
        for draws, b in fill[design.name](design, vary, replicates)
    ]


def _seed(root: int, source: str, draw: int, varied: bool, split: Split) -> int:
    if source == "perturbation" and not varied:
        return UNPERTURBED
    if source == "split" and split.method == "kfold":
        # The fold is the seed modulo folds: one permutation serves all of its folds.
        whole = source_seed(root, source, draw // split.folds)
        return whole // split.folds * split.folds + draw % split.folds
    return source_seed(root, source, draw)


Draws = tuple[dict[str, int], int]  # source -> draw, and the block of the row


def _vary(design: Design, vary: tuple[str, ...], replicates: int) -> list[Draws]:
    """Vary all together; `backgrounds` draws of the fixed sources share the rows."""
    backgrounds = min(design.backgrounds, replicates)
    rows = []
    for replicate in range(replicates):
        background = replicate % backgrounds
        fixed = dict.fromkeys(SOURCES, background)
        rows.append((fixed | dict.fromkeys(vary, replicate), background))
    return rows


def _crossed(design: Design, vary: tuple[str, ...], replicates: int) -> list[Draws]:
    """Cross `levels` draws of each source; each cell is repeated `replicates` times.

    Repetition after repetition: with more of them, the first rows stay what they were.
    """
    cells = list(product(range(design.levels), repeat=len(vary)))
    return [
        (dict(zip(vary, cell, strict=True)), cell[0])
        for _ in range(replicates)
        for cell in cells
    ]


def _blocks(design: Design, vary: tuple[str, ...], replicates: int) -> list[Draws]:
    """Saltelli's blocks of len(vary) + 2 rows: A, B, and A with each column of B."""
    rows: list[Draws] = []
    for block in range(replicates):
        a = dict.fromkeys(vary, 2 * block)
        b = dict.fromkeys(vary, 2 * block + 1)
        rows += [(a, block), (b, block)]
        rows += [(a | {source: b[source]}, block) for source in vary]
    return rows


def _stars(design: Design, vary: tuple[str, ...], replicates: int) -> list[Draws]:
    """Round-robin stars: superblocks of G stars, G = len(vary) + 1 rounded up to even.

    In round j of the tournament the stars of a pair share the base draw of source j, so
    no two stars share more than one source.
    """
    stars = (len(vary) + 2) // 2 * 2
    rows: list[Draws] = []
    fresh = dict.fromkeys(vary, 0)

    def new(source: str) -> int:
        fresh[source] += 1
        return fresh[source] - 1

    for block in range(replicates):
        bases: list[dict[str, int]] = [{} for _ in range(stars)]
        for source, pairs in zip(vary, _rounds(stars), strict=False):
            for left, right in pairs:
                bases[left][source] = bases[right][source] = new(source)
        for base in bases:
            rows.append((base, block))
            rows += [(base | {s: new(s)}, block) for s in vary]
            rows.append((base, block))  # an exact repeat: what the machine adds
    return rows


def _rounds(players: int) -> list[list[tuple[int, int]]]:
    """Return the rounds of a round-robin tournament (circle method)."""
    ring = list(range(1, players))
    rounds = []
    for _ in range(players - 1):
        order = [0, *ring]
        rounds.append([(order[i], order[-1 - i]) for i in range(players // 2)])
        ring = ring[1:] + ring[:1]
    return rounds
