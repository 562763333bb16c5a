"""What the study measures, by names, and who of a run belongs to a claim."""

from dataclasses import dataclass, field

import numpy as np

from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.roles import Role
from analysis.studies.base import Measured

Array = np.ndarray
PROBES = ("linear", "knn")
TRUE, SHUFFLED, UNLIKE = "true", "shuffled", "two different kinds"  # patches, and pairs of their kinds
WHOLE, VIEWS = "whole", "views"
GRID, DISJOINT = "grid", "disjoint"  # patches a fourth of their side apart, and side by side
PLANTED, NOISY = "planted codes", "planted noise"  # positive controls of B4 and B5


def bag(side: int) -> str:
    """The cell of the mean over patches of `side` px."""
    return f"bag {side}"


def central(side: int) -> str:
    """The cell of the one patch of `side` px in the middle."""
    return f"centre {side}"


@dataclass
class Bags(Measured):
    """Quantities by (name, encoder, cell), and the encoders by their roles.

    Attributes:
        optimum: of B6, what the loss itself would reach; None without images of Scenes.
        gap: of B6, the largest departure from the identity of the two losses.
    """

    roles: dict[str, Role] = field(default_factory=dict)
    optimum: float | None = None
    gap: float = 0.0

    @classmethod
    def of(cls, params: BagSSL, roles: dict[str, Role] | None = None) -> "Bags":
        """Nothing measured yet."""
        return cls(params.seed, params.n_bootstrap, params.level, roles=roles or {})

    def multi_scale(self) -> list[str]:
        """Encoders trained without labels, by joint embedding, on crops of many sizes."""
        return [name for name, role in self.roles.items() if role.aligning and role.patch is None]

    def with_untrained(self, names: list[str]) -> dict[str, str]:
        """Those of `names` whose untrained copy is in the run -> that copy."""
        return {name: copy for name in names if (copy := self.roles[name].untrained) is not None}
