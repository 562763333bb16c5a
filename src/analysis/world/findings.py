"""What must hold of the world if the studies are to stand on it. The rules were fixed before any number was seen."""

from collections.abc import Mapping

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
        f"Accuracy of the best trained encoder minus that of pixels: interval above {APART}.",
    ),
    "untrained": (
        "Learning shows.",
        f"Accuracy of the best trained encoder minus that of the untrained one: interval above {APART}.",
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
        "best trained encoder: interval above 0.",
    ),
}


def judge(found: Mapping[str, Estimate], bounds: Mapping[str, tuple[float, float]], sizes: Mapping[str, int]) -> list[Row]:
    """A row per rule: the estimate, its interval, and whether the rule holds, does not, or is open.

    `bounds` say between which numbers an interval must lie; in `correlated` and `broken`, the number that it must hold. What
    has no estimate was not tested.
    """
    return [
        {
            "id": id_, "statement": statement, "rule": rule, **_values(found.get(id_)),
            "state": _state(id_, found[id_], bounds[id_]) if id_ in found else "not tested", "n": sizes.get(id_),
        }
        for id_, (statement, rule) in RULES.items()
    ]  # fmt: skip


def _values(found: Estimate | None) -> Row:
    return {"value": None, "low": None, "high": None} if found is None else vars(found)


def _state(id_: str, found: Estimate, bounds: tuple[float, float]) -> str:
    low, high = bounds
    if id_ in ("correlated", "broken"):
        return "holds" if found.low <= low <= found.high else "does not hold"
    if found.above(low) and found.below(high):
        return "holds"
    return "does not hold" if found.below(low) or found.above(high) else "open"
