"""Orthogonal Procrustes: how far two clouds remain apart after the best rotation."""

import numpy as np

from analysis.similarity.inputs import Prepared, centred, matrices


def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    """Squared orthogonal Procrustes distance d^2 = 2 - 2 ||Xc' Yc||_*, in [0, 2]; a distance: 0 is the same, 2 unrelated.

    Ding, Denain and Steinhardt (2021): both sides are centred and scaled to unit Frobenius norm, then
    d^2 = min over orthogonal Q of ||Xc - Yc Q||_F^2 (the narrower side padded with zero columns). Others print d, d^2 / 2 or
    arccos(1 - d^2 / 2). x: (n, p), y: (n, q). NaN when a side is constant.

    Raises:
        UserError: the features are not comparable.
    """
    return combine_procrustes(*(unit(side) for side in matrices(x, y)))


def unit(x: np.ndarray) -> Prepared:
    """Centred features of unit Frobenius norm, rotated into at most n columns (which changes no distance)."""
    rows = centred(x)
    if rows.shape[1] > rows.shape[0]:
        u, s, _ = np.linalg.svd(rows, full_matrices=False)
        rows = u * s
    norm = float(np.linalg.norm(rows))
    return Prepared(rows / norm if norm else np.full_like(rows, np.nan))


def combine_procrustes(a: Prepared, b: Prepared) -> float:
    """Squared distance of two prepared sides after the best rotation, 0 to 2."""
    product = a.rows.T @ b.rows
    if np.isnan(product[0, 0]):
        return float("nan")
    return float(max(0.0, 2 - 2 * np.linalg.svd(product, compute_uv=False).sum()))
