"""What was measured, with its bootstrap draws, and means and differences of it over families of conditions."""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.decoders.conditions import Condition
from analysis.stats import Estimate, estimate

Array = np.ndarray
Key = tuple[str, ...]  # quantity, condition or encoder, and further words
Draws = Mapping[Key, Array]  # value, then its draws: (1 + B,)
NULL, LABEL, THUMBNAIL, SHUFFLED = "null", "label", "thumbnail", "shuffled"


class Contrasts:
    """Means over conditions; draws are of the same images for every condition, so differences are paired."""

    def __init__(self, draws: Draws, taps: Sequence[Condition], supervision: Mapping[str, str], level: float) -> None:
        """`supervision`: encoder -> `self`, `labels` or `none` (untrained)."""
        self.draws, self.taps, self.supervision, self.level = draws, taps, supervision, level

    def conditions(self, supervision: str, tap: str) -> list[str]:
        """Names of the conditions on `tap` of encoders so trained, with the map; the shuffled one is none of them."""
        return [
            c.name
            for c in self.taps
            if c.encoder and c.tap == tap and c.spatial and not c.shuffled and self.supervision[c.encoder] == supervision
        ]

    def families(self) -> dict[str, list[str]]:
        """Families of conditions that figures compare -> their conditions; those that the run does not have are left out."""
        found = {
            **{f"self-supervised, {tap}": self.conditions("self", tap) for tap in ("backbone", "hidden", "projector")},
            "supervised": self.conditions("labels", "backbone"),
            "untrained": self.conditions("none", "backbone"),
        }
        controls = {name: [name] for name in (THUMBNAIL, SHUFFLED, NULL) if name in {c.name for c in self.taps}}
        return {name: names for name, names in {**found, **controls}.items() if names}

    def mean(self, quantity: str, names: Sequence[str], further: Sequence[Key] = ((),)) -> Array | None:
        """Mean over conditions or encoders, and over further words: (1 + B,); None where nothing was measured."""
        keys = [(quantity, name, *words) for name in names for words in further]
        found = [self.draws[key] for key in keys if key in self.draws]
        return np.mean(found, axis=0) if found else None

    def estimate(self, values: Array) -> Estimate:
        """Value and interval."""
        return estimate(values[0], values[1:], self.level)
