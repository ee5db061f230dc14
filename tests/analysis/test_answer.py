"""The answer: one for each kind of question, the same words in every place."""

import html
import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from test_comparison import designed, normal, runs_of

from seedscope.analysis.compare import compare
from seedscope.analysis.two_groups import compare_groups
from seedscope.report import answer, note, page, terminal
from seedscope.report.harmless import markdown
from seedscope.report.wrapping import lines
from seedscope.runs.table import Runs
from seedscope.study.arms import arm_name, encode

SCORE = "test/accuracy"


def leveled(levels, sds, means, study="x", runs=30):
    """Return runs of arms that differ in settings: exact means and sds."""
    shape = np.linspace(-1, 1, runs)
    shape /= shape.std(ddof=1)
    rng = np.random.default_rng(0)
    rows = [
        {
            "arm": arm_name("made", level),
            "levels": encode(level),
            "vary": "init shuffle" if study else "unknown",
            "factor": "made",
            "block": 0,
            "diverged": False,
            SCORE: mean + sd * float(value),
        }
        for level, sd, mean in zip(levels, sds, means, strict=True)
        for value in rng.permutation(shape)
    ]
    table = pl.DataFrame(rows).with_row_index("run_id").cast({"run_id": pl.String})
    command = "seedscope train study=mitigations replicates=30"
    return Runs("made", table, (SCORE,), study_id=study, command=command)


def answered(runs):
    return answer.of_comparison(compare(runs, [], 0.95))


def exact(sds):
    """Return runs of sources with exact sds around one mean."""
    shape = np.linspace(-1, 1, 20)
    shape /= shape.std(ddof=1)
    return runs_of({arm: 0.9 + sd * shape for arm, sd in sds.items()})


def test_the_source_that_moves_most_is_named_with_its_spread():
    told = answered(exact({"init": 0.01, "shuffle": 0.001, "all": 0.011}))
    assert told.kind == answer.SOURCES
    assert told.question == "Which source of randomness moves test/accuracy most?"
    assert told.answer[0].startswith("init matters most: varied alone, it spreads")
    assert "1.00 pp [" in told.answer[0]
    assert told.answer[1].startswith("With every source left free, test/accuracy is")


def test_where_no_source_stands_out_none_is_named():
    told = answered(exact({"init": 0.0101, "shuffle": 0.01, "all": 0.011}))
    assert told.answer[0].startswith("No source is shown to matter more than another")
    told = answered(exact({"init": 0.01, "dropout": 0.0099, "shuffle": 0.001}))
    assert told.answer[0].startswith("init matters more than shuffle")
    assert told.answer[0].endswith("between init and dropout nothing is shown.")


def test_each_mitigation_has_a_line_and_the_best_its_cost():
    names = ("plain", "smaller_rate", "early_stopping")
    levels = [{"mitigation": {"name": name}} for name in names]
    told = answered(leveled(levels, [0.01, 0.003, 0.02], [0.94, 0.9, 0.94]))
    assert told.kind == answer.LEVELS
    assert (
        "smaller_rate narrows the spread of test/accuracy, to 0.3 [" in told.answer[0]
    )
    assert "early_stopping widens" in told.answer[0]
    assert "a mean that is lower by 4.0 pp [" in told.answer[1]
    assert [row[:2] for row in told.table.rows] == [
        ("smaller_rate", "narrower"),
        ("early_stopping", "wider"),
    ]
    assert told.next.command == (
        "seedscope compare study=made 'a=made mitigation:plain' "
        "'b=made mitigation:smaller_rate'"
    )
    alike = answered(leveled(levels, [0.01] * 3, [0.94] * 3))
    assert alike.next.command == "seedscope train replicates=49 study=mitigations"


def test_crossed_settings_are_compared_where_one_alone_differs():
    levels = [
        {"loop.batch_size": size, "loop.shuffle": shuffle}
        for size in (8, 16, 32)
        for shuffle in ("epoch", "none")
    ]
    made = compare(leveled(levels, [0.01] * 6, [0.9] * 6), [], 0.95)
    assert len(made.contrasts) == 7  # of 15 pairs
    assert len(made.spread_tests) == 7  # p-values are adjusted once, over these
    for contrast in made.contrasts:
        base, other = (
            made.runs.keys[arm].levels for arm in (contrast.base, contrast.other)
        )
        assert [s for s in base if base[s] != other[s]] == [contrast.setting]
    assert "No change of the spread" in answer.of_comparison(made).answer[0]


def test_a_table_of_others_is_asked_for_its_means_first_and_trains_nothing():
    levels = [{"optimizer": "adam"}, {"optimizer": "sgd"}]
    told = answered(leveled(levels, [0.01, 0.01], [0.94, 0.9], study=None))
    assert told.answer[0].startswith(
        "The mean of test/accuracy is lower, worse, with sgd than with adam, by 4.0 pp"
    )
    assert told.next.command == ""


def test_the_difference_of_two_levels_is_that_of_a_against_b():
    runs = leveled([{"rate": 1}, {"rate": 2}], [0.01, 0.02], [0.9, 0.93])
    (contrast,) = compare(runs, [], 0.95).contrasts
    a, b = (runs.arm(name) for name in (contrast.other, contrast.base))
    (found,) = compare_groups(a, b, (SCORE,), 0.95)
    assert contrast.mean == found.verdict.difference


def test_an_attribution_is_answered_by_its_table_of_sources():
    runs = designed(
        "blocks",
        lambda s: 3 * normal(s["init"]) + 0.3 * normal(s["shuffle"]),
        "factor.vary=[init,shuffle]",
        "replicates=20",
    )
    told = answered(runs)
    assert told.kind == answer.ATTRIBUTION
    assert told.answer[0].startswith("A new seed of init alone brings back")
    assert told.answer[1].startswith("init matters most: the next, shuffle")
    assert [row[0] for row in told.table.rows][:2] == ["init", "shuffle"]


@pytest.mark.parametrize(
    ("design", "rows", "added"),
    [("blocks", "replicates=12", "replicates=48"), ("crossed", "design.levels=6", "")],
)
def test_a_design_grows_by_its_blocks(design, rows, added):
    words = ("factor.vary=[init,shuffle]", rows)
    runs = designed(design, lambda s: normal(s["init"]), *words)
    table = runs.table.with_columns(design=pl.lit(design))
    command = f"seedscope train design={design} {rows}"
    runs = replace(runs, table=table, study_id="x", command=command)
    added = added or "design.levels=24"
    told = answered(runs).next.command
    assert told == f"seedscope train {added} design={design}"


@pytest.mark.parametrize(
    ("arms", "kind", "said"),
    [
        ({"all": [0.9, 0.91]}, answer.ONE, "With every source left free"),
        ({"none": [1.0, 1.0]}, answer.NOTHING, "does not vary over the runs of any"),
        ({"init": [0.9]}, answer.NOTHING, "needs two or more runs"),
    ],
)
def test_little_is_answered_as_little(arms, kind, said):
    told = answered(runs_of(arms))
    assert told.kind == kind
    assert said in told.answer[0]


def test_every_place_tells_the_same_words():
    made = compare(exact({"init": 0.01, "shuffle": 0.001, "all": 0.011}), [], 0.95)
    told = answer.of_comparison(made)
    console = Console(width=80, file=io.StringIO(), record=True)
    terminal.show(made, console)
    printed = console.export_text()
    assert max(map(len, printed.splitlines())) <= 80
    shown = " ".join(printed.split())
    first = note.markdown(made).splitlines()[0]
    assert first.startswith("**init matters")
    assert first.endswith("**")
    for sentence in (*told.answer, *told.sure):
        assert sentence in shown
        assert sentence in html.unescape(page.html(made, {}))


def test_the_note_begins_with_the_answer_and_cautions_come_after_it():
    lumps = [0.9 + 0.001 * i for i in range(15)] + [0.5] * 5
    made = compare(runs_of({"init": lumps}), [], 0.95)
    told = answer.of_comparison(made)
    first, _, second, *_ = note.markdown(made).splitlines()
    assert told.cautions
    assert first == f"**{markdown(told.answer[0])}**"
    assert second == markdown(" ".join([*told.answer[1:], *told.cautions]))


def test_a_number_stays_whole_with_its_interval_and_its_unit():
    text = "a standard deviation of 0.7 pp [0.5, 1.2] and ≈2.1 % [1, 3] of it"
    for width in range(18, 60):
        broken = lines(text, width)
        assert " ".join(broken) == text
        assert any("0.7 pp [0.5, 1.2]" in line for line in broken)
        assert any("≈2.1 % [1, 3]" in line for line in broken)
