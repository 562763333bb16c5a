"""How every study tells its verdicts: in a table, each as a sentence below it, and all in one paragraph per verdict."""

from collections.abc import Iterable, Mapping

from analysis.prose import Column, Prose, folded, show, table
from analysis.results import Results, Row
from analysis.rules import Claim, Finding, Judged

HEADS = {
    "supported": "Supported",
    "not supported": "Not supported",
    "inconclusive": "Undecided",
    "not testable here": "Not testable here",
    "not run": "Not run",
}


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
    """The number that decided, after the name of its quantity where that is not the headline's."""
    deciding = found.deciding
    if deciding is None or found.reason:
        return ""
    name = "" if deciding is found.conditions[0] else f"{deciding.quantity} "
    return f": {name}{show(deciding.own)}, bound {_bound(deciding)}"


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
    return f"{condition.smallest:g}".replace("-", "−")
