"""What a run of the study has measured: rows and draws as in every study, the representations drawn from, and pictures."""

from dataclasses import dataclass, field

import numpy as np

from analysis.decoders.conditions import Condition
from analysis.encoders.facts import facts
from analysis.results import Row
from analysis.studies import base

Array = np.ndarray
Key = base.Key
NULL, LABEL, THUMBNAIL, SHUFFLED = "null", "label", "thumbnail", "shuffled"
REAL, BLURRED, PIXELS = "real", "blurred", "pixels"
AVERAGED = " averaged"  # behind the name of a backbone: its mean over all changes of an image


@dataclass
class Measured(base.Measured):
    """Draws are under (quantity, condition or encoder, further words).

    Attributes:
        taps: the conditions of the run.
        compared: representations of further encoders, which are not drawn.
        pictures: panel -> column heading -> images (k, s, s, 3) uint8, in order.
        stale: encoder -> why the decoder's word on it counts for nothing.
    """

    taps: tuple[Condition, ...] = ()
    compared: tuple[Condition, ...] = ()
    pictures: dict[str, dict[str, Array]] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)

    def interval(self, values: Array, prefix: str = "") -> Row:
        """Value and interval of draws (1 + B,) as columns of a row: `PREFIX`, `PREFIX_low`, `PREFIX_high`, or without one."""
        found = vars(self.estimate(values))
        return {f"{prefix}_{name}" if name != "value" else prefix: value for name, value in found.items()} if prefix else found

    def conditions(self, supervision: str, tap: str) -> list[str]:
        """Names of the conditions on `tap` of encoders so trained, with the map; the shuffled one is none of them."""
        return [
            c.name
            for c in self.taps
            if c.encoder and c.tap == tap and c.spatial and not c.shuffled and facts(c.encoder).supervision == supervision
        ]

    def encoder(self, name: str) -> str:
        """The encoder behind a condition."""
        return next(c.encoder for c in (*self.taps, *self.compared) if c.name == name)

    def projector(self, backbone: str) -> str | None:
        """The condition on the projector of the same encoder, if the decoder knows it."""
        own = self.encoder(backbone)
        return next((name for name in self.conditions("self", "projector") if self.encoder(name) == own), None)

    def families(self) -> dict[str, list[str]]:
        """Families of conditions that figures compare -> their conditions; those that the run does not have are left out."""
        found = {
            **{f"self-supervised, {tap}": self.conditions("self", tap) for tap in ("backbone", "hidden", "projector")},
            "supervised": self.conditions("labels", "backbone"),
            "untrained": self.conditions("none", "backbone"),
        }
        controls = {name: [name] for name in (THUMBNAIL, SHUFFLED, NULL) if name in {c.name for c in self.taps}}
        return {name: names for name, names in {**found, **controls}.items() if names}
