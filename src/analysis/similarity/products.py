"""The inner products that linear CKA is made of, by the cheaper of two equal forms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BLOCK = 512  # images per side of a Gram block: large enough for BLAS, small enough for the cache


@dataclass(frozen=True)
class Products:
    """<K_a, L_b>, <K_a, K_a>, <L_b, L_b> of the linear Gram matrices of centred features.

    Attributes:
        xs, ys: P and Q centred feature matrices, (n, p_a) and (n, q_b).
        cross: (P, Q), ||X_a' Y_b||_F^2.
        self_x, self_y: (P,), (Q,), ||X_a' X_a||_F^2 and ||Y_b' Y_b||_F^2.
    """

    xs: Sequence[np.ndarray]
    ys: Sequence[np.ndarray]
    cross: np.ndarray
    self_x: np.ndarray
    self_y: np.ndarray

    def cka(self, debiased: bool) -> np.ndarray:
        """(P, Q) linear CKA, or with HSIC_1 in place of HSIC_0; NaN where a side has no variance."""
        xy, xx, yy = self.hsic1() if debiased else (self.cross, self.self_x, self.self_y)
        return ratio(xy, xx[:, None], yy)

    def hsic1(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """n(n-3) HSIC_1 of (x, y), (x, x) and (y, y), shapes (P, Q), (P,), (Q,)."""
        n = len(self.xs[0])
        k, l = _diagonals(self.xs), _diagonals(self.ys)
        s, t = k.sum(axis=1), l.sum(axis=1)
        xy = hsic1(self.cross, k @ l.T, np.outer(s, t), n)
        xx = hsic1(self.self_x, (k * k).sum(axis=1), s * s, n)
        yy = hsic1(self.self_y, (l * l).sum(axis=1), t * t, n)
        return xy, snap(xx, self.self_x), snap(yy, self.self_y)


def hsic1(product: np.ndarray, diagonals: np.ndarray, traces: np.ndarray, n: int) -> np.ndarray:
    """n(n-3) HSIC_1 of centred Gram matrices K, L from three sums.

    n(n-3) HSIC_1 = <K, L> - n/(n-2) sum_i K_ii L_ii + tr(K) tr(L) / ((n-1)(n-2)).
    This is the estimator of Song et al. (2007) once the rows of K and L sum to zero, so that each off-diagonal row sum is
    -K_ii. HSIC_1 does not change when features are shifted, hence centring them first is free.
    """
    return product - n / (n - 2) * diagonals + traces / ((n - 1) * (n - 2))


def snap(value: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Zero where the unbiased self-similarity is only what the subtraction in `hsic1` left over."""
    return np.where(value > 1e-12 * scale, value, 0.0)


def ratio(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray) -> np.ndarray:
    """xy / sqrt(xx yy) element by element, NaN where a self-similarity is not positive; no epsilon, no clamp."""
    xx, yy = np.where(xx > 0, xx, np.nan), np.where(yy > 0, yy, np.nan)
    return xy / (np.sqrt(xx) * np.sqrt(yy))


def products(xs: Sequence[np.ndarray], ys: Sequence[np.ndarray]) -> Products:
    """All inner products between centred (n, p_a) and (n, q_b) float64 features, by the form that costs less.

    The feature form takes about (sum p + sum q)^2 n / 2 multiplications for one pair, the Gram form n^2 (p + q) / 2.
    """
    n = len(xs[0])
    p, q = sum(x.shape[1] for x in xs), sum(y.shape[1] for y in ys)
    squares = sum(z.shape[1] ** 2 for z in (*xs, *ys))
    feature_cost = squares + (1 if ys is xs else 2) * p * q
    gram_cost = n * (p if ys is xs else p + q)
    return (feature_products if feature_cost < gram_cost else gram_products)(xs, ys)


def feature_products(xs: Sequence[np.ndarray], ys: Sequence[np.ndarray]) -> Products:
    """||X_a' Y_b||_F^2 through p x q matrices (Kornblith et al. 2019); memory p times the sum of the q."""
    symmetric = ys is xs
    right = ys[0] if len(ys) == 1 else np.hstack(ys)
    edges = np.cumsum([0, *(y.shape[1] for y in ys)])
    self_x = np.array([_square(x.T @ x) for x in xs])  # BLAS sees the same array twice and does half the work
    self_y = self_x if symmetric else np.array([_square(y.T @ y) for y in ys])
    cross = np.empty((len(xs), len(ys)))
    for a, x in enumerate(xs):
        first = a if symmetric else 0  # the other half of a symmetric matrix is already there
        covariance = x.T @ right[:, edges[first] :]
        columns = np.einsum("ij,ij->j", covariance, covariance)
        cross[a, first:] = np.add.reduceat(columns, edges[first:-1] - edges[first])
        if symmetric:
            cross[:, a] = cross[a]
    return Products(xs, ys, cross, self_x, self_y)


def gram_products(xs: Sequence[np.ndarray], ys: Sequence[np.ndarray]) -> Products:
    """<K_a, L_b> through n x n Gram matrices, in blocks above the diagonal: no whole Gram matrix is ever held."""
    sides = list(xs) if ys is xs else [*xs, *ys]
    n, total = len(xs[0]), np.zeros((len(sides), len(sides)))
    for i in range(0, n, BLOCK):
        for j in range(i, n, BLOCK):
            block = np.stack([(z[i : i + BLOCK] @ z[j : j + BLOCK].T).ravel() for z in sides])
            total += (1 if i == j else 2) * (block @ block.T)
    x, y = slice(0, len(xs)), slice(len(sides) - len(ys), None)
    return Products(xs, ys, total[x, y], np.diag(total)[x], np.diag(total)[y])


def _square(a: np.ndarray) -> float:
    """Squared Frobenius norm."""
    return float(np.vdot(a, a))


def _diagonals(zs: Sequence[np.ndarray]) -> np.ndarray:
    """(P, n) squared length of each row, the diagonals of the Gram matrices."""
    return np.stack([np.einsum("ij,ij->i", z, z) for z in zs])
