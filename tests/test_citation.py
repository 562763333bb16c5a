"""CITATION.cff is valid, and names what the book names."""

import json
import re

import jsonschema
import pytest
import yaml

import analysis
from analysis import paths
from analysis.book import colophon
from analysis.params import STUDIES

TEXT = (paths.ROOT / "CITATION.cff").read_text(encoding="utf-8")
SCHEMA = json.loads((paths.ROOT / "tests/vendor/cff/schema.json").read_text(encoding="utf-8"))
FACTS = yaml.load(TEXT, Loader=yaml.BaseLoader)  # dates stay text, as the schema wants them


def whole(facts: dict) -> dict:
    """The facts with the numbers in them as numbers."""
    return {key: _value(key, value) for key, value in facts.items()}


def _value(key: str, value: object) -> object:
    if isinstance(value, dict):
        return whole(value)
    if isinstance(value, list):
        return [_value("", item) for item in value]
    return int(value) if key == "year" and isinstance(value, str) else value


def test_it_follows_the_schema_of_its_format_which_refuses_what_is_wrong() -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(whole(FACTS))
    for wrong in ({"authors": []}, {"date-released": "yesterday"}, {"nonsense": "1"}):
        assert not jsonschema.Draft7Validator(SCHEMA).is_valid(whole(FACTS) | wrong)


def test_its_version_is_that_of_the_library() -> None:
    assert FACTS["version"] == FACTS["preferred-citation"]["version"] == analysis.__version__


def test_its_references_are_the_five_papers_as_in_the_bibliography() -> None:
    entries = (paths.BOOK / "references.bib").read_text(encoding="utf-8").split("\n@")
    keys = [model.paper for model in STUDIES.values() if model.paper]
    papers = [entry for key in keys for entry in entries if f"{{{key}," in entry]
    assert len(papers) == len(FACTS["references"]) == 5
    for reference in FACTS["references"]:
        entry = next(entry for entry in papers if reference["title"] in entry)
        names = [author["family-names"] for author in reference["authors"]]
        assert re.findall(r"([\w-]+), [A-Z]", entry.split("author = {")[1].split("}")[0]) == names
        assert f"year = {{{reference['year']}}}" in entry
        assert reference.get("doi", reference.get("url")) in entry


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/some/place.git", "https://github.com/some/place"),
        ("git@github.com:some/place.git", "https://github.com/some/place"),
        ("https://user:secret@github.com/some/place", "https://github.com/some/place"),
        ("ssh://git@host.example/some/place.git", "https://host.example/some/place"),
        ("/a/folder", None),
        ("", None),
    ],
)
def test_the_source_is_where_the_checkout_came_from_without_any_secret(
    monkeypatch: pytest.MonkeyPatch, remote: str, address: str | None
) -> None:
    monkeypatch.setattr(colophon, "git", lambda *words: {"config": remote, "log": "2026-01-02"}[words[0]])
    monkeypatch.setattr(colophon, "git_state", lambda: {"commit": "ab" * 20})
    assert colophon.repository() == address
    assert ("mybinder.org" in colophon.colophon()) == bool(address and "github" in address)
    assert "secret" not in colophon.colophon() + colophon.bibtex()


def test_a_copy_without_git_can_still_be_cited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colophon, "git", lambda *words: None)
    monkeypatch.setattr(colophon, "git_state", lambda: {"commit": None})
    assert "version 0.1.0" in colophon.bibtex()
    assert "commit" not in colophon.colophon()


def test_bibtex_closes_every_brace() -> None:
    text = colophon.bibtex()
    assert text.count("{") == text.count("}")
    assert "cadet2023" in colophon.cite("cadet2023")
