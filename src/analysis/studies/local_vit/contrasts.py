"""What was measured, with its bootstrap draws, and differences of it between encoders, families and settings."""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.stats import Estimate, estimate

Array = np.ndarray
Key = tuple[str, str, str, str]  # probe, data set, encoder, cell
Draws = Mapping[Key, Array]  # value, then its draws: (1 + B,)

AS_THEY_COME, COSINE, COMMON = "none/ip", "none/cosine", "standardise/cosine"
WITHOUT_TOP, WITHOUT_RANDOM = "top/ip", "random/ip"
DISTILLED, MASKED = ("dino", "dinov2", "ibot"), ("mae", "simmim", "scale-mae")
_METHODS = ("conv4", "scale-mae", "simmim", "mae", "dinov2", "ibot", "dino", "untrained", "supervised")


def method(title: str) -> str:
    """The method behind an encoder's title; `other` where it is none of those the claims speak of.

    They speak of transformers: a Conv4 is one kind, however it was trained.
    """
    return next((word for word in _METHODS if word in title.lower()), "other")


class Contrasts:
    """Differences of measured values; draws of one data set are of the same images for every encoder, so they are paired."""

    def __init__(self, draws: Draws, titles: Mapping[str, str], level: float, left_out: Sequence[str] = ()) -> None:
        """`left_out`: encoders that are shown but are no evidence about their method."""
        self.draws, self.titles, self.level, self.left_out = draws, titles, level, left_out

    def encoders(self, methods: Sequence[str]) -> list[str]:
        """The encoders of the run trained by any of `methods`, in the order of the run, without those left out."""
        return [name for name, title in self.titles.items() if method(title) in methods and name not in self.left_out]

    def datasets(self, probe: str) -> list[str]:
        """The data sets on which `probe` was measured."""
        return list(dict.fromkeys(dataset for found, dataset, _, _ in self.draws if found == probe))

    def mean(self, probe: str, encoders: Sequence[str], cell: str, dataset: str | None = None) -> Array | None:
        """Mean over encoders, and over data sets unless one is named: (1 + B,); None where nothing was measured."""
        sets = [dataset] if dataset else self.datasets(probe)
        found = [self.draws[key] for d in sets for e in encoders if (key := (probe, d, e, cell)) in self.draws]
        return np.mean(found, axis=0) if found else None

    def gap(self, probe: str, cell: str, dataset: str | None = None) -> Array | None:
        """Mean over the distilled encoders less mean over the masked ones."""
        ours, theirs = (self.mean(probe, self.encoders(family), cell, dataset) for family in (DISTILLED, MASKED))
        return None if ours is None or theirs is None else ours - theirs

    def gain(self, encoders: Sequence[str], cell: str, probe: str = "knn", base: str = AS_THEY_COME) -> Array | None:
        """What a setting gives over features as they come."""
        changed, bare = self.mean(probe, encoders, cell), self.mean(probe, encoders, base)
        return None if changed is None or bare is None else changed - bare

    def estimate(self, values: Array, comparisons: int = 1) -> Estimate:
        """Value and interval."""
        return estimate(values[0], values[1:], self.level, comparisons)
