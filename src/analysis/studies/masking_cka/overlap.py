"""Do two sets of representations vary in the same directions? What CKA cannot see, for it compares images, not dimensions."""

import numpy as np

from analysis.similarity.products import ratio


def direction_overlap(x: np.ndarray, y: np.ndarray, weights: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Cosine of the covariance matrices of x and y (n, d): <C_x, C_y> / (|C_x| |C_y|), Frobenius; 1: the same directions.

    Unlike CKA it needs no relation of row i of x to row i of y, and it changes with the basis of one side alone. Each product
    is taken over pairs of images of different clusters, (x_i . y_j)^2, which makes it unbiased for given means: with as many
    dimensions as images, plain covariance matrices overlap by chance.

    Args:
        weights: how often each image counts, (1 + B, n) (see `studies.base.Measured.weights`).
        clusters: what is independent, (n,).

    Returns:
        (1 + B,), of each row of `weights`; NaN where a side is constant.
    """
    a, b = _centred(x), _centred(y)
    apart = clusters[:, None] != clusters[None]
    xy, xx, yy = (_product(left, right, weights, apart) for left, right in ((a, b), (a, a), (b, b)))
    return ratio(xy, xx, yy)


def _centred(x: np.ndarray) -> np.ndarray:
    """Exactly zero where nothing but rounding is left."""
    rows = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    return rows if np.vdot(rows, rows) > 1e-12 * np.vdot(x, x) else np.zeros_like(rows)


def _product(a: np.ndarray, b: np.ndarray, weights: np.ndarray, apart: np.ndarray) -> np.ndarray:
    squares = np.where(apart, (a @ b.T) ** 2, 0)
    return np.einsum("bi,bi->b", weights @ squares, weights)
