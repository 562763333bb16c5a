"""How every study ends: the table of its verdicts, and the answer in one sentence."""

from collections.abc import Mapping

from analysis.prose import Column, Prose, say, table
from analysis.results import Results

SAID = {
    "supported": "is supported",
    "not supported": "is not supported",
    "inconclusive": "cannot be decided from this run",
    "not tested": "was not tested by this run",
}


def verdicts(results: Results) -> Prose:
    """The claims of a study as its run judges them."""
    columns: dict[str, Column] = {
        **{"id": "Claim", "verdict": "Verdict", "estimate": ("Estimate", ".3f")},
        **{"low": ("Low", ".3f"), "high": ("High", ".3f"), "control_value": ("Control", ".3f"), "note": "Note"},
    }
    return table([vars(claim) for claim in results.claims], columns)


def answer(results: Results, what: Mapping[str, str]) -> Prose:
    """The last words of a page; `what` says each claim in words that go on from "the claim", by its id."""
    parts = [f"{what[claim.id]} ({claim.id}) {SAID[claim.verdict]}" for claim in results.claims]
    return say(f"**Answer.** The claim {'; the claim '.join(parts)}.")
