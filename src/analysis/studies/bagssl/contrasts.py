"""What was measured, with its bootstrap draws, and means and differences of it over encoders."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analysis.stats import Estimate, estimate
from analysis.studies.bagssl.roles import Role

Array = np.ndarray
Key = tuple[str, str, str]  # quantity, encoder, cell
PROBES = ("linear", "knn")
TRUE, SHUFFLED, UNLIKE = "true", "shuffled", "two different kinds"  # patches, and pairs of their kinds
COSINES = {
    "mismatched": "other images",
    "first": "own image first",
    "raw": "without centring",
    "raw_mismatched": "without centring, other images",
}
WHOLE, VIEWS, GRID = "whole", "views", "grid"


def bag(side: int) -> str:
    """The cell of the mean over patches of `side` px."""
    return f"bag {side}"


def central(side: int) -> str:
    """The cell of the one patch of `side` px in the middle."""
    return f"centre {side}"


class Contrasts:
    """Means and differences; draws of one quantity are of the same test images for every encoder, so they are paired."""

    def __init__(self, draws: Mapping[Key, Array], roles: Mapping[str, Role], level: float) -> None:
        """`draws`: (quantity, encoder, cell) -> value, then its draws: (1 + B,)."""
        self.draws, self.roles, self.level = draws, roles, level

    def mean(self, quantity: str, encoders: Iterable[str], cell: str) -> Array | None:
        """Mean over encoders, (1 + B,); None where it was measured for none of them."""
        found = [self.draws[key] for name in encoders if (key := (quantity, name, cell)) in self.draws]
        return np.mean(found, axis=0) if found else None

    def average(self, keys: Sequence[Key]) -> Array | None:
        """Mean over keys, (1 + B,); None unless all were measured."""
        return np.mean([self.draws[key] for key in keys], axis=0) if keys and {*keys} <= self.draws.keys() else None

    def gap(self, first: Sequence[Key], second: Sequence[Key]) -> Array | None:
        """Mean over pairs of keys of the first less the second, (1 + B,); None unless all were measured."""
        ours, theirs = self.average(first), self.average(second)
        return None if ours is None or theirs is None or len(first) != len(second) else ours - theirs

    def estimate(self, values: Array) -> Estimate:
        """Value and interval."""
        return estimate(values[0], values[1:], self.level)

    def untrained(self, encoders: Iterable[str]) -> list[str]:
        """For each encoder the untrained one from the same place, so of the same architecture; where there is one."""
        found = {name.partition(":")[0]: name for name, role in self.roles.items() if role.supervision == "none"}
        return [found[place] for name in encoders if (place := name.partition(":")[0]) in found]

    def multi_scale(self) -> list[str]:
        """Encoders trained without labels, by joint embedding, on crops of many sizes."""
        return [name for name, role in self.roles.items() if role.joint and role.patch is None]

    def labelled(self, side: int) -> list[str]:
        """Encoders trained with labels on patches of `side` px."""
        return [name for name, role in self.roles.items() if role.supervision == "labels" and role.patch == side]
