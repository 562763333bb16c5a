"""How every study tells its verdicts: in a table, each as a sentence below it, and all in one paragraph per verdict."""

from collections.abc import Iterable

from analysis.prose import Column, Prose, folded, show, signed, table
from analysis.results import Results, Row
from analysis.rules import Claim, Finding, Judged

HEADS = {
    "supported": "Supported",
    "not supported": "Not supported",
    "inconclusive": "Undecided",
    "not testable here": "Not testable here",
    "not run": "Not run",
}
DECIDED = ("supported", "not supported")


def verdicts(results: Results, claims: Iterable[Claim] = ()) -> Prose:
    """The claims of a study as its run judges them, one a row with what decided; folded: every condition, and sentences.

    `claims` adds the paper's own numbers.
    """
    published = {claim.id: claim.published.text for claim in claims if claim.published}
    columns: dict[str, Column] = {"id": "Claim", "decided": "Decided by", "own": "Estimate"}
    columns |= {"controls": "Controls: no, yes", "n": "n"} | ({"published": "The paper's own number"} if published else {})
    told = table([_row(found, published.get(found.id)) for found in results.claims], columns)
    words = "\n".join(f"- **{found.id}.** {found.sentence()} {found.note}".rstrip() for found in results.claims)
    whole = folded("Every condition, and each verdict in a sentence", _conditions(results), Prose(words))
    return Prose(f"{{.verdicts}}\n{told.markdown}\n{whole.markdown}")


def answer(results: Results, claims: Iterable[Claim]) -> Prose:
    """What came out, verdict by verdict, in plain sentences with their numbers; of what is open, what was asked and why."""
    by_id, paragraphs = {claim.id: claim for claim in claims}, []
    for verdict, head in HEADS.items():
        found = [(finding, by_id[finding.id]) for finding in results.claims if finding.verdict == verdict]
        told = (
            "".join(f"\n- **{claim.id}** {plain(finding, claim)}" for finding, claim in found)
            if verdict in DECIDED
            else _open(found)
        )
        paragraphs += [f"**{head}.**{told}"] if found else []
    return Prose("\n\n".join(paragraphs))


def plain(finding: Finding, claim: Claim) -> str:
    """A decided claim in a plain sentence with the number that speaks for it."""
    number, words = speaks(finding, claim), None
    if claim.said and number:
        words = claim.said.yes if finding.verdict == "supported" else claim.said.no.get(number.name)
    if words is None or number is None:
        return claim.statement if finding.verdict == "supported" else f"Not so: {claim.statement}"
    return words.format(f"{show(number.own)}, bound {_bound(number)}")


def speaks(finding: Finding, claim: Claim) -> Judged | None:
    """The condition whose number a plain sentence gives: the headline where all must hold and do, else what decided."""
    if finding.verdict == "supported" and claim.rule.combine == "all":
        return finding.conditions[0] if finding.conditions else None
    return finding.deciding


def _open(found: Iterable[tuple[Finding, Claim]]) -> str:
    """What was asked, and why nothing can be said, each reason once."""
    asked: dict[str, list[str]] = {}
    for finding, claim in found:
        words = f"whether {claim.said.whether}" if claim.said else f"“{claim.statement.rstrip('.')}”"
        asked.setdefault(finding.reason, []).append(f"{words} ({claim.id})")
    told = "; ".join("; ".join(words) + (f", because {reason}" if reason else "") for reason, words in asked.items())
    return f" {told[:1].upper()}{told[1:]}."


def _row(found: Finding, published: str | None) -> Row:
    row: Row = {"id": f"**{found.id}**<br>{found.verdict}", "decided": found.reason, "published": published}
    if (d := found.deciding) is None:
        return row
    row |= {"decided": d.quantity, "own": f"{show(d.own)}<br>bound {_bound(d)}", "n": f"{found.n:,} {found.unit}"}
    return row | {"controls": f"{show(d.negative)}<br>{show(d.positive)}"}


def _conditions(results: Results) -> Prose:
    rows = [
        {
            "id": found.id if place == 0 else "",
            "quantity": condition.quantity,
            "own": show(condition.own) + "<br>not to be tested here" * (condition.verdict == "not testable here"),
            "bound": _bound(condition),
            "negative": show(condition.negative),
            "positive": show(condition.positive),
            "scaled": condition.scaled,
        }
        for found in results.claims
        for place, condition in enumerate(found.conditions)
    ]
    columns: dict[str, Column] = {"id": "Claim", "quantity": "Quantity", "own": "Estimate", "bound": "Bound"}
    columns |= {"negative": "Negative control", "positive": "Positive control", "scaled": ("Between them", ".2f")}
    return Prose(f"{{.verdicts}}\n{table(rows, columns).markdown}")


def _bound(condition: Judged) -> str:
    return signed(f"{condition.smallest:g}")
