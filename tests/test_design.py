from itertools import combinations

import numpy as np
import pytest

from seedscope.study.design import seed_table
from seedscope.study.seeds import SOURCES, UNPERTURBED
from seedscope.study.words import Design, Split

HOLDOUT = Split("holdout", 0.15, 0.2, 5, None, 0.0)
SOURCES_3 = ("init", "shuffle", "dropout")


def table(name, vary, replicates, backgrounds=1, levels=3, split=HOLDOUT):
    design = Design(name, backgrounds, levels)
    return seed_table(design, vary, replicates, 7, split)


@pytest.mark.parametrize("source", SOURCES)
def test_vary_changes_its_own_column_and_no_other(source):
    rows = [row.seeds for row in table("vary", (source,), 20)]
    for column in SOURCES:
        distinct = len({row[column] for row in rows})
        assert distinct == (20 if column == source else 1), column


def test_arms_share_the_first_row_so_that_they_can_be_paired():
    alone, together = table("vary", ("init",), 3), table("vary", SOURCES_3, 3)
    assert alone[0] == together[0]
    assert [r.seeds["init"] for r in alone] == [r.seeds["init"] for r in together]


def test_backgrounds_give_the_fixed_sources_several_draws():
    rows = table("vary", ("init",), 12, backgrounds=3)
    assert len({row.seeds["shuffle"] for row in rows}) == 3
    assert len({row.seeds["init"] for row in rows}) == 12
    assert [row.block for row in rows[:4]] == [0, 1, 2, 0]


def test_crossed_holds_every_combination_once_per_replicate():
    rows = table("crossed", SOURCES_3, 2, levels=3)
    cells = [tuple(row.seeds[s] for s in SOURCES_3) for row in rows]
    assert len(rows) == 54
    assert all(cells.count(cell) == 2 for cell in set(cells))
    assert len(set(cells)) == 27


def test_blocks_swap_one_column_at_a_time():
    rows = [row.seeds for row in table("blocks", SOURCES_3, 4)]
    a, b, *mixed = rows[:5]
    assert all(a[s] != b[s] for s in SOURCES_3)
    for source, row in zip(SOURCES_3, mixed, strict=True):
        assert row == a | {source: b[source]}
    assert len(rows) == 20


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_no_two_stars_share_more_than_one_source(count):
    vary = SOURCES[:count]
    stars = (count + 2) // 2 * 2
    rows = [r for r in table("stars", vary, 3)]
    assert len(rows) == 3 * stars * (count + 2)
    bases = rows[:: count + 2]
    for left, right in combinations(bases, 2):
        shared = sum(left.seeds[s] == right.seeds[s] for s in vary)
        assert shared <= 1
    for source in vary:  # and each source is shared by the pairs of one whole round
        draws = [base.seeds[source] for base in bases[:stars]]
        assert sorted(np.unique(draws, return_counts=True)[1]) == [2] * (stars // 2)


def test_a_star_changes_one_source_per_row_and_repeats_its_base():
    base, *rays, repeat = table("stars", SOURCES_3, 1)[:5]
    assert repeat == base
    for source, ray in zip(SOURCES_3, rays, strict=True):
        changed = [s for s in SOURCES if ray.seeds[s] != base.seeds[s]]
        assert changed == [source]


def test_kfold_replicates_take_turns_with_the_folds_of_one_permutation():
    split = Split("kfold", 0.15, 0.2, 5, None, 0.0)
    seeds = [r.seeds["split"] for r in table("vary", ("split",), 10, split=split)]
    assert [seed % 5 for seed in seeds] == [0, 1, 2, 3, 4] * 2
    assert len({seed // 5 for seed in seeds[:5]}) == 1
    assert seeds[0] // 5 != seeds[5] // 5


def test_weights_are_left_alone_unless_perturbation_varies():
    assert table("vary", ("init",), 2)[1].seeds["perturbation"] == UNPERTURBED
    assert table("vary", ("perturbation",), 2)[0].seeds["perturbation"] != UNPERTURBED


@pytest.mark.parametrize("name", ["crossed", "blocks", "stars"])
def test_designs_that_separate_sources_refuse_one(name):
    with pytest.raises(ValueError, match=f"design={name} separates sources"):
        table(name, ("init",), 3)
