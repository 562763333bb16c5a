"""The claims page and the front page of each study: every claim with its verdict, interval and control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.claims import Claim, Finding
from analysis.ledger import LEDGER
from analysis.params import STUDIES, study_model
from analysis.prose import NOTHING, table

if TYPE_CHECKING:
    from analysis.book.stage import Page

COLUMNS = {"default": "Controlled world", "real": "Real photographs", "paper": "Papers' networks"}
# Studies that judge claims of a paper, and those of what the others measure with.
PAPERS = {study: (model.title, model.paper) for study, model in STUDIES.items() if model.paper}
INSTRUMENTS = {study: model.title for study, model in STUDIES.items() if not model.paper}


def write(pages: Sequence[Page]) -> dict[str, str]:
    """The table of all claims, and an index page per study: file name -> text."""
    found = {(page.key, finding.id): (page, finding) for page in pages for finding in page.results.claims}
    studies = {study: [claim for claim in LEDGER if claim.study == study] for study in PAPERS}
    everything = "\n".join(
        f"## {title}\n\nClaims of {{cite:t}}`{key}`.\n\n{claims_table(studies[study], found)}\n"
        for study, (title, key) in PAPERS.items()
    )
    files = {"_generated/claims.md": everything, "_generated/summary.md": _summary(found)}
    for study in dict.fromkeys(page.entry.study for page in pages):
        own = [page for page in pages if page.entry.study == study]
        claims = "" if study in INSTRUMENTS else f"## Claims\n\n{claims_table(studies[study], found)}"
        files[f"studies/{study}/index.md"] = _study_index(study, own, claims)
    return files


def title(study: str) -> str:
    """What a study is called in the table of contents."""
    return INSTRUMENTS[study] if study in INSTRUMENTS else PAPERS[study][0]


def claims_table(claims: Sequence[Claim], found: dict[tuple[str, str], tuple[Page, Finding]]) -> str:
    """The claims with one verdict per preset, and below them, folded, how each is judged."""
    rows = [
        {"id": f"**{claim.id}**", "claim": claim.statement, **{key: _verdict(found.get((key, claim.id))) for key in COLUMNS}}
        for claim in claims
    ]
    how = "\n".join(
        f"**{claim.id}**\n: *Quantity.* {claim.quantity}\n\n  *Control.* {claim.control}\n\n  *Rule.* {claim.rule}\n"
        for claim in claims
    )
    verdicts = table(rows, {"id": "", "claim": "Claim", **COLUMNS}).markdown
    return f"{{.claims}}\n{verdicts}\n:::{{dropdown}} Quantity, control and rule of each claim\n{how}:::\n"


def badge(verdict: str) -> str:
    """A verdict as a coloured word."""
    return f"[{verdict}]{{.verdict .{verdict.replace(' ', '-')}}}"


def number(value: float | None) -> str:
    """An estimate with three decimals, or three digits where it is large; a dash for none."""
    if value is None:
        return NOTHING
    return (f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}").replace("-", "−")


def _verdict(entry: tuple[Page, Finding] | None) -> str:
    if entry is None:
        return badge("not tested")
    page, finding = entry
    parts = [f"{badge(finding.verdict)} [page](/{page.document}.ipynb)"]
    if finding.estimate is not None:
        parts.append(_interval(finding.estimate, finding.low, finding.high))
    if finding.control_value is not None:
        parts.append("control " + _interval(finding.control_value, finding.control_low, finding.control_high))
    return "<br>".join(parts)


def _interval(value: float, low: float | None, high: float | None) -> str:
    return number(value) + (f" [{number(low)}, {number(high)}]" if low is not None and high is not None else "")


def _summary(found: dict[tuple[str, str], tuple[Page, Finding]]) -> str:
    """How far this copy of the book has come."""
    tested = {claim for (key, claim), (_, finding) in found.items() if key in COLUMNS and finding.verdict != "not tested"}
    return f"This copy puts {len(tested)} of the {len(LEDGER)} [claims](claims.md) of the five papers to the test.\n"


def _study_index(study: str, pages: Sequence[Page], claims: str) -> str:
    question = (study_model(study).__doc__ or "").strip().splitlines()[0]
    answers = "\n".join(f"[{page.title}](/{page.document}.ipynb)\n: {page.results.answer or NOTHING}\n" for page in pages)
    source = "" if study in INSTRUMENTS else f" A question of {{cite:t}}`{PAPERS[study][1]}`."
    return f"# {pages[0].heading}\n\n*{question}*{source}\n\n## What came out\n\n{answers}\n{claims}"
