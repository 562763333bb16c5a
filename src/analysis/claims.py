"""What a claim is, and what a run may say about it. The rules live with their study and are fixed in code."""

from dataclasses import dataclass, replace
from typing import Literal

from analysis.stats import Estimate

Verdict = Literal["supported", "not supported", "inconclusive", "not tested"]


@dataclass(frozen=True)
class Claim:
    """A measurable sentence of a paper, with the rule that will judge it."""

    id: str
    study: str
    statement: str
    quantity: str
    control: str
    rule: str


@dataclass(frozen=True)
class Finding:
    """What one run measured for one claim.

    Attributes:
        id: of the claim.
        estimate: the quantity, with interval (low, high) at the run's level.
        control_value: the same quantity on the control, with its interval.
        n: images (per data set) behind it; `draws` bootstrap draws.
        note: what a reader must know, in one or two sentences.
    """

    id: str
    verdict: Verdict
    estimate: float | None
    low: float | None
    high: float | None
    control_value: float | None
    control_low: float | None
    control_high: float | None
    n: int
    draws: int
    note: str = ""


def finding(id_: str, verdict: Verdict, found: Estimate, control: Estimate | None, note: str) -> Finding:
    """What was found for a claim that was tested; the study fills in how much lies behind it."""
    c = control or Estimate(float("nan"), float("nan"), float("nan"))
    return Finding(id_, verdict, found.value, found.low, found.high, c.value, c.low, c.high, 0, 0, note)


def untested(id_: str, why: str) -> Finding:
    """What is said of a claim that this run cannot test."""
    return Finding(id_, "not tested", None, None, None, None, None, None, 0, 0, why)


def sized(found: Finding, n: int, draws: int) -> Finding:
    """The finding with the images (per data set) and bootstrap draws behind it."""
    return replace(found, n=n, draws=draws)


def signed(found: Estimate) -> str:
    """A difference and its interval, for a note."""
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]".replace("-", "−")
