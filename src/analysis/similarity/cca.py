"""Canonical correlations: their mean, mean square, SVCCA and projection-weighted mean.

With Qx, Qy orthonormal bases of the column spaces of the centred features, the canonical correlations rho_1 >= rho_2 >= ...
are the singular values of Qx' Qy (Bjorck and Golub 1973). The bases come from an SVD with a tolerance, not from QR: QR of
features with duplicate or dead columns invents directions, and then even a set compared with itself scores below 1.
"""

from dataclasses import dataclass

import numpy as np

from analysis.errors import UserError
from analysis.similarity.inputs import Prepared, centred, matrices, rounding

SVCCA_VARIANCE = 0.99  # share of the variance that SVCCA keeps (Raghu et al. 2017)


@dataclass(frozen=True)
class Directions(Prepared):
    """The singular directions of centred features: `rows` U (n, r), `lengths` s (r,), `neurons` V' (r, p)."""

    lengths: np.ndarray
    neurons: np.ndarray


def directions(x: np.ndarray) -> Directions:
    """Thin SVD of the centred features, without the directions that rounding alone explains.

    Kept: s_i > max(n, p) eps s_1 (the error of the SVD itself) and s_i > the noise of the features' own number type.
    """
    rows = centred(x)
    u, s, vt = np.linalg.svd(rows, full_matrices=False)
    kept = s > max(max(rows.shape) * np.finfo(np.float64).eps * s[0], rounding(x))
    return Directions(u[:, kept], s[kept], vt[kept])


def mean_cca(x: np.ndarray, y: np.ndarray, *, allow_trivial: bool = False) -> float:
    """Mean canonical correlation, sum_i rho_i / min(r_x, r_y), in [0, 1]; r are numerical ranks.

    Far above 0 for unrelated features unless n is much larger than p and q. x: (n, p), y: (n, q). NaN when a side is constant.

    Raises:
        UserError: r_x + r_y > n - 1, so that some correlations are exactly 1 whatever the features (unless
            `allow_trivial`); or the features are not comparable.
    """
    return combine_mean(*_sides(x, y), allow_trivial=allow_trivial)


def squared_cca(x: np.ndarray, y: np.ndarray, *, allow_trivial: bool = False) -> float:
    """Mean squared canonical correlation, R^2_CCA = sum_i rho_i^2 / min(r_x, r_y), in [0, 1].

    Kornblith et al. (2019). Deviation: we centre; the published demo does not, hence its 0.54312 where the centred
    value of the same data is 0.54540. Otherwise as `mean_cca`, also in what it raises.
    """
    return combine_squared(*_sides(x, y), allow_trivial=allow_trivial)


def svcca(x: np.ndarray, y: np.ndarray, *, variance: float = SVCCA_VARIANCE, allow_trivial: bool = False) -> float:
    """Mean canonical correlation of the top singular directions that hold `variance` of each side's variance.

    Raghu et al. (2017). Variance is s_i^2, and the direction that crosses the limit is kept. In [0, 1].

    Raises:
        UserError: `variance` is not in (0, 1]; otherwise as `mean_cca`, with the reduced ranks.
    """
    if not 0 < variance <= 1:
        raise UserError(f"variance is {variance}, but it is the share of the variance to keep and must be in (0, 1]")
    return combine_svcca(*_sides(x, y), variance=variance, allow_trivial=allow_trivial)


def pwcca(x: np.ndarray, y: np.ndarray, *, allow_trivial: bool = False) -> float:
    """Projection-weighted CCA, sum_i a_i rho_i / sum_i a_i with a_i = sum_j |<h_i, x_j>|, in [0, 1].

    Morcos et al. (2018): h_i is the i-th canonical variate of X (a unit vector over images), x_j the j-th
    centred neuron of X. X, the first argument, supplies the weights, so pwcca(x, y) differs from pwcca(y, x), and rotating X
    changes it while any invertible map of Y does not. Otherwise as `mean_cca`, also in what it raises.
    """
    return combine_pwcca(*_sides(x, y), allow_trivial=allow_trivial)


def combine_mean(a: Directions, b: Directions, *, allow_trivial: bool = False) -> float:
    """Mean of the canonical correlations of two prepared sides."""
    return _mean(correlations(a, b, allow_trivial))


def combine_squared(a: Directions, b: Directions, *, allow_trivial: bool = False) -> float:
    """Mean of their squares."""
    return _mean(correlations(a, b, allow_trivial) ** 2)


def combine_svcca(a: Directions, b: Directions, *, variance: float = SVCCA_VARIANCE, allow_trivial: bool = False) -> float:
    """Mean correlation of the leading directions that hold `variance` of each side."""
    return _mean(correlations(leading(a, variance), leading(b, variance), allow_trivial))


def combine_pwcca(a: Directions, b: Directions, *, allow_trivial: bool = False) -> float:
    """Mean correlation, weighted by how much of the first side each canonical direction carries."""
    check_ranks(a, b, allow_trivial)
    if not len(a.lengths) or not len(b.lengths):
        return float("nan")
    left, rho, _ = np.linalg.svd(a.rows.T @ b.rows, full_matrices=False)
    # <h_i, x_j> = (left' U' Xc)_ij and U' Xc = diag(s) V'
    weights = np.abs(left.T @ (a.lengths[:, None] * a.neurons)).sum(axis=1)
    return float(weights @ np.clip(rho, 0, 1) / weights.sum())


def correlations(a: Directions, b: Directions, allow_trivial: bool) -> np.ndarray:
    """The min(r_x, r_y) canonical correlations, largest first, clipped to [0, 1] against rounding."""
    check_ranks(a, b, allow_trivial)
    if not len(a.lengths) or not len(b.lengths):
        return np.empty(0)
    return np.clip(np.linalg.svd(a.rows.T @ b.rows, compute_uv=False), 0, 1)


def check_ranks(a: Directions, b: Directions, allow_trivial: bool) -> None:
    """Two subspaces of the (n-1)-dimensional space of centred vectors share at least r_x + r_y - (n - 1) directions.

    Raises:
        UserError: they must share some, and `allow_trivial` is false; it says how many.
    """
    n, ranks = len(a.rows), (len(a.lengths), len(b.lengths))
    trivial = sum(ranks) - (n - 1)
    if trivial > 0 and not allow_trivial:
        raise UserError(
            f"ranks {ranks[0]} + {ranks[1]} exceed n - 1 = {n - 1}: at least {trivial} of {min(ranks)} canonical correlations "
            "are 1 whatever the features; use more images, or fewer dimensions (PCA) first"
        )


def leading(a: Directions, variance: float) -> Directions:
    """The fewest leading directions that hold `variance` of the variance."""
    share = np.cumsum(a.lengths**2)
    if not len(share):
        return a
    k = min(int(np.searchsorted(share, variance * share[-1] * (1 - 1e-12))) + 1, len(share))
    return Directions(a.rows[:, :k], a.lengths[:k], a.neurons[:k])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _sides(x: np.ndarray, y: np.ndarray) -> list[Directions]:
    return [directions(side) for side in matrices(x, y)]
