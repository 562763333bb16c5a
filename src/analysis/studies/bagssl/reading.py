"""One encoder on the images of a run: whole, in patches, in views. Every patch goes through the network once."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal

import numpy as np
import torch

from analysis import datasets, features
from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.studies.bagssl.aggregate import aggregate, patch_features
from analysis.studies.bagssl.contrasts import DISJOINT
from analysis.studies.bagssl.cutting import Cutter
from analysis.studies.bagssl.geometry import dense_boxes, sample_boxes
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.views import shifted_views
from analysis.studies.qscore.data import Split, size_for, split

Array = np.ndarray
Half = Literal["train", "test"]
HALVES: tuple[Half, ...] = ("train", "test")
OVERLAPS = 4  # positions of the overlapping grid lie a fourth of a patch apart


class Sample:
    """The images of a run with the places of their patches and their views: the same for every encoder.

    Attributes:
        images, labels: half -> (n, size, size, 3) uint8 and (n,).
        cutter: what cuts their patches.
    """

    def __init__(self, params: BagSSL, data: Split) -> None:
        self.params = params
        self.images: Mapping[Half, Array] = {"train": np.asarray(data.x), "test": np.asarray(data.y)}
        self.labels: Mapping[Half, Array] = {"train": data.labels, "test": data.truth}
        self.size = int(data.x.shape[1])
        self.cutter = Cutter()

    def boxes(self, half: Half, side: int, n: int, m: int) -> Array:
        """Random top left corners of m patches of `side` px in the first n images of a half, (n, m, 2)."""
        generator = np.random.default_rng([self.params.seed, HALVES.index(half), side, m])
        return sample_boxes(n, m, self.size, side, generator)

    def local_boxes(self, side: int) -> Array:
        """Corners of the patches of the first `n_local` test images, (n, m, 2)."""
        return self.boxes("test", side, len(self.images["test"]), self.params.n_patches)[: self.params.n_local]

    @cached_property
    def truth(self) -> datasets.Dataset | None:
        """The first `n_local` test images with masks and factors; None where the images are not of Scenes, `objects`."""
        params = self.params
        if not params.dataset.startswith("scenes:objects"):
            return None
        n = min(params.n_local, len(self.images["test"]))
        drawn = datasets.load(params.dataset, size=self.size, n=n, seed=params.seed, split="test")
        assert np.array_equal(drawn.images, self.images["test"][:n])
        return drawn

    @cached_property
    def views(self) -> dict[Half, Array]:
        """Half -> mirrored and shifted images, (n, m, size, size, 3) uint8."""
        m, seed = self.params.n_patches, self.params.seed
        return {half: shifted_views(self.images[half], m, np.random.default_rng([seed, i])) for i, half in enumerate(HALVES)}


class Reading:
    """What one encoder says of a sample; patches are kept as long as the reading is."""

    def __init__(self, encoder: Encoder, sample: Sample) -> None:
        self.encoder, self.sample, self.params = encoder, sample, sample.params
        self._kept: dict[tuple[Half, int], Array] = {}

    @property
    def name(self) -> str:
        """The name it was loaded by."""
        return self.encoder.name

    def _read(self, how: Callable[..., Array], images: Array, corners: Array, side: int) -> Array:
        """`how` (`patch_features`, `aggregate`) of the encoder, the pixels of the patches shared with other encoders."""
        return how(self.encoder, images, corners, side, cutter=self.sample.cutter)

    def whole(self, half: Half) -> Array:
        """Representations of whole images, (n, d)."""
        return features.extract(self.encoder, self.sample.images[half])["embed"]

    def patches(self, half: Half, side: int) -> Array:
        """Representations of `n_patches` random patches of each image, (n, m, d)."""
        if (half, side) not in self._kept:
            images = self.sample.images[half]
            boxes = self.sample.boxes(half, side, len(images), self.params.n_patches)
            self._kept[half, side] = self._read(patch_features, images, boxes, side)
        return self._kept[half, side]

    def bag(self, half: Half, side: int) -> Array:
        """Means over `n_patches` random patches of each image, (n, d).

        Single patches are kept where another measure will ask for them: of test images, and where numbers are compared.
        """
        if half == "test" or (side == self.params.side and self.name in self.params.followed):
            return self.patches(half, side).mean(1)
        images = self.sample.images[half]
        boxes = self.sample.boxes(half, side, len(images), self.params.n_patches)
        return self._read(aggregate, images, boxes, side)

    def local(self, side: int) -> Array:
        """Representations of the patches of the first `n_local` test images, (n, m, d)."""
        n = self.params.n_local
        if ("test", side) in self._kept:
            return self._kept["test", side][:n]
        return self._read(patch_features, self.sample.images["test"][:n], self.sample.local_boxes(side), side)

    def at(self, images: Array, corners: Array, side: int) -> Array:
        """Representations of patches of other images at given corners (n, m, 2), (n, m, d)."""
        return self._read(patch_features, images, corners, side)

    def central(self, half: Half, side: int) -> Array:
        """Representations of the patch in the middle of each image, (n, d)."""
        images = self.sample.images[half]
        boxes = np.full((len(images), 1, 2), (self.sample.size - side) // 2)
        return self._read(aggregate, images, boxes, side)

    def views(self, half: Half) -> Array:
        """Mean over as many mirrored and shifted whole images as there are patches, (n, d)."""
        shown = self.sample.views[half]
        flat = features.extract(self.encoder, shown.reshape(-1, *shown.shape[2:]))["embed"]
        return flat.reshape(*shown.shape[:2], -1).mean(1)

    def grid(self, kind: str) -> Array:
        """Mean over a regular grid of patches of the first `n_counts` test images, overlapping or side by side, (n, d)."""
        images, side = self.sample.images["test"][: self.params.n_counts], self.params.side
        boxes = dense_boxes(self.sample.size, side, side if kind == DISJOINT else max(1, side // OVERLAPS))
        return self._read(aggregate, images, np.tile(boxes, (len(images), 1, 1)), side)

    def many(self) -> Array:
        """Representations of `most` random patches of each of the first `n_counts` test images, (n, m, d)."""
        images, side = self.sample.images["test"][: self.params.n_counts], self.params.side
        return self._read(patch_features, images, self.sample.boxes("test", side, len(images), self.params.most), side)

    def project(self, h: Array) -> Array | None:
        """What the head makes of representations (..., d); None where it was not kept."""
        if self.encoder.projector is None:
            return None
        rows = torch.from_numpy(np.ascontiguousarray(h.reshape(-1, h.shape[-1])))
        with torch.inference_mode():
            z = self.encoder.projector(rows.to(self.encoder.device))
        return z.float().cpu().numpy().reshape(*h.shape[:-1], -1)


def sample(params: BagSSL) -> Sample:
    """The images of a run.

    Raises:
        UserError: patches that are not smaller than these images, or not in order of their names.
    """
    size = size_for(params.dataset, params.encoders)
    if not params.small < params.side < params.large < size or max(params.sides) >= size:
        raise UserError(
            f"patches must be smaller than the images of {size} px, and small < side < large: not small={params.small}, "
            f"side={params.side}, large={params.large}, sides={','.join(map(str, params.sides))}"
        )
    return Sample(params, split(params.dataset, size, params.n_train, params.n_test, params.seed))
