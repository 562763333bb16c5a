"""Drift from published numbers is found, printed and judged."""

import json
from pathlib import Path

import pytest

from analysis import paths, reference
from analysis.errors import UserError
from analysis.plan import Entry
from analysis.results import Results, Row, packed, read_json, reference_file, unpacked, write_json

ENTRY = Entry(study="masking_cka", name="toy", preset="smoke", parameters={"n": 20})
ROWS = [{"encoder": "a", "cka": 0.5, "accuracy": 0.25, "n": 20}, {"encoder": "b", "cka": None, "accuracy": 0.75, "n": 20}]


@pytest.fixture
def stored(tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tolerances = (paths.REFERENCE / "tolerances.yaml").read_text()
    for module in (paths, reference):
        monkeypatch.setattr(module, "REFERENCE", tmp_path)
    monkeypatch.setattr("analysis.results.REFERENCE", tmp_path)
    (tmp_path / "tolerances.yaml").write_text(tolerances)
    publish(ROWS)
    return reference.store_runs([ENTRY])[0]


def publish(rows: list[dict]) -> None:
    Results("masking_cka", "toy", "smoke", {}, tables={"pairs": rows}, figures=[{"file": "x"}]).save(ENTRY.folder)
    write_json(ENTRY.folder / "manifest.json", {"fingerprint": ENTRY.fingerprint()})


def changed(**values: float | None) -> list[dict]:
    return [{**ROWS[0], **values}, ROWS[1]]


def test_an_equal_run_has_no_drift(stored: Path) -> None:
    drifts = reference.compare_runs([ENTRY])
    assert {d.column for d in drifts} == {"cka", "accuracy"}
    assert all(d.within and d.largest == 0 for d in drifts)


@pytest.mark.parametrize(
    ("rows", "within"),
    [(changed(cka=0.5001), True), (changed(cka=0.52), False), (changed(accuracy=0.26), True), (changed(cka=None), False)],
)
def test_drift_is_judged_by_the_tolerance_of_its_column(stored: Path, rows: list[dict], within: bool) -> None:
    publish(rows)
    assert all(d.within for d in reference.compare_runs([ENTRY])) == within


def test_missing_rows_are_a_drift(stored: Path) -> None:
    publish(ROWS[:1])
    (drift,) = reference.compare_runs([ENTRY])
    assert not drift.within
    assert "one side only" in drift.line()


def test_the_reference_holds_numbers_and_manifest_and_names_no_picture(stored: Path) -> None:
    content = read_json(stored)
    assert stored == reference_file("masking_cka", "smoke")
    assert set(content) == {"results", "manifest"}
    assert content["results"]["figures"] == []


def test_a_stale_run_is_not_stored(stored: Path) -> None:
    write_json(ENTRY.folder / "manifest.json", {"fingerprint": {**ENTRY.fingerprint(), "notebook": "another"}})
    with pytest.raises(UserError, match="stale"):
        reference.store_runs([ENTRY])


def test_a_run_from_no_commit_is_not_stored(stored: Path) -> None:
    before = stored.read_bytes()
    state = {"fingerprint": ENTRY.fingerprint(), "git": {"commit": "ab" * 20, "dirty": True}}
    write_json(ENTRY.folder / "manifest.json", state)
    with pytest.raises(UserError, match="uncommitted changes; commit them and run it again"):
        reference.store_runs([ENTRY])
    assert stored.read_bytes() == before


def test_what_is_stored_has_a_line_for_each_row_and_loses_no_digit_that_matters() -> None:
    rows = [{"name": 'a "b"', "value": 1 / 3, "none": None}, {"name": "é", "value": 2.0, "none": float("nan")}]
    content = {"tables": {"one": rows, "empty": []}, "names": ["x", "y"], "of": {}, "count": 12345678}
    text = reference.compact(content)
    assert [line.strip() for line in text.splitlines() if "value" in line] == [
        '{"name":"a \\"b\\"","value":0.33333,"none":null},',
        '{"name":"é","value":2.0,"none":null}',
    ]
    back = json.loads(text)
    assert back["tables"]["one"][0]["value"] == pytest.approx(1 / 3, rel=2e-5)
    assert (back["tables"]["empty"], back["names"], back["of"], back["count"]) == ([], ["x", "y"], {}, 12345678)
    assert list(back) == list(content)
    assert reference.compact(back) == text


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"a": 1, "b": None}],
        [{"a": 1, "b": "x"}, {"a": 2.5, "b": ["y"]}],
        [{"a": 1}, {"b": 2}],
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
        [{}],
    ],
)
def test_packed_rows_come_back_as_they_were(rows: list[Row]) -> None:
    again = unpacked(json.loads(json.dumps(packed(rows))))
    assert again == rows
    assert [list(row) for row in again] == [list(row) for row in rows]


def test_a_row_of_another_length_is_a_damaged_file(tmp_path: Path) -> None:
    content = {"study": "s", "name": "n", "preset": "smoke", "parameters": {}, "claims": [], "tables": {}}
    content["tables"] = {"one": {"columns": ["a", "b"], "rows": [[1, 2], [3]]}}
    path = write_json(tmp_path / "x.json", content)
    with pytest.raises(UserError, match="damaged"):
        Results.load(path)


def test_a_row_is_known_by_the_numbers_in_its_settings_as_they_are_stored() -> None:
    row = {"arm": "both", "weights": {"q": 0.90213414}, "linear": 0.5}
    stored = json.loads(reference.compact([row]))
    assert reference._by_key([row], ["linear"]).keys() == reference._by_key(stored, ["linear"]).keys()
    assert (
        reference._by_key([{**row, "weights": {"q": 0.9022}}], ["linear"]).keys()
        != reference._by_key(stored, ["linear"]).keys()
    )
