"""Images to find features on and other images to judge them by."""

from dataclasses import dataclass, field

import numpy as np

from analysis import datasets
from analysis.encoders.facts import facts
from analysis.studies.qscore.activity import Array
from analysis.training.data import scenes


@dataclass(frozen=True)
class Split:
    """Images and classes, in two halves.

    Attributes:
        x, labels: training images (n, s, s, 3) uint8 and their classes: D, percentiles and probes come from these.
        y, truth: other images and their classes: everything is judged on these.
        clusters: of y, what is independent; by default each image.
    """

    x: Array
    labels: Array
    y: Array
    truth: Array
    clusters: Array = field(default_factory=lambda: np.empty(0, int))

    def __post_init__(self) -> None:
        if not len(self.clusters):
            object.__setattr__(self, "clusters", np.arange(len(self.y)))


def size_for(dataset: str, encoders: tuple[str, ...]) -> int:
    """Side in px at which images are loaded: 64 where they have no more, else what the largest encoder takes."""
    small = dataset.startswith("scenes:") or dataset == "tiny-imagenet"
    return 64 if small else max(facts(name).size for name in encoders)


def split(dataset: str, size: int, n_train: int, n_test: int, seed: int) -> Split:
    """Both halves of a data set, n images at most of each.

    Raises:
        UserError, MissingFile: as `datasets.load`.
    """
    if dataset == "scenes:objects" and seed == 0:
        (x, labels), (y, truth) = scenes(n_train, "train"), scenes(n_test, "test")  # in the cache, for the encoders
        return Split(x, labels, y, truth)
    first, second = (
        datasets.load(dataset, size=size, n=n, seed=seed, split=name) for n, name in ((n_train, "train"), (n_test, "test"))
    )
    return Split(first.images, first.labels, second.images, second.labels, second.clusters)
