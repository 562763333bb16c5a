"""How every study tells its verdicts: in a table, each as a sentence below it, and all in one paragraph per verdict."""

from collections.abc import Iterable, Mapping

from analysis.prose import Column, Prose, show, table
from analysis.results import Results, Row
from analysis.rules import Claim, Finding

HEADS = {
    "supported": "Supported",
    "not supported": "Not supported",
    "inconclusive": "Undecided",
    "not testable here": "Not testable here",
    "not run": "Not run",
}


def verdicts(results: Results, claims: Iterable[Claim] = ()) -> Prose:
    """The claims of a study as its run judges them: one condition a row, the deciding one in bold; then each in a sentence.

    `claims` adds the paper's own numbers.
    """
    published = {claim.id: claim.published.text for claim in claims if claim.published}
    rows = [row for found in results.claims for row in _rows(found, published.get(found.id))]
    columns: dict[str, Column] = {"id": "Claim", "verdict": "Verdict", "quantity": "Quantity", "own": "Estimate"}
    columns |= {"bound": "Bound", "negative": "Negative control", "positive": "Positive control"}
    columns |= {"scaled": ("On the scale between them", ".2f"), "n": "n"}
    columns |= {"published": "The paper's own number"} if published else {}
    words = "\n".join(f"- **{found.id}.** {found.sentence()} {found.note}".rstrip() for found in results.claims)
    return Prose(f"{table(rows, columns).markdown}\n{words}\n")


def answer(results: Results, what: Mapping[str, str]) -> Prose:
    """What came out, a paragraph per verdict: claims in words with the number that decided each; reasons are given once.

    `what` says each claim in words that begin with "that", by its id.
    """
    paragraphs = []
    for verdict, head in HEADS.items():
        told: dict[str, list[str]] = {}
        for found in results.claims:
            if found.verdict == verdict:
                told.setdefault(found.reason, []).append(f"{what[found.id]} ({found.id}{_number(found)})")
        parts = ["; ".join(words) + (f", because {reason}" if reason else "") for reason, words in told.items()]
        paragraphs += [f"**{head}:** {'; '.join(parts)}."] if parts else []
    return Prose("\n\n".join(paragraphs))


def _number(found: Finding) -> str:
    deciding = found.deciding
    if deciding is None or found.reason:
        return ""
    return f": {show(deciding.own)}, bound {deciding.smallest:g}".replace("-", "−")


def _rows(found: Finding, published: str | None) -> list[Row]:
    first = {"id": found.id, "verdict": f"**{found.verdict}**", "published": published}
    if not found.conditions:
        return [first]
    rows: list[Row] = []
    for condition in found.conditions:
        decides = condition.name == found.decided_by and len(found.conditions) > 1
        rows.append(
            {
                "quantity": f"**{condition.quantity}**" if decides else condition.quantity,
                "own": show(condition.own),
                "bound": f"{condition.smallest:g}".replace("-", "−"),
                "negative": show(condition.negative),
                "positive": show(condition.positive),
                "scaled": condition.scaled,
                "n": f"{found.n:,} {found.unit}",
            }
        )
    rows[0] |= first
    return rows
