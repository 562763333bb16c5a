"""Losses that are about the same thing: total coding rate, spectral contrast, and the co-occurrence of patches.

On a finite joint distribution p12 (k, k) of two patches of an image, with marginals p1 and p2 and one row z of (k, p) per kind
of patch, Chen et al. 2023 hold these two against each other:

    L_S(weight) = -sum p12 z1.z2 + weight * sum p1 p2 (z1.z2)^2
    L_C(weight) =  sum p1 p2 (weight * z1.z2 - p12 / (p1 p2))^2

Expanding the square gives L_C(w) = 2w L_S(w / 2) + K, with K = sum p12^2 / (p1 p2), which no z changes: a spectral contrastive
loss (HaoChen et al. 2021) fits how much more often than by chance two patches occur together.
"""

import numpy as np
from torch import Tensor

from analysis.errors import UserError
from analysis.training.methods.joint import coding_rate as tcr

Array = np.ndarray
__all__ = [
    "constant",
    "cooccurrence_loss",
    "identity_gap",
    "marginals",
    "ratio",
    "spectral_contrastive",
    "spectral_loss",
    "tcr",
]


def spectral_contrastive(z1: Tensor, z2: Tensor, weight: float = 1.0) -> Tensor:
    """L_S of a batch: rows of z1 and z2 (n, p) come in pairs, and rows of different images stand for the product of marginals.

    Unbiased for L_S if the n images are independent (HaoChen et al. 2021, eq. 7, scaled by 1/2 and without its norm bound).

    Raises:
        UserError: fewer than two rows, or shapes that differ.
    """
    if z1.shape != z2.shape or z1.ndim != 2 or len(z1) < 2:
        raise UserError(
            f"spectral contrast needs two tensors (n, p) of one shape, n over 1, not {(*z1.shape,)} and {(*z2.shape,)}"
        )
    similar, n = z1 @ z2.T, len(z1)
    squares = similar.square()
    return -similar.diagonal().mean() + weight * (squares.sum() - squares.diagonal().sum()) / (n * (n - 1))


def spectral_loss(z: Array, joint: Array, weight: float) -> float:
    """L_S(weight) of z (k, p) on a joint distribution (k, k); raises as `marginals`."""
    first, second = marginals(joint)
    similar = _similar(z, joint)
    return float(-(joint * similar).sum() + weight * first @ similar**2 @ second)


def cooccurrence_loss(z: Array, joint: Array, weight: float) -> float:
    """L_C(weight) of z (k, p) on a joint distribution (k, k); kinds that never occur do not count. Raises as `marginals`."""
    first, second = marginals(joint)
    misfit = weight * _similar(z, joint) - ratio(joint)
    return float(first @ misfit**2 @ second)


def constant(joint: Array) -> float:
    """K = sum p12^2 / (p1 p2): one more than the chi-square by which the joint departs from independence."""
    return float((joint * ratio(joint)).sum())


def identity_gap(z: Array, joint: Array, weight: float) -> float:
    """|L_C(w) - 2w L_S(w / 2) - K| relative to the sum of the sizes of its three terms: 0 but for rounding."""
    left, right = cooccurrence_loss(z, joint, weight), 2 * weight * spectral_loss(z, joint, weight / 2)
    rest = constant(joint)
    return abs(left - right - rest) / (abs(left) + abs(right) + rest)


def ratio(joint: Array) -> Array:
    """p12 / (p1 p2), (k, k): how much more often than by chance two kinds occur together; 0 where a kind never occurs."""
    chance = np.outer(*marginals(joint))
    return np.divide(joint, chance, out=np.zeros_like(chance), where=chance > 0)


def marginals(joint: Array) -> tuple[Array, Array]:
    """p1 and p2, (k,) each.

    Raises:
        UserError: not a square table of probabilities that sum to 1.
    """
    if joint.ndim != 2 or joint.shape[0] != joint.shape[1] or (joint < 0).any() or abs(joint.sum() - 1) > 1e-9:
        raise UserError(
            f"a joint distribution is a square table of probabilities that sum to 1, not {joint.shape} {joint.sum():g}"
        )
    return joint.sum(1), joint.sum(0)


def _similar(z: Array, joint: Array) -> Array:
    if len(z) != len(joint):
        raise UserError(f"{len(z)} representations do not fit a joint distribution of {len(joint)} kinds of patches")
    return np.asarray(z, float) @ np.asarray(z, float).T
