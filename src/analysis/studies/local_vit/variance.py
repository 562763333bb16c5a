"""Where the variance of patch features lies: spectra, the highest over the median, the same dimensions on other images."""

import numpy as np

from analysis.studies.local_vit.transforms import removed, variances

Array = np.ndarray


def spectrum(x: Array) -> Array:
    """Variances (d,) of the dimensions of x (n, d) as shares of their sum, largest first."""
    found = np.sort(variances(x))[::-1]
    return found / max(found.sum(), 1e-300)


def ratio(grids: Array, weights: Array) -> Array:
    """Highest variance of a dimension over the median one, (1 + B,): token grids (n, h, w, d), weights of images (1 + B, n)."""
    rows = grids.reshape(len(grids), -1, grids.shape[-1]).astype(np.float64)
    first, second = (weights @ power.mean(1) / weights.sum(1, keepdims=True) for power in (rows, rows**2))
    spread = second - first**2
    return spread.max(1) / np.maximum(np.median(spread, axis=1), 1e-300)


def above(x: Array, times: float) -> int:
    """How many dimensions of x (n, d) have more than `times` the median variance."""
    found = variances(x)
    return int((found > times * np.median(found)).sum())


def overlap(x: Array, y: Array, m: int) -> float:
    """Share of the m dimensions of largest variance that x (n, d) and y (n', d) have in common; m / d by chance."""
    return len(np.intersect1d(removed("highest", x, m), removed("highest", y, m))) / m


def count(width: int, share: float) -> int:
    """How many dimensions, of `width`, a share is: at least one, and not all."""
    return min(max(1, round(share * width)), width - 1)


def sizes(width: int, shares: tuple[float, ...]) -> list[int]:
    """Numbers of dimensions, of `width`, for given shares: rounded, ascending, without repeats, below the width."""
    return sorted({min(round(share * width), width - 1) for share in shares})
