"""One encoder on one data set that is segmented: what every probe of few-shot segmentation works with.

Quantities are kept as draws under (`segmentation`, data set, encoder, setting).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from analysis.encoders.base import Encoder
from analysis.neighbours import Metric
from analysis.studies.local_vit import transforms, variance
from analysis.studies.local_vit.frames import Few
from analysis.studies.local_vit.measured import Tokens
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.segmentation import Bank, by_neighbour, confusion, fit_linear, miou_draws
from analysis.studies.local_vit.transforms import Drop, FeatureTransform

Array = np.ndarray
NONE = transforms.FeatureTransform(slice(None))


@dataclass(frozen=True)
class Task:
    """A data set ready to be segmented: images, true pixel counts per patch of bank and test, weights of test images."""

    name: str
    few: Few
    bank_counts: Array
    test_counts: Array
    weights: Array


@dataclass(frozen=True)
class Cell:
    """One encoder on one task: its tokens of all bank images (n, h, w, d), its bank proper, and its queries (n, h, w, d)."""

    measured: Tokens
    params: LocalVit
    task: Task
    encoder: Encoder
    grids: Array
    bank: Bank
    queries: Array

    @property
    def where(self) -> dict[str, str]:
        """The first columns of every row."""
        return {"dataset": self.task.name, "encoder": self.encoder.name}

    @property
    def m(self) -> int:
        """How many dimensions are removed where nothing else is said."""
        return variance.count(self.bank.features.shape[1], self.params.removed)

    def key(self, setting: str) -> tuple[str, ...]:
        """Where the draws of a setting are kept."""
        return "segmentation", self.task.name, self.encoder.name, setting

    def score(self, predicted: Array) -> Array:
        """mIoU of patch labels (n, h, w) with its draws, (1 + B,)."""
        return miou_draws(confusion(predicted, self.task.test_counts), self.task.weights)

    def neighbour(self, transform: FeatureTransform, metric: Metric = "ip") -> Array:
        """mIoU of the nearest patch under a transform, with its draws."""
        return self.score(by_neighbour(self.bank, self.queries, transform, metric, self.encoder.device.type))

    def without(self, which: Drop, m: int, metric: Metric = "ip", seed: int = 0) -> Array:
        """mIoU of the nearest patch without m dimensions."""
        return self.neighbour(transforms.drop(which, self.bank.features, m, seed), metric)

    def fit(self, transform: FeatureTransform = NONE, strength: float | None = None) -> Array:
        """mIoU of a linear probe on transformed features, standardised, with its draws."""
        head = fit_linear(self.bank.after(transform), seed=self.params.seed, strength=strength)
        return self.score(head(transform(self.queries)))

    def after(self, change: Callable[[Array], Array]) -> "Cell":
        """The same with all tokens changed."""
        return replace(self, bank=self.bank.after(change), queries=change(self.queries))
