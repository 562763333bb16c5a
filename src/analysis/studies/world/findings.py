"""What must hold of the world if the studies are to stand on it, as rules."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.results import Row
from analysis.stats import Estimate

LOW, HIGH = 0.6, 0.9  # a linear probe on a good encoder: neither hopeless nor saturated
APART = 0.1  # the least difference in accuracy that we would call clear

RULES: dict[str, tuple[str, str]] = {
    "hard": (
        "Classes are hard, and not too hard.",
        f"Linear-probe accuracy of the best trained encoder: interval within {LOW} and {HIGH}.",
    ),
    "pixels": (
        "Pixels do not tell the class.",
        f"Accuracy of the best encoder trained without labels minus that of pixels: interval above {APART}.",
    ),
    "untrained": (
        "Learning shows.",
        f"Accuracy of the best encoder trained without labels minus that of the untrained one: interval above {APART}.",
    ),
    "confusable": (
        "Classes are confused in known ways.",
        "Share of the errors of the best trained encoder that fall on a class with species, part or coat in common: interval "
        "above 97.5 % of the null.",
    ),
    "correlated": (
        "Grounds go with classes in training.",
        "Counted share of images on the family of their class, in the training images of `context`: interval holds 0.9.",
    ),
    "broken": (
        "And not in the test.",
        "The same share in the test images: interval holds one in sixteen.",
    ),
    "misleads": (
        "A probe that met the correlation relies on it.",
        "Accuracy lost on the same creatures when it is broken: by a probe fitted on `context` minus by one on `objects`, "
        "best encoder trained without labels: interval above 0.",
    ),
}


@dataclass(frozen=True)
class Asked:
    """An estimate over `n` images and the numbers between which its interval must lie; where both are one, it must hold it."""

    found: Estimate
    low: float
    high: float
    n: int


def judge(asked: Mapping[str, Asked]) -> list[Row]:
    """A row per rule: the estimate, its interval, and whether the rule holds, does not, or is open; else it was not tested."""
    rows = []
    for id_, (statement, rule) in RULES.items():
        row: Row = {"id": id_, "statement": statement, "rule": rule, "value": None, "low": None, "high": None}
        if id_ in asked:
            row |= vars(asked[id_].found)
        rows.append({**row, "state": _state(asked.get(id_)), "n": asked[id_].n if id_ in asked else None})
    return rows


def _state(asked: Asked | None) -> str:
    if asked is None:
        return "not tested"
    found = asked.found
    if asked.low == asked.high:
        return "holds" if found.low <= asked.low <= found.high else "does not hold"
    if found.above(asked.low) and found.below(asked.high):
        return "holds"
    return "does not hold" if found.below(asked.low) or found.above(asked.high) else "open"
