"""The ledger: every claim once, with its rule and how it stands, by one's own runs first, else by the published ones."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fake_run
from analysis import ledger, paths
from analysis.cli import app
from analysis.params import STUDIES
from analysis.plan import Entry


@pytest.fixture(autouse=True)
def nothing_run_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path))
    return tmp_path


def listed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["claims", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_claim_of_every_paper_is_listed_once_with_its_rule() -> None:
    rows = [json.loads(line) for line in listed("--json").splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) == len(ledger.LEDGER)
    assert {row["study"] for row in rows} == {study for study, model in STUDIES.items() if model.paper}
    assert all(row["rule"] and row["statement"] and row["controls"]["negative"] for row in rows)


def test_an_own_run_stands_before_the_published_one() -> None:
    before = {row["id"]: row for row in ledger.rows()}["M1"]
    fake_run.results(Entry(study="masking_cka", name="default"), 1.0).save(paths.runs() / "masking_cka/default")
    after = {row["id"]: row for row in ledger.rows()}["M1"]
    assert before["world"]["source"] in ("published", None)
    assert after["world"]["source"] == "own run"
    assert after["world"]["verdict"] == "supported"
    assert after["world"]["estimate"]["value"] == pytest.approx(0.4123)
    assert after["world"]["positive"]["value"] == 0.9
    assert after["photographs"] == before["photographs"]


def test_a_claim_that_nobody_ran_is_said_to_be_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("analysis.results.REFERENCE", tmp_path)
    assert {row["world"]["verdict"] for row in ledger.rows()} == {"not run"}
    assert "not run" in listed()


def test_the_terminal_shows_the_sentence_that_the_page_shows() -> None:
    results = fake_run.results(Entry(study="masking_cka", name="default"), 1.0)
    results.save(paths.runs() / "masking_cka/default")
    words = listed()
    assert all(finding.sentence() in words for finding in results.claims)
