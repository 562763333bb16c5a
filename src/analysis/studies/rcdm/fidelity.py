"""Realism: how far samples are from real images, as distributions in the space of an encoder held out.

The Frechet distance here is called FD-enc, and never FID: FID is this distance in the space of one Inception network.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

Array = np.ndarray
NEIGHBOURS = 3  # of precision and recall (Kynkaanniemi et al. 2019)


@dataclass(frozen=True)
class Space:
    """The first principal components of real images, scaled to variance 1: few samples say nothing of hundreds of dimensions.

    Attributes:
        mean: (d,).
        axes: (d, k).
    """

    mean: Array
    axes: Array

    def __call__(self, features: Array) -> Array:
        """(n, d) -> (n, k)."""
        return (features.astype(np.float64) - self.mean) @ self.axes


def space(real: Array, dimensions: int) -> Space:
    """The space of real images' features (n, d), of `dimensions` components at most."""
    mean = real.mean(0, dtype=np.float64)
    _, values, axes = np.linalg.svd(real - mean, full_matrices=False)
    k = min(dimensions, int((values > 1e-6 * values[0]).sum()))
    return Space(mean, axes[:k].T * np.sqrt(len(real) - 1) / values[:k])


def frechet(x: Array, real: Array, weights: Array | None = None) -> Array:
    """Frechet distance of samples x (n, k) to real (m, k), once per row of `weights` (b, n): (b,).

    |mu - mu'|^2 + tr(S + S' - 2 (S S')^(1/2)) (Dowson & Landau 1982), the trace of the root from the eigenvalues of
    S'^(1/2) S S'^(1/2), which is symmetric. Weights say how often each sample counts; without them, each once.
    """
    weights = np.ones((1, len(x))) if weights is None else weights
    mean, cov = real.mean(0), np.cov(real, rowvar=False).reshape(real.shape[1], -1)
    values, axes = np.linalg.eigh(cov)
    root = (axes * np.sqrt(values.clip(0))) @ axes.T
    total = weights.sum(1, keepdims=True)
    means = weights @ x / total
    second = np.einsum("bn,ni,nj->bij", weights, x, x, optimize=True)
    covs = (second - total[:, :, None] * means[:, :, None] * means[:, None]) / (total[:, :, None] - 1)
    crossed = np.sqrt(np.linalg.eigvalsh(root @ covs @ root).clip(0)).sum(1)
    return ((means - mean) ** 2).sum(1) + np.trace(covs, axis1=1, axis2=2) + np.trace(cov) - 2 * crossed


def kid(x: Array, real: Array, weights: Array | None = None) -> Array:
    """Kernel distance of samples x (n, k) to real (m, k), once per row of `weights` (b, n): (b,).

    The squared MMD with the kernel (a.b / k + 1)^3, without bias (Binkowski et al. 2018, equation 4): 0 is expected of equal
    distributions, whatever n is, and values may lie below. A sample is never paired with itself, nor with its own repeats in a
    bootstrap sample. Without weights each sample counts once.
    """
    weights = np.ones((1, len(x))) if weights is None else weights
    own, others, across = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (real, real), (x, real)))
    np.fill_diagonal(own, 0)
    total, m = weights.sum(1), len(real)
    within = np.einsum("bi,ij,bj->b", weights, own, weights, optimize=True) / (total**2 - (weights**2).sum(1))
    return within + (others.sum() - np.trace(others)) / (m * (m - 1)) - 2 * weights @ across.mean(1) / total


def precision_recall(x: Array, real: Array, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Share of samples within the reach of a real image, and of real images within that of a sample.

    The reach of a point is its distance to its k-th nearest of its own kind (Kynkaanniemi et al. 2019, eq. 1). Both sets should
    have the same size: more points reach further together.
    """
    across = cdist(real, x)
    reach_real, reach = (np.sort(cdist(z, z), axis=1)[:, min(k, len(z) - 1)] for z in (real, x))
    return float((across <= reach_real[:, None]).any(0).mean()), float((across <= reach[None]).any(1).mean())
