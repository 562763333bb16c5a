"""How every study ends: the table of its verdicts, each as a sentence below it, and the answer in one sentence."""

from collections.abc import Iterable, Mapping

from analysis.prose import Column, Prose, say, show, table
from analysis.results import Results, Row
from analysis.rules import Claim, Finding

SAID = {
    "supported": "is supported",
    "not supported": "is not supported",
    "inconclusive": "cannot be decided from this run",
    "not testable here": "cannot be tested here",
    "not run": "was not tested by this run",
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
    """The last words of a page; `what` says each claim in words that go on from "the claim", by its id."""
    parts = [f"{what[claim.id]} ({claim.id}) {SAID[claim.verdict]}" for claim in results.claims]
    return say(f"**Answer.** The claim {'; the claim '.join(parts)}.")


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
