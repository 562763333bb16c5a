"""The one engine of verdicts: a rule is data, `judge` applies it, `sentence` prints it. Studies only measure.

A claim is a quantity that must exceed a smallest effect of interest. Its whole interval above that effect: supported. Below:
not supported. Else inconclusive, and the finding says how many more units (images, encoders, seeds) would decide it. As in a
test of equivalence, one bound makes three verdicts that exclude each other.

A rule also proves in the same run that it can say no and yes: of its negative control, on which the claim is false by
construction, it must say *not supported*, of its positive control *supported*. A rule that fails this cannot judge, and the
claim is *not testable here*; so it is where a precondition fails (an encoder that learnt nothing).

A precondition may also be of one condition alone: what needs a faithful decoder says nothing without one, and what is measured
on representations does. A claim of several conditions that must all hold falls with any that is found below its bound; while
one of them cannot be tested, it cannot be supported.

>>> rule = Rule((Condition("gain", "accuracy gained by the treatment", 0.02, "a tenth of the range"),), "shuffled", "planted")
>>> claim = Claim("X1", "demo", "The treatment helps.", rule)
>>> no, yes = Estimate(0.0, -0.01, 0.01), Estimate(0.3, 0.2, 0.4)
>>> judge(claim, Evidence({"gain": Estimate(0.1, 0.05, 0.15)}, {"gain": no}, {"gain": yes}, n=100, unit="images")).verdict
'supported'
>>> judge(claim, Evidence({"gain": yes}, {"gain": yes}, {"gain": yes}, n=100, unit="images")).verdict
'not testable here'
"""

import math
from collections.abc import Container, Mapping
from dataclasses import field, replace
from typing import Any, Literal, get_args

from pydantic.dataclasses import dataclass

from analysis.prose import number, show, signed
from analysis.stats import Estimate

Verdict = Literal["supported", "not supported", "inconclusive", "not testable here", "not run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MOST_TIMES = 100  # as many units as there are; beyond, an inconclusive quantity is said to lie at its bound


@dataclass(frozen=True)
class Condition:
    """A quantity that must lie above `smallest`.

    Attributes:
        name: key of the quantity in `Evidence`.
        quantity: what is measured, in words with its unit, going on from "the".
        smallest: the smallest effect of interest, in that unit; negative where "not worse by more than" is claimed.
        reason: why it is that one, fixed before the quantity was seen.
        needs: what must hold before this quantity says anything, in words.
    """

    name: str
    quantity: str
    smallest: float
    reason: str
    needs: str = ""


@dataclass(frozen=True)
class Rule:
    """Conditions with their controls.

    Attributes:
        conditions: the first is the headline, whose estimate is shown first.
        negative, positive: what makes the claim false, and true, by construction.
        combine: whether `all` conditions must hold, or `any`; with `any` the study corrects the intervals for their number.
        preconditions: what must hold before anything can be said, in words.
    """

    conditions: tuple[Condition, ...]
    negative: str
    positive: str
    combine: Literal["all", "any"] = "all"
    preconditions: tuple[str, ...] = ()

    def verdict(self, estimates: Mapping[str, Estimate], withheld: Container[str] = ()) -> Verdict:
        """What the conditions alone say of `estimates`, by condition name; those `withheld` cannot be tested.

        A verdict that a withheld condition could still turn is *not testable here*.
        """
        states = [
            "not testable here" if condition.name in withheld else state(estimates[condition.name], condition.smallest)
            for condition in self.conditions
        ]
        yes, no = (all, any) if self.combine == "all" else (any, all)
        if yes(s == "supported" for s in states):
            return "supported"
        if no(s == "not supported" for s in states):
            return "not supported"
        return "not testable here" if "not testable here" in states else "inconclusive"

    def tells(self, negative: Mapping[str, Estimate], positive: Mapping[str, Estimate]) -> bool:
        """Whether the conditions say no of the negative control and yes of the positive one."""
        return self.verdict(negative) == "not supported" and self.verdict(positive) == "supported"

    def testable(self, withheld: Container[str]) -> "Rule | None":
        """The same rule without the conditions that cannot be tested, by which controls are judged; None if none is left."""
        left = tuple(c for c in self.conditions if c.name not in withheld)
        return replace(self, conditions=left) if left else None

    def sentence(self) -> str:
        """The rule in words, from the same data that judges."""
        parts = [f"the {c.quantity} lies above {signed(f'{c.smallest:g}')} ({c.reason})" for c in self.conditions]
        above = (" and " if self.combine == "all" else " or ").join(parts)
        below = (
            "it lies below" if len(parts) == 1 else f"{'any' if self.combine == 'all' else 'each'} of them lies below its bound"
        )
        needs = dict.fromkeys(c.needs for c in self.conditions if c.needs)
        alone = [f"{n} (needed by the {'; '.join(c.quantity for c in self.conditions if c.needs == n)})" for n in needs]
        before = f" Before: {'; '.join((*self.preconditions, *alone))}." if self.preconditions or alone else ""
        return (
            f"Supported where {above}; not supported where {below}; inconclusive where the interval holds the "
            f"bound. Not testable where the same rule fails to say no of {self.negative} and yes of {self.positive}.{before}"
        )


@dataclass(frozen=True)
class Published:
    """The paper's own number for a claim.

    Attributes:
        text: the number with its unit and setting, as printed.
        source: table, figure or page of the paper.
        estimates: by condition, where the paper reports what the rule asks for; the same rule then judges them.
    """

    text: str
    source: str
    estimates: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """A claim in plain words, for readers who want to know what was found; `{}` takes a number.

    Attributes:
        whether: what is asked, going on from "whether".
        yes: what is so where the claim is supported, with the number of the headline (of what decided, where any may).
        no: by condition, what is so where that one lies below its bound, with its number.
    """

    whether: str
    yes: str
    no: Mapping[str, str]


@dataclass(frozen=True)
class Claim:
    """A measurable sentence of a paper, the rule that judges it, the paper's own number if it prints one, and plain words."""

    id: str
    study: str
    statement: str
    rule: Rule
    published: Published | None = None
    said: Said | None = None


@dataclass(frozen=True)
class Evidence:
    """What one run measured for one claim; every mapping is by condition name.

    Attributes:
        own, negative, positive: the quantities, on the subject of the claim and on both controls.
        n, unit: how many independent units the intervals resample, and what they are ("images").
        counts: by condition, where it is another number than `n`.
        unmet: preconditions that do not hold, each a reason that goes on from "because".
        withheld: by condition, why what it `needs` does not hold.
        note: what a reader must know beside, in one or two sentences.
    """

    own: Mapping[str, Estimate] = field(default_factory=dict)
    negative: Mapping[str, Estimate] = field(default_factory=dict)
    positive: Mapping[str, Estimate] = field(default_factory=dict)
    n: int = 0
    unit: str = "images"
    unmet: tuple[str, ...] = ()
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """One condition of a finding; `scaled`: the estimate where the negative control is 0 and the positive one 1."""

    name: str
    quantity: str
    smallest: float
    verdict: Verdict
    own: Estimate
    negative: Estimate
    positive: Estimate
    scaled: float | None


@dataclass(frozen=True)
class Finding:
    """The verdict of one run on one claim.

    Attributes:
        conditions: what was measured, the headline first; empty where nothing was.
        decided_by: name of the condition that settled the verdict, or left it open.
        needed: how many units would decide an inconclusive claim if the estimate stayed; None where no number would.
        reason: why it is not testable.
    """

    id: str
    verdict: Verdict
    conditions: tuple[Judged, ...] = ()
    decided_by: str = ""
    n: int = 0
    unit: str = "images"
    needed: int | None = None
    reason: str = ""
    note: str = ""

    @property
    def deciding(self) -> Judged | None:
        """The condition named by `decided_by`."""
        return next((c for c in self.conditions if c.name == self.decided_by), None)

    def sentence(self) -> str:
        """The finding in words."""
        d = self.deciding
        if d is None:
            return f"{_SAID[self.verdict]}{f' because {self.reason}' if self.reason else ''}."
        words = f"{_SAID[self.verdict]}: the {d.quantity} is {show(d.own)}, bound {number(d.smallest)}"
        words += f" (negative control {show(d.negative)}, positive {show(d.positive)}; n = {self.n:,} {self.unit})"
        if self.verdict == "not testable here":
            return f"{words}, because {self.reason}."
        return f"{words}; {self._more()}." if self.verdict == "inconclusive" else f"{words}."

    def _more(self) -> str:
        if self.deciding is not None and not math.isfinite(self.deciding.own.high - self.deciding.own.low):
            return f"of so few {self.unit} no interval can be told"
        if self.needed is None:
            return "it lies so close to the bound that more of them would hardly decide it"
        return f"about {self.needed:,} {self.unit} would decide it if the estimate stayed"


_SAID = {
    "supported": "Supported",
    "not supported": "Not supported",
    "inconclusive": "Inconclusive",
    "not testable here": "Not testable here",
    "not run": "Not run",
}


def state(estimate: Estimate, smallest: float) -> Verdict:
    """Above the bound, below it, or neither; an interval that is not finite decides nothing."""
    if estimate.low > smallest:
        return "supported"
    return "not supported" if estimate.high < smallest else "inconclusive"


def judge(claim: Claim, evidence: Evidence) -> Finding:
    """The verdict on `claim`: preconditions, then controls, then the quantity itself.

    Raises:
        KeyError: evidence without unmet preconditions lacks a condition's estimate, of its own or of a control.
    """
    rule = claim.rule
    if evidence.unmet:
        reason = "; ".join(evidence.unmet)
        measured = _judged(rule, evidence) if _complete(rule, evidence) else ()
        return Finding(
            claim.id, "not testable here", measured, n=evidence.n, unit=evidence.unit, reason=reason, note=evidence.note
        )
    conditions, verdict = _judged(rule, evidence), rule.verdict(evidence.own, evidence.withheld)
    left = rule.testable(evidence.withheld)
    no, yes = (left.verdict(side) if left else verdict for side in (evidence.negative, evidence.positive))
    reason = "; ".join(dict.fromkeys(evidence.withheld.values())) if verdict == "not testable here" else ""
    if left and no != "not supported":
        verdict, reason = "not testable here", f"the rule says {no} of its negative control, {rule.negative}"
    elif left and yes != "supported":
        verdict, reason = "not testable here", f"the rule says {yes} of its positive control, {rule.positive}"
    by = _deciding(rule, conditions, verdict)
    n = evidence.counts.get(by.name, evidence.n)
    needed = units_needed(by.own, by.smallest, n) if verdict == "inconclusive" else None
    return Finding(claim.id, verdict, conditions, by.name, n, evidence.unit, needed, reason, evidence.note)


def published_verdict(claim: Claim) -> Verdict:
    """What the rule says of the paper's own numbers, their controls apart; `not run` where the paper does not print them."""
    given = claim.published.estimates if claim.published else {}
    return claim.rule.verdict(given) if all(c.name in given for c in claim.rule.conditions) else "not run"


def units_needed(estimate: Estimate, smallest: float, n: int) -> int | None:
    """How many units would bring the interval clear of the bound: its half width falls as 1 / sqrt(n), the value stays."""
    distance = abs(estimate.value - smallest)
    half = estimate.value - estimate.low if estimate.value > smallest else estimate.high - estimate.value
    if not math.isfinite(half) or half <= 0 or distance == 0 or n < 1:
        return None
    ratio = half / distance
    return math.ceil(n * ratio**2) + 1 if ratio < math.sqrt(MOST_TIMES) else None


def load(content: Mapping[str, Any]) -> Finding:
    """A finding as `results.json` holds it, where infinity and NaN are null."""
    conditions = [
        {key: _numbers(value) if key in ("own", "negative", "positive") else value for key, value in condition.items()}
        for condition in content["conditions"]
    ]
    return Finding(**{**content, "conditions": conditions})


def _numbers(estimate: Mapping[str, float | None]) -> Estimate:
    return Estimate(**{key: math.nan if value is None else value for key, value in estimate.items()})


def _complete(rule: Rule, evidence: Evidence) -> bool:
    sides = (evidence.own, evidence.negative, evidence.positive)
    return all(condition.name in side for condition in rule.conditions for side in sides)


def _judged(rule: Rule, evidence: Evidence) -> tuple[Judged, ...]:
    found = []
    for c in rule.conditions:
        own, low, high = (side[c.name] for side in (evidence.own, evidence.negative, evidence.positive))
        span = high.value - low.value
        scaled = (own.value - low.value) / span if math.isfinite(span) and span else None
        verdict = "not testable here" if c.name in evidence.withheld else state(own, c.smallest)
        found.append(Judged(c.name, c.quantity, c.smallest, verdict, own, low, high, scaled))
    return tuple(found)


def _deciding(rule: Rule, conditions: tuple[Judged, ...], verdict: Verdict) -> Judged:
    """Of the conditions in the verdict's own state the one nearest to its bound (the weakest link); else the headline.

    Where any one condition settles the verdict it is the one farthest from its bound.
    """
    settled = [c for c in conditions if c.verdict == verdict]
    if not settled:
        return conditions[0]
    one_is_enough = verdict == ("not supported" if rule.combine == "all" else "supported")
    return (max if one_is_enough else min)(settled, key=_clearance)


def _clearance(condition: Judged) -> float:
    """Distance of the estimate from its bound, in half widths of its interval."""
    half = (condition.own.high - condition.own.low) / 2
    return abs(condition.own.value - condition.smallest) / half if half > 0 else math.inf
