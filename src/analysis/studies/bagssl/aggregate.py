"""Representations of many patches of many images, in one batched pass, and their running means.

A patch goes the way of any image: it is resized to the encoder's input by the encoder itself, and read.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from analysis import cache
from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.progress import track
from analysis.studies.bagssl.cutting import Cutter

Array = np.ndarray
PROJECT = "project"
BLOCK = 1024  # patches cut out at a time


def patch_features(
    encoder: Encoder, images: Array, corners: Array, side: int, layer: str = "embed", cutter: Cutter | None = None
) -> Array:
    """One vector per patch, (n, m, d) float32, of images (n, h, h, 3) uint8 and their `corners` (n, m, 2), in px.

    `layer` is one of the encoder's, or `project` for what its head makes of `embed`. Results are kept in the cache, and
    the pixels of the patches in `cutter`, if there is one.

    Raises:
        UserError: corners that do not fit the images; an unknown layer, or a head that was not kept.
    """

    def computed() -> dict[str, Array]:
        """All patches, (n, m, d)."""
        return {"rows": np.concatenate(list(_blocks(encoder, images, corners, side, layer, cutter)))}

    return _kept("patches", encoder, images, corners, side, layer, computed)


def nested_means(
    encoder: Encoder,
    images: Array,
    corners: Array,
    side: int,
    layer: str = "embed",
    counts: Sequence[int] = (),
    cutter: Cutter | None = None,
) -> Array:
    """Means over the first 1, 2, 4, ... patches, or over the first `counts`: (levels, n, d) float32, from one pass.

    Only a block of images at a time has its patches in memory. Raises as `patch_features`; counts must rise, up to m at most.
    """
    _check(images, corners, side)
    levels = tuple(counts) or doubling(corners.shape[1])
    edges = (0, *levels)
    if any(a >= b for a, b in pairwise(edges)) or edges[-1] > corners.shape[1]:
        raise UserError(
            f"numbers of patches must rise from 1 or more to {corners.shape[1]} at most, not {', '.join(map(str, levels))}"
        )

    def computed() -> dict[str, Array]:
        """All means, (levels, n, d)."""
        blocks = _blocks(encoder, images, corners, side, layer, cutter)
        return {"rows": np.concatenate([running_means(block, levels) for block in blocks], axis=1)}

    return _kept(f"means {levels}", encoder, images, corners, side, layer, computed)


def aggregate(
    encoder: Encoder, images: Array, corners: Array, side: int, layer: str = "embed", cutter: Cutter | None = None
) -> Array:
    """Mean over all the patches of each image, (n, d) float32: R = mean of h over patches (Chen et al. 2023)."""
    return nested_means(encoder, images, corners, side, layer, (corners.shape[1],), cutter)[0]


def doubling(most: int) -> tuple[int, ...]:
    """1, 2, 4, ... up to `most`."""
    return tuple(2**power for power in range(most.bit_length()))


def running_means(patches: Array, counts: Sequence[int]) -> Array:
    """Means of patches (n, m, d) over the first of each of the rising `counts`: (levels, n, d) float32, summed in float64."""
    sums = np.cumsum([patches[:, a:b].sum(1, dtype=np.float64) for a, b in pairwise((0, *counts))], axis=0)
    return (sums / np.asarray(counts)[:, None, None]).astype(np.float32)


def _blocks(encoder: Encoder, images: Array, corners: Array, side: int, layer: str, cutter: Cutter | None) -> Iterator[Array]:
    """Representations (b, m, d) of a few images at a time."""
    cutter = cutter or Cutter(limit=0)
    n, m = corners.shape[:2]
    step = max(1, BLOCK // m)
    bar = track(None, f"{encoder.name}, patches of {side} px", total=n * m, unit="patch")
    for start in range(0, n, step):
        part = corners[start : start + step]
        patches = cutter.cut(images[start : start + step], part, side, encoder.transform)
        read = encoder.project(patches) if layer == PROJECT else encoder.pooled(patches, (layer,))[layer]
        yield read.numpy().reshape(len(part), m, -1)
        bar.update(part[..., 0].size)
    bar.close()


def _kept(
    what: str, encoder: Encoder, images: Array, corners: Array, side: int, layer: str, computed: Callable[[], dict[str, Array]]
) -> Array:
    """`computed()`, once: see `analysis.cache`."""
    _check(images, corners, side)
    made_of = (encoder.digest, encoder.device.type, images, np.asarray(corners, dtype=np.int64), side, layer)
    return cache.arrays("patches", computed, *made_of, what)["rows"]


def _check(images: Array, corners: Array, side: int) -> None:
    if corners.ndim != 3 or corners.shape[2] != 2 or len(corners) != len(images) or not corners.size:
        raise UserError(f"corners must be (n, m, 2) for the same n images, not {corners.shape} for {len(images)}")
    slack = images.shape[1] - side
    if side < 1 or slack < 0 or corners.min() < 0 or corners.max() > slack:
        raise UserError(
            f"patches of {side} px in images of {images.shape[1]} px have corners between 0 and {slack}; "
            f"these reach from {corners.min()} to {corners.max()}"
        )
