"""The verdicts in the book: the grid of the front page, the page of all claims, and the front page of each study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import rules
from analysis.ledger import LEDGER
from analysis.params import STUDIES, study_model
from analysis.prose import NOTHING, escaped, show, signed, table
from analysis.rules import Claim, Finding
from analysis.verdict_prose import DECIDED, plain, speaks

if TYPE_CHECKING:
    from analysis.book.stage import Page

Found = dict[tuple[str, str], tuple["Page", Finding]]  # (page, claim) -> where it was judged, and how
SETTINGS = ("default", "real")
PICTURES = (("world", "truth"), ("local_vit", "token-maps"))  # of the front page
COLUMNS = {"default": "Controlled world", "real": "Real photographs", "paper": "Papers' networks"}
# Studies that judge claims of a paper, and those of what the others measure with.
PAPERS = {study: (model.title, model.paper) for study, model in STUDIES.items() if model.paper}
INSTRUMENTS = {study: model.title for study, model in STUDIES.items() if not model.paper}


def write(pages: Sequence[Page]) -> dict[str, str]:
    """The grid of the front page, the page of all claims, and an index page per study: file name -> text."""
    found: Found = {(page.key, finding.id): (page, finding) for page in pages for finding in page.results.claims}
    studies = {study: [claim for claim in LEDGER if claim.study == study] for study in PAPERS}
    everything = "\n".join(
        f"## {title}\n\nClaims of {{cite:t}}`{key}`.\n\n{claims_table(studies[study], found)}\n{_how(studies[study])}\n"
        for study, (title, key) in PAPERS.items()
    )
    files = {"_generated/claims.md": everything, "_generated/summary.md": _summary(found), **_pictures(pages)}
    for study in dict.fromkeys(page.entry.study for page in pages):
        own = [page for page in pages if page.entry.study == study]
        claims = ""
        if study in PAPERS:
            claims = f"## Verdicts\n\n{claims_table(studies[study], found)}\n{_how(studies[study])}"
        files[f"studies/{study}/index.md"] = _study_index(study, own, claims)
    return files


def title(study: str) -> str:
    """What a study is called in the table of contents."""
    return INSTRUMENTS[study] if study in INSTRUMENTS else PAPERS[study][0]


def badge(verdict: str, page: str = "") -> str:
    """A verdict as a coloured word with its symbol before it, and a link where there is a page."""
    word = f"[{verdict}]({page})" if page else verdict
    return f"[{word}]{{.verdict .{verdict.replace(' ', '-')}}}"


def claims_table(claims: Sequence[Claim], found: Found) -> str:
    """The claims with their verdict in each setting: estimate, bound and both controls; beside them the paper's own number."""
    rows = [
        {
            "id": f"**{claim.id}**",
            "claim": claim.statement,
            **{key: _verdict(found.get((key, claim.id))) for key in COLUMNS},
            "published": _published(claim),
        }
        for claim in claims
    ]
    heads = {"id": "", "claim": "Claim", **COLUMNS, "published": "The paper's own number"}
    return f"{{.claims}}\n{table(rows, heads).markdown}"


def grid(found: Found) -> str:
    """Every claim with its verdicts in the world and on photographs, each a link to the page that found it."""
    rows = [
        {"id": f"**{claim.id}**", "claim": claim.statement, "published": _published(claim)}
        | {key: _linked(found.get((key, claim.id))) for key in SETTINGS}
        for claim in LEDGER
    ]
    heads = {"id": "", "claim": "Claim", **{key: COLUMNS[key] for key in SETTINGS}, "published": "The paper's own number"}
    return f"{{.claims}}\n{table(rows, heads).markdown}"


def _how(claims: Sequence[Claim]) -> str:
    """How each claim is judged, folded."""
    return "\n".join(f":::{{dropdown}} {claim.id}: rule and controls\n{_rule(claim)}\n:::\n" for claim in claims)


def _rule(claim: Claim) -> str:
    told = claim.published
    paper = f"\n\n*The paper.* {told.text} ({told.source})." if told else ""
    rule = claim.rule
    return f"{rule.sentence()}\n\n*Negative control.* {rule.negative}.\n\n*Positive control.* {rule.positive}.{paper}"


def _published(claim: Claim) -> str:
    if claim.published is None:
        return NOTHING
    verdict = rules.published_verdict(claim)
    return claim.published.text + (f"<br>{badge(verdict)} by our rule" if verdict != "not run" else "")


def _linked(entry: tuple[Page, Finding] | None) -> str:
    """A verdict as a link to its page."""
    return badge("not run") if entry is None else badge(entry[1].verdict, f"/{entry[0].document}.ipynb")


def _verdict(entry: tuple[Page, Finding] | None) -> str:
    """A verdict with the numbers that decided it."""
    return _linked(entry) if entry is None else "<br>".join([_linked(entry), *_numbers(entry[1])])


def _numbers(finding: Finding) -> list[str]:
    decided = finding.deciding
    if decided is None:
        return [finding.reason]
    numbers = [signed(f"{show(decided.own)}, bound {decided.smallest:g}")]
    numbers += [f"controls {show(decided.negative)} and {show(decided.positive)}"]
    return numbers + ([finding.reason] if finding.reason else [])


def _summary(found: Found) -> str:
    """How many claims came out how in each setting, every verdict at a glance, what was decided, in words; folded, the grid."""
    counts = [f"{COLUMNS[key]}: {words}." for key in COLUMNS if (words := _counts(found, key))]
    lead = f"Five papers make {len(LEDGER)} claims that can be measured. {' '.join(counts)}"
    told = [_decided(study, found) for study in PAPERS]
    whole = f"::::{{dropdown}} Every claim, with the papers' own numbers\n{grid(found)}\n::::"
    return "\n\n".join([lead, _glance(found), *filter(None, told), whole]) + "\n"


def _pictures(pages: Sequence[Page]) -> dict[str, str]:
    """Figures of studies for the front page, with their captions and the way to their pages; none that has not been drawn."""
    drawn = {(page.entry.study, page.key, figure["file"]): (page, figure) for page in pages for figure in page.results.figures}
    shown = [drawn[key] for key in ((study, "default", f"figures/{name}.svg") for study, name in PICTURES) if key in drawn]
    parts = [_figure(page, figure, f" From [{title(page.entry.study)}](/{page.document}.ipynb).") for page, figure in shown]
    return {"_generated/pictures.md": "\n".join(parts)}


def _figure(page: Page, figure: Mapping[str, str], more: str = "") -> str:
    """A figure of a run on another page of the book."""
    place = f"/{Path(page.document).parent}/{figure['file']}"
    return f":::{{figure}} {place}\n:alt: {escaped(figure['alt'])}\n\n{escaped(figure['caption'])}{more}\n:::\n"


def _counts(found: Found, key: str) -> str:
    verdicts = Counter(finding.verdict for (page, _), (_, finding) in found.items() if page == key)
    return ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in rules.VERDICTS if verdicts[verdict])


def _glance(found: Found) -> str:
    """The names of all claims by study and setting, each coloured and marked by its verdict."""
    rows = [
        {"study": f"[{name}](/studies/{study}/index.md)" if _told(study, found) else name}
        | {key: _names(study, key, found) for key in SETTINGS}
        for study, (name, _) in PAPERS.items()
    ]
    legend = " ".join(badge(verdict) for verdict in rules.VERDICTS)
    heads = {"study": "", **{key: COLUMNS[key] for key in SETTINGS}}
    return f"{{.glance}}\n{table(rows, heads).markdown}\n{legend}"


def _names(study: str, key: str, found: Found) -> str:
    entries = [(claim, found.get((key, claim.id))) for claim in LEDGER if claim.study == study]
    verdicts = [(claim, entry[1].verdict if entry else "not run") for claim, entry in entries]
    return " ".join(f"[{claim.id}]{{.verdict .{verdict.replace(' ', '-')}}}" for claim, verdict in verdicts)


def _told(study: str, found: Found) -> bool:
    return any(page.entry.study == study for page, _ in found.values())


def _decided(study: str, found: Found) -> str:
    """What was decided of one study's claims, in plain sentences; where both settings agree, in one."""
    told = [(c, _sentence(c, [found.get((key, c.id)) for key in SETTINGS])) for c in LEDGER if c.study == study]
    lines = "\n".join(f"- **{claim.id}** {words}" for claim, words in told if words)
    return f"**{PAPERS[study][0]}**\n\n{lines}" if lines else ""


def _sentence(claim: Claim, entries: Sequence[tuple[Page, Finding] | None]) -> str:
    findings = [entry[1] if entry and entry[1].verdict in DECIDED else None for entry in entries]
    world, photographs = findings
    if world and photographs and world.verdict == photographs.verdict:
        here, there = speaks(world, claim), speaks(photographs, claim)
        if here and there and here.name == there.name:
            return f"{plain(world, claim)} The same on photographs: {show(there.own)}."
    settings = zip(("In the controlled world", "On photographs"), findings, strict=True)
    return " ".join(f"*{setting}:* {plain(finding, claim)}" for setting, finding in settings if finding)


def _told_first(page: Page) -> str:
    """The answer of a run and, of a study, its leading figure."""
    leading = page.results.figures[:1] if page.entry.study in PAPERS else []
    return "\n\n".join([page.results.answer or NOTHING, *(_figure(page, figure) for figure in leading)])


def _study_index(study: str, pages: Sequence[Page], claims: str) -> str:
    question = (study_model(study).__doc__ or "").strip().splitlines()[0]
    answers = "\n".join(f"### [{page.title}](/{page.document}.ipynb)\n\n{_told_first(page)}\n" for page in pages)
    source = "" if study in INSTRUMENTS else f" A question of {{cite:t}}`{PAPERS[study][1]}`."
    return f"# {pages[0].heading}\n\n*{question}*{source}\n\n## What came out\n\n{answers}\n{claims}"
