"""Representations whose truth is known because they are made, not learnt: the controls of the claims.

Every image has a random code for its object and one for its background. A made representation holds the two in dimensions of
their own, each as far as the masks of a variant leave its pixels visible.
"""

from collections.abc import Mapping

import numpy as np

CELLS, WIDTH = 8, 16  # a code for each of 8 x 8 cells, of 16 numbers


def codes(keep: Mapping[str, np.ndarray], foreground: np.ndarray, *, local: bool, seed: int) -> dict[str, np.ndarray]:
    """Variant -> (2, n, 16): the visible part of the object's code, and of the background's.

    Args:
        keep: variant -> pixels that it shows, (n, h, w) or (h, w).
        foreground: which pixels are the object's, (n, h, w).
        local: each cell of the image has a code of its own, so that a part hidden is a part unknown; otherwise one code is in
            all pixels of the object (of the background), as with something that is recognised from any part of it.
    """
    n = len(foreground)
    shape = (2, n, CELLS**2 if local else 1, WIDTH)
    code = np.broadcast_to(np.random.default_rng([seed, 7]).standard_normal(shape), (2, n, CELLS**2, WIDTH))
    sides = np.stack([foreground, ~foreground])
    whole = _cells(sides)
    size = np.sqrt((whole**2).sum(2)) if local else whole.sum(2)
    scaled = code / np.maximum(size, 1e-12)[:, :, None, None]
    return {name: np.einsum("snc,sncd->snd", _cells(sides & kept), scaled) for name, kept in keep.items()}


def weighed(made: Mapping[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    """Variant -> (n, 32) from `codes`: the object's code in the first half with `share` of the variance, the
    background's in the second."""
    return {name: np.concatenate([np.sqrt(share) * a, np.sqrt(1 - share) * b], axis=1) for name, (a, b) in made.items()}


def mean_grey(images: np.ndarray) -> np.ndarray:
    """Mean grey level of each image, (n, 1): whatever it shows, there is one direction to vary in."""
    return images.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] / 255


def thinned(features: np.ndarray, seed: int) -> np.ndarray:
    """The same representation but for chance: (n, d) in a random basis, of which a tenth is left out."""
    d = features.shape[1]
    rotation, _ = np.linalg.qr(np.random.default_rng([seed, 8]).standard_normal((d, d)))
    return features.astype(np.float64) @ rotation[:, d // 10 :]


def _cells(masks: np.ndarray) -> np.ndarray:
    """Pixels of masks (..., h, h) in each cell, (..., 64)."""
    side = masks.shape[-1]
    into = np.eye(CELLS, dtype=np.float32)[np.arange(side) * CELLS // side]
    return np.asarray(into.T @ masks.astype(np.float32) @ into).reshape(*masks.shape[:-2], -1)
