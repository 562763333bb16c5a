"""Where the variance of patch features lies: spectra, concentration, and whether the same dimensions hold it everywhere."""

import numpy as np

from analysis.studies.local_vit.transforms import removed, variances

Array = np.ndarray


def spectrum(x: Array) -> Array:
    """Variances (d,) of the dimensions of x (n, d) as shares of their sum, largest first."""
    found = np.sort(variances(x))[::-1]
    return found / max(found.sum(), 1e-300)


def held_by_top(x: Array, m: int) -> float:
    """Share of the variance of x (n, d) in its m dimensions of largest variance; m / d where all are alike."""
    return float(spectrum(x)[:m].sum())


def overlap(x: Array, y: Array, m: int) -> float:
    """Share of the m dimensions of largest variance that x (n, d) and y (n', d) have in common; m / d by chance."""
    return len(np.intersect1d(removed("top", x, m), removed("top", y, m))) / m


def sizes(width: int, shares: tuple[float, ...]) -> list[int]:
    """Numbers of dimensions, of `width`, for given shares: rounded, ascending, without repeats, below the width."""
    return sorted({min(round(share * width), width - 1) for share in shares})
