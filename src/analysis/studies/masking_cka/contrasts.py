"""Differences of measured quantities, and which data sets of a run decide."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analysis.stats import Estimate
from analysis.studies.base import Measured
from analysis.studies.masking_cka.masks import COMPLETE
from analysis.studies.masking_cka.params import MaskingCka
from analysis.studies.masking_cka.stimuli import ARMS, PARTS

Array = np.ndarray
Pair = tuple[str, str]
LEAST_IMAGES = 40  # independent ones: a data set with fewer is shown and decides nothing, for its interval holds any bound


class Contrasts:
    """Differences of measured quantities, each (1 + B,)."""

    def __init__(self, measured: Measured, params: MaskingCka, silent: Mapping[str, str] | None = None) -> None:
        """`silent`: data sets that decide nothing, each with the reason."""
        self.measured, self.params, self.fill = measured, params, params.fills[0]
        here = {(dataset, a) for _, dataset, _, _, a, _ in measured.draws}
        self.masked = [d for d in params.datasets if (d, "object") in here]
        self.bare = [d for d in params.datasets if d not in self.masked]
        images = {row["dataset"]: row["clusters"] for row in measured.tables["samples"] if row["dataset"] in self.masked}
        self.clusters = images
        few = {d: f"{n} independent images, fewer than {LEAST_IMAGES}" for d, n in images.items() if n < LEAST_IMAGES}
        self.silent = few | dict(silent or {})

    @property
    def judged(self) -> list[str]:
        """The data sets with masks that decide."""
        return [d for d in self.masked if d not in self.silent]

    @property
    def images(self) -> int:
        """Independent images of the smallest of them."""
        return min((self.clusters[d] for d in self.judged), default=0)

    def of(self, kind: str, dataset: str, encoder: str, fill: str, pair: Pair) -> Array:
        """A quantity of a pair of variants; `kind`: `cka` or `overlap`."""
        return self.measured.draws[kind, dataset, encoder, fill, *pair]

    def separation(self, kind: str, dataset: str, encoder: str, fill: str) -> Array:
        """Of region and rest minus of object and background: above 0 the object's outline parts what is less alike."""
        own, region = (self.of(kind, dataset, encoder, fill, pair) for pair in PARTS)
        return region - own

    def reliance(self, dataset: str, encoder: str, fill: str, arm: str = "true") -> Array:
        """CKA(complete, object) - CKA(complete, background)."""
        kept, removed = (self.of("cka", dataset, encoder, fill, (COMPLETE, part)) for part in ARMS[arm])
        return kept - removed

    def lost(self, dataset: str, encoder: str, variants: Iterable[str]) -> Array:
        """What CKA with the complete image loses by each of these variants, their mean."""
        return 1 - np.mean([self.of("cka", dataset, encoder, self.fill, (COMPLETE, v)) for v in variants], axis=0)

    def cells(self, datasets: Sequence[str] | None = None) -> list[tuple[str, str]]:
        """Every data set (by default, that decides; all with masks, if none does), under every fill."""
        return [(dataset, fill) for dataset in datasets or self.judged or self.masked for fill in self.params.fills]

    def across(self, values: Iterable[Array], comparisons: int = 1) -> Estimate:
        """Mean of quantities, with the interval that spans the intervals of all: what is said of it holds for each."""
        every = [self.measured.estimate(v, comparisons) for v in values]
        mean = float(np.mean([e.value for e in every]))
        return Estimate(mean, float(np.min([e.low for e in every])), float(np.max([e.high for e in every])))
