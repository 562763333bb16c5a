"""Intervals from draws, and decisions by intervals."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True)
class Estimate:
    """A value with its interval."""

    value: float
    low: float
    high: float

    def above(self, bound: float) -> bool:
        """The whole interval lies above `bound`."""
        return self.low > bound

    def below(self, bound: float) -> bool:
        """The whole interval lies below `bound`."""
        return self.high < bound


def estimate(value: float, draws: np.ndarray, level: float = 0.95, comparisons: int = 1) -> Estimate:
    """Percentile bootstrap interval (Efron 1979) of `value` from its draws (B,).

    `comparisons` > 1 widens the level to 1 - (1 - level) / comparisons (Bonferroni), so that all intervals of a
    family hold together. Draws that are not finite are left out; without any, the interval is NaN.
    """
    finite = np.asarray(draws, dtype=float)
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return Estimate(float(value), float("nan"), float("nan"))
    tail = (1 - level) / comparisons / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation down the first axis, ties by their mean rank: (k, B), (k, B) -> (B,)."""
    rx, ry = rankdata(x, axis=0), rankdata(y, axis=0)
    rx, ry = rx - rx.mean(axis=0), ry - ry.mean(axis=0)
    with np.errstate(invalid="ignore"):  # all tied: undefined, hence NaN
        return (rx * ry).sum(axis=0) / np.sqrt((rx**2).sum(axis=0) * (ry**2).sum(axis=0))
