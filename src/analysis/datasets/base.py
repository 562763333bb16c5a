"""The one data set type: images, labels, masks, a stable id per image, and what is independent of what."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from analysis.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """Images of one size with everything known about them.

    Attributes:
        name: the name it was loaded by, e.g. `scenes:objects`.
        images: (n, size, size, 3) uint8, RGB.
        labels: (n,) int64, indices into `classes`.
        ids: (n,) str, unique and stable across sizes, machines and subsets.
        classes: class names.
        masks: name -> (n, size, size). `foreground` and `part` are bool; `semantic` and `instance` are integer maps.
        factors: name -> (n, ...) further ground truth per image (pose, background family, boxes, ...).
        clusters: (n,) str, what the images are independent samples of: images of one cluster (a video, an object seen from many
            sides) are alike for more reasons than their label, so a bootstrap draws whole clusters. By default every image is
            its own cluster, named by its id.

    >>> pixels = np.zeros((3, 8, 8, 3), np.uint8)
    >>> ids, videos = np.array(["a/0", "a/1", "b/0"]), np.array(["a", "a", "b"])
    >>> frames = Dataset("x", pixels, np.zeros(3, int), ids, ("all",), clusters=videos)
    >>> frames.select(np.array([2, 0])).clusters.tolist()
    ['b', 'a']
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    classes: tuple[str, ...]
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    factors: Mapping[str, np.ndarray] = field(default_factory=dict)
    clusters: np.ndarray = field(default_factory=lambda: np.empty(0, str))

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[-1] != 3:
            raise ValueError(f"{self.name}: images must be (n, h, w, 3) uint8, not {self.images.shape} {self.images.dtype}")
        if len(self.labels) != n or len(self.ids) != n:
            raise ValueError(f"{self.name}: {n} images, {len(self.labels)} labels, {len(self.ids)} ids")
        if len(np.unique(self.ids)) != n:
            raise ValueError(f"{self.name}: sample ids are not unique")
        if not len(self.clusters):
            object.__setattr__(self, "clusters", self.ids)
        if len(self.clusters) != n:
            raise ValueError(f"{self.name}: {n} images, {len(self.clusters)} clusters")
        for key, mask in self.masks.items():
            if mask.shape != self.images.shape[:3]:
                raise ValueError(f"{self.name}: mask {key!r} is {mask.shape}, images are {self.images.shape[:3]}")
        for key, factor in self.factors.items():
            if len(factor) != n:
                raise ValueError(f"{self.name}: factor {key!r} has {len(factor)} rows, not {n}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.images.shape[1])

    def select(self, index: np.ndarray) -> "Dataset":
        """The rows at `index` (integers or booleans), in that order."""
        index = np.asarray(index)
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            ids=self.ids[index],
            masks={k: v[index] for k, v in self.masks.items()},
            factors={k: v[index] for k, v in self.factors.items()},
            clusters=self.clusters[index],
        )

    def align(self, ids: np.ndarray) -> "Dataset":
        """The samples named by `ids`, in that order.

        Raises:
            UserError: an id is not in this data set.
        """
        rows = {sample: row for row, sample in enumerate(self.ids.tolist())}
        missing = [sample for sample in np.asarray(ids).tolist() if sample not in rows]
        if missing:
            raise UserError(f"{self.name}: {len(missing)} sample ids are not in this data set, the first is {missing[0]!r}")
        return self.select(np.array([rows[sample] for sample in np.asarray(ids).tolist()], dtype=int))
