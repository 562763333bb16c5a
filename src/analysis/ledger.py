"""Every claim of the five papers, and how it stands: by your own runs where there are some, else by the published ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from analysis import paths, rules
from analysis.params import STUDIES
from analysis.results import Results, reference_file
from analysis.rules import Claim, Finding

SETTINGS = {"default": "world", "real": "photographs"}  # preset -> what its images are

LEDGER: tuple[Claim, ...] = tuple(
    claim
    for study, model in STUDIES.items()
    if model.paper
    for claim in import_module(f"analysis.studies.{study}.claims").CLAIMS
)


@dataclass(frozen=True)
class Standing:
    """How a claim stands in one setting; `source`: whose run says so."""

    finding: Finding
    source: Literal["own run", "published"]


def standing(claim: Claim, preset: str) -> Standing | None:
    """The finding of your run of that preset, else the published one; None where neither judged the claim."""
    for path, source in (
        (paths.runs() / claim.study / preset / "results.json", "own run"),
        (reference_file(claim.study, preset), "published"),
    ):
        found = _findings(path).get(claim.id) if path.exists() else None
        if found is not None:
            return Standing(found, source)  # type: ignore[arg-type]
    return None


def _findings(path: Any) -> dict[str, Finding]:
    return {finding.id: finding for finding in Results.load(path).claims}


def rows() -> Iterator[dict[str, Any]]:
    """The ledger as plain values, one claim each."""
    for claim in LEDGER:
        yield {
            "id": claim.id,
            "study": claim.study,
            "statement": claim.statement,
            **_rule(claim),
            **{word: _plain(standing(claim, preset)) for preset, word in SETTINGS.items()},
        }


def lines() -> list[str]:
    """The ledger for the eye: a paragraph each."""
    found = []
    for row in rows():
        found += [f"{row['id']}  {row['statement']}  ({row['study']})", f"    rule          {row['rule']}"]
        found += [f"    {word:13s} {_words(row[word])}" for word in SETTINGS.values()]
        paper = row["published"]
        if paper:
            found.append(f"    {'paper':13s} {paper['text']} ({paper['source']}): {paper['verdict']}")
        found.append("")
    return found


def _rule(claim: Claim) -> dict[str, Any]:
    told = claim.published
    verdict = rules.published_verdict(claim)
    return {
        "rule": claim.rule.sentence(),
        "controls": {"negative": claim.rule.negative, "positive": claim.rule.positive},
        "published": {"text": told.text, "source": told.source, "verdict": verdict} if told else None,
    }


def _plain(known: Standing | None) -> dict[str, Any]:
    if known is None:
        return {"verdict": "not run", "source": None}
    finding = known.finding
    deciding = finding.deciding
    measured = (
        {
            "condition": deciding.name,
            "bound": deciding.smallest,
            "estimate": vars(deciding.own),
            "negative": vars(deciding.negative),
            "positive": vars(deciding.positive),
            "scaled": deciding.scaled,
        }
        if deciding
        else {}
    )
    said = {"n": finding.n, "unit": finding.unit, "needed": finding.needed, "sentence": finding.sentence()}
    return {"verdict": finding.verdict, "source": known.source, **measured, **said}


def _words(setting: dict[str, Any]) -> str:
    source = f"  [{setting['source']}]" if setting["source"] else ""
    return f"{setting['verdict']}{source}" + (f": {setting['sentence']}" if setting.get("sentence") else "")
