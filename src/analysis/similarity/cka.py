"""Centred kernel alignment: linear, debiased, RBF, minibatch, and all pairs of layers at once.

Notation: X (n, p) and Y (n, q) hold features of the same n images in the same order; Xc, Yc are centred by column;
K and L are the n x n kernel matrices. HSIC_0 = tr(K H L H) / (n-1)^2 is the biased estimator of Gretton et al. (2005),
HSIC_1 the unbiased one of Song et al. (2007), and CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from analysis.errors import UserError
from analysis.similarity.inputs import Prepared, centred, check_rows, matrices, matrix
from analysis.similarity.products import products, ratio

LEAST = 4  # images HSIC_1 needs: it divides by n (n - 3)


@dataclass(frozen=True)
class Gram(Prepared):
    """A centred kernel matrix (n, n)."""

    def take(self, order: np.ndarray) -> Self:
        """The same kernel with its images in another order."""
        return replace(self, rows=self.rows[order][:, order])


def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear CKA, ||Yc' Xc||_F^2 / (||Xc' Xc||_F ||Yc' Yc||_F), in [0, 1].

    Kornblith et al. (2019). Biased upwards when n is not much larger than p and q: report `debiased_cka` beside it.
    x: (n, p), y: (n, q). NaN when a side is constant. Computed through p x q or n x n products, whichever is cheaper.

    Raises:
        UserError: the features are not comparable (shape, type, not finite, different n).
    """
    return combine_linear(*_sides(centre, x, y))


def debiased_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear CKA with the unbiased HSIC_1 in all three places, in [-1, 1]; about 0 for unrelated features.

    n(n-3) HSIC_1 = ||Xc'Yc||_F^2 - n/(n-2) sum_i |x_i|^2 |y_i|^2 + (sum_i |x_i|^2)(sum_i |y_i|^2) / ((n-1)(n-2)),
    the feature form of Song et al. (2007), used for CKA by Nguyen et al. (2021). The estimates are unbiased, their ratio
    nearly so. A negative value is a legitimate estimate and is kept. The rows must be different images: a repeated
    image counts as agreement. x: (n, p), y: (n, q); NaN when a side is constant.

    Raises:
        UserError: n < 4, or the features are not comparable.
    """
    return combine_debiased(*_sides(centre, x, y, least=LEAST))


def rbf_cka(x: np.ndarray, y: np.ndarray, *, threshold: float = 0.5, debiased: bool = False) -> float:
    """CKA with Gaussian kernels k(a, b) = exp(-|a-b|^2 / (2 t^2 m)), m = median squared distance of that side.

    Kornblith et al. (2019); the median convention is that of their published code: over all n^2 entries, the zero
    diagonal included, midpoint of the two central ones, one m for each side, t = `threshold`. As t grows it tends to linear
    CKA. NaN when more than half of a side's squared distances are zero (m = 0). Memory 4 n^2 doubles.

    Raises:
        UserError: threshold <= 0, n < 4 for the debiased form, or the features are not comparable.
    """
    if threshold <= 0:
        raise UserError(f"threshold is {threshold}, but it multiplies the median distance and must be positive")
    x, y = matrices(x, y, least=LEAST if debiased else 2)
    centring = u_centre if debiased else double_centre
    return combine_gram(Gram(centring(rbf_kernel(x, threshold))), Gram(centring(rbf_kernel(y, threshold))))


def minibatch_cka(x: np.ndarray, y: np.ndarray, *, batch_size: int = 64) -> float:
    """Debiased linear CKA from batches: the three HSIC_1 are averaged over the batches, then divided once.

    Nguyen et al. (2021). The mean of per-batch ratios is another, more biased quantity.
    Deviation: n need not be a multiple of `batch_size`; the n // batch_size batches are made of consecutive rows and as
    equal as possible, so no row is dropped and no batch is smaller than asked (except n itself). Put the rows in random
    order: batches of one class each measure similarity within classes.

    Raises:
        UserError: batch_size < 4, n < 4, or the features are not comparable.
    """
    if batch_size < LEAST:
        raise UserError(f"batch_size is {batch_size}, but the unbiased estimator needs at least {LEAST} images in a batch")
    return combine_minibatch(*_sides(centre, x, y, LEAST), batch_size)


def cka_matrix(xs: Sequence[np.ndarray], ys: Sequence[np.ndarray] | None = None, *, debiased: bool = True) -> np.ndarray:
    """Linear CKA of every layer in `xs` with every layer in `ys`, (P, Q); without `ys`, of `xs` with itself.

    Equal to `debiased_cka` (or `linear_cka`) of each pair, but each layer is centred and compared with itself once.

    Raises:
        UserError: no layers, too few images, or layers that are not comparable.
    """
    if not len(xs) or (ys is not None and not len(ys)):
        raise UserError("cka_matrix needs at least one layer on each side")
    layers = [matrix(x, "x") for x in xs] + [matrix(y, "y") for y in ys or ()]
    for layer in layers:
        check_rows(layers[0], layer, least=LEAST if debiased else 2)
    left = [centred(x) for x in layers[: len(xs)]]
    right = left if ys is None else [centred(y) for y in layers[len(xs) :]]
    return products(left, right).cka(debiased)


def centre(x: np.ndarray) -> Prepared:
    """Centred features, the preparation of every linear CKA."""
    return Prepared(centred(x))


def rbf_gram(x: np.ndarray) -> Gram:
    """Centred Gaussian kernel at the default threshold, the preparation of `rbf_cka`."""
    return Gram(double_centre(rbf_kernel(x, 0.5)))


def combine_linear(a: Prepared, b: Prepared) -> float:
    """Linear CKA of two prepared sides."""
    return float(products([a.rows], [b.rows]).cka(debiased=False)[0, 0])


def combine_debiased(a: Prepared, b: Prepared) -> float:
    """Debiased linear CKA of two prepared sides."""
    return float(products([a.rows], [b.rows]).cka(debiased=True)[0, 0])


def combine_gram(a: Gram, b: Gram) -> float:
    """<K, L> / (||K|| ||L||) of matrices centred already; the constant factors of HSIC cancel."""
    return float(ratio(*(np.vdot(k.rows, l.rows) for k, l in ((a, b), (a, a), (b, b)))))


def combine_minibatch(a: Prepared, b: Prepared, batch_size: int = 64) -> float:
    """Ratio of the sums of the unbiased HSIC over minibatches."""
    total = np.zeros(3)
    for rows in np.array_split(np.arange(len(a.rows)), max(1, len(a.rows) // batch_size)):
        batch = products([centred(a.rows[rows])], [centred(b.rows[rows])])
        total += np.array([term.item() for term in batch.hsic1()]) / (len(rows) * (len(rows) - 3))
    return float(ratio(*total))


def rbf_kernel(x: np.ndarray, threshold: float) -> np.ndarray:
    """exp(-D / (2 t^2 median(D))), D the (n, n) squared distances; all NaN when the median is zero."""
    rows = centred(x)
    distances = rows @ rows.T
    lengths = np.diag(distances).copy()
    distances *= -2
    distances += lengths[:, None]
    distances += lengths
    distances[distances < 1e-13 * np.add.outer(lengths, lengths)] = 0  # equal rows, up to the rounding of the lines above
    median = float(np.median(distances))
    if median == 0:
        return np.full_like(distances, np.nan)
    distances /= -2 * threshold**2 * median
    return np.exp(distances, out=distances)


def double_centre(kernel: np.ndarray) -> np.ndarray:
    """H K H: rows and columns sum to zero (in place)."""
    means = kernel.mean(axis=0)
    means -= means.mean() / 2
    kernel -= means
    kernel -= means[:, None]
    return kernel


def u_centre(kernel: np.ndarray) -> np.ndarray:
    """The U-centred kernel of Szekely and Rizzo (2014), zero diagonal; n(n-3) HSIC_1 is the product of two (in place)."""
    n = len(kernel)
    np.fill_diagonal(kernel, 0)
    means = kernel.sum(axis=0) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    kernel -= means
    kernel -= means[:, None]
    np.fill_diagonal(kernel, 0)
    return kernel


def _sides(
    prepare: Callable[[np.ndarray], Prepared], x: np.ndarray, y: np.ndarray, least: int = 2
) -> tuple[Prepared, Prepared]:
    x, y = matrices(x, y, least)
    return prepare(x), prepare(y)
