"""How far a heat map and a mask agree: the measure as the paper prints it, and what its name promises.

Maps are (n, h, w), not negative; masks (n, h, w) bool. Every function returns (n,): NaN for a map without heat, an empty mask.
"""

from collections.abc import Callable, Mapping

import numpy as np

from analysis.studies.qscore.activity import Array


def mass(heat: Array, mask: Array) -> Array:
    """Share of the heat that lies in the mask.

    Kalibhat et al. (2024) call it mIoU: s(heat n mask) / s(heat u mask), where s adds up *heat*. There is none outside the
    heat, so that the union is all of it, and one hot pixel within the mask scores 1.
    """
    return _ratio((heat * mask).sum((1, 2)), heat.sum((1, 2)), mask)


def soft_iou(heat: Array, mask: Array) -> Array:
    """Sum of minima over sum of maxima of the map, scaled to a largest value of 1, and the mask."""
    scaled = heat / np.maximum(heat.max((1, 2), keepdims=True), np.finfo(np.float32).tiny)
    found = np.minimum(scaled, mask).sum((1, 2)) / np.maximum(np.maximum(scaled, mask).sum((1, 2)), 1e-12)
    return _ratio(found, (heat.sum((1, 2)) > 0).astype(float), mask)


def iou(heat: Array, mask: Array) -> Array:
    """Intersection over union of the mask with the hottest pixels, as many as it has: no threshold to choose."""
    found = np.full(len(heat), np.nan)
    for row, (one, of) in enumerate(zip(heat.reshape(len(heat), -1), mask.reshape(len(mask), -1), strict=True)):
        area = int(of.sum())
        if area and one.any():
            hits = of[np.argpartition(-one, area - 1)[:area]].sum()
            found[row] = hits / (2 * area - hits)
    return found


def pointing(heat: Array, mask: Array) -> Array:
    """Whether the hottest pixel lies in the mask (Zhang et al. 2016, the pointing game)."""
    flat = heat.reshape(len(heat), -1)
    hits = np.take_along_axis(mask.reshape(len(mask), -1), flat.argmax(1)[:, None], 1)[:, 0].astype(float)
    return _ratio(hits, (flat.max(1) > 0).astype(float), mask)


MEASURES: Mapping[str, Callable[[Array, Array], Array]] = {
    "mass": mass,
    "soft_iou": soft_iou,
    "iou": iou,
    "pointing": pointing,
}


def centre_prior(side: int) -> Array:
    """(side, side) a Gaussian in the middle, with a standard deviation of a quarter of the side: a map that knows nothing."""
    place = (np.arange(side) + 0.5) / side - 0.5
    bell = np.exp(-((place / 0.25) ** 2) / 2)
    return np.outer(bell, bell).astype(np.float32)


def _ratio(part: Array, whole: Array, mask: Array) -> Array:
    known = (whole > 0) & mask.any((1, 2))
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=known)
