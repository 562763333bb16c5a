"""What a claim is, and what a run may say about it. The rules live with their study and are fixed in code."""

from dataclasses import dataclass
from typing import Literal

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
