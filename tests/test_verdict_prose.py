"""Verdicts in plain words: every claim has them, and the number in a sentence is the one that the sentence speaks of."""

import re

import pytest

from analysis.ledger import LEDGER
from analysis.prose import show
from analysis.results import Results
from analysis.rules import Claim, Condition, Evidence, Rule, Said, judge
from analysis.stats import Estimate
from analysis.verdict_prose import answer, plain

NO, YES = Estimate(0.0, -0.01, 0.01), Estimate(0.9, 0.8, 1.0)
OPEN = Estimate(0.5, 0.2, 0.8)


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_every_claim_is_said_in_plain_words_whatever_decides_it(claim: Claim) -> None:
    assert claim.said is not None
    assert set(claim.said.no) == {condition.name for condition in claim.rule.conditions}
    for sentence in (claim.said.yes, *claim.said.no.values()):
        assert re.fullmatch(r"[A-Z].*\{\}\)\.", sentence), "one sentence that ends with its number in brackets"
        assert sentence.count("{}") == 1
        assert len(sentence) < 240
    assert len({claim.said.yes, *claim.said.no.values()}) == 1 + len(claim.said.no)
    assert not claim.said.whether.endswith((".", "?"))


def claim(combine: str = "all") -> Claim:
    parts = tuple(Condition(name, f"{name} of it", 0.3, "a reason") for name in ("size", "speed"))
    said = Said(
        "it is large and fast", "It is large (by {}).", {"size": "It is small (by {}).", "speed": "It is slow (by {})."}
    )
    return Claim("X1", "demo", "It is large and fast.", Rule(parts, "nothing", "all", combine), said=said)  # type: ignore[arg-type]


def judged(size: Estimate, speed: Estimate, of: Claim, unmet: tuple[str, ...] = ()) -> Results:
    sides = ({"size": a, "speed": b} for a, b in ((size, speed), (NO, NO), (YES, YES)))
    found = judge(of, Evidence(*sides, n=9, unit="things", unmet=unmet))
    return Results("demo", "x", "x", {}, claims=[found])


FAST, LARGE = Estimate(0.45, 0.4, 0.5), Estimate(0.7, 0.6, 0.8)


@pytest.mark.parametrize(
    ("size", "speed", "combine", "sentence", "number"),
    [
        (LARGE, FAST, "all", "It is large", LARGE),  # the headline speaks, though speed is nearer to its bound
        (NO, FAST, "all", "It is small", NO),
        (LARGE, NO, "all", "It is slow", NO),
        (NO, FAST, "any", "It is large", FAST),  # where any may hold, what held speaks
    ],
)
def test_the_sentence_has_the_number_of_what_it_speaks_of(
    size: Estimate, speed: Estimate, combine: str, sentence: str, number: Estimate
) -> None:
    of = claim(combine)
    (found,) = judged(size, speed, of).claims
    assert plain(found, of) == f"{sentence} (by {show(number)}, bound 0.3)."


def test_the_answer_says_what_is_so_and_of_the_rest_what_was_asked_and_why() -> None:
    of = claim()
    assert answer(judged(LARGE, FAST, of), [of]).markdown.startswith("**Supported.**\n- **X1** It is large (by ")
    assert answer(judged(LARGE, OPEN, of), [of]).markdown == "**Undecided.** Whether it is large and fast (X1)."
    told = answer(judged(LARGE, FAST, of, unmet=("nobody looked",)), [of]).markdown
    assert told == "**Not testable here.** Whether it is large and fast (X1), because nobody looked."


def test_a_claim_without_plain_words_is_said_in_its_own() -> None:
    of = Claim("X1", "demo", "It is large and fast.", claim().rule)
    (yes,), (no,) = judged(LARGE, FAST, of).claims, judged(NO, FAST, of).claims
    assert (plain(yes, of), plain(no, of)) == ("It is large and fast.", "Not so: It is large and fast.")
    assert answer(judged(LARGE, OPEN, of), [of]).markdown == "**Undecided.** “It is large and fast” (X1)."
