"""Claims from files to the terminal, MLflow and docs, on a study made by hand."""

from dataclasses import replace

import pytest
import yaml
from studies import log_study

from seedscope.commands.verdicts import answer_claims, answer_study
from seedscope.runs import question as questions
from seedscope.store.read import read_study
from seedscope.store.store import search

REPEATS = {
    "id": "X1",
    "statement": "Repeats end in the same bits.",
    "cases": [
        {
            "study": "made",
            "measure": "weights_sha256",
            "statistic": "distinct",
            "a": "none",
            "expects": "equal",
            "margin": 0,
        }
    ],
}
ELSEWHERE = {
    "id": "X2",
    "statement": "Nobody has trained this.",
    "cases": [REPEATS["cases"][0] | {"study": "other"}],
}
UNTESTABLE = {"id": "X3", "statement": "The moon decides.", "not_testable": "no moon"}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "claim"
    place.mkdir()
    for claim in (REPEATS, ELSEWHERE, UNTESTABLE):
        (place / f"{claim['id']}.yaml").write_text(yaml.safe_dump(claim))
    return place


@pytest.fixture
def asked(tracking):
    def make(**keys):
        fields = dict.fromkeys(questions.Question.__annotations__)
        whole = fields | {"tracking": tracking, "level": 0.95, "claims": ["all"]}
        return questions.Question(**(whole | keys))

    return make


def test_verdicts_are_printed_written_and_logged(
    store, folder, asked, tmp_path, capsys
):
    log_study(store)
    out = tmp_path / "docs"
    for _ in range(2):  # the second replaces the first
        answer_claims(asked(output=str(out)), folder, lambda preset: preset)
    said = capsys.readouterr().out
    assert "1 confirmed, 2 not decided" in said
    assert "python src/train.py study=other" in said
    text = (out / "claims.md").read_text()
    assert "## X1: confirmed" in text
    assert "Not testable here: no moon" in text
    assert (out / "claims.csv").read_text().startswith("claim,statement,verdict")
    (run,) = search(store, "tags.`seedscope.role` = 'claims'")
    assert run.info.status == "FINISHED"
    note = run.data.tags["mlflow.note.content"]
    study = read_study(store, "made")
    assert (
        f"[`made`](#/experiments/{run.info.experiment_id}/runs/{study.study_id})"
        in note
    )


def test_a_study_is_followed_by_the_verdicts_it_decides(store, folder, asked, capsys):
    log_study(store)
    runs = read_study(store, "made")
    answer_study(asked(), runs, folder, lambda preset: "made")
    assert capsys.readouterr().out == ""  # "made" is the study of no preset
    runs = replace(runs, title="made-123456")
    answer_study(asked(), runs, folder, lambda preset: "made-123456")
    said = capsys.readouterr().out
    assert "X1" in said
    assert "X2" not in said


def test_a_claim_that_does_not_exist_lists_those_that_do(store, folder, asked):
    with pytest.raises(ValueError, match="there are X1, X2, X3, and all"):
        answer_claims(asked(claims=["X9"]), folder, str)
