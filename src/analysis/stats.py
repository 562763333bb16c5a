"""Intervals from draws, and decisions by intervals."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student


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


def cluster_counts(clusters: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each of n rows is in each bootstrap sample: (draws, n) integers, whole clusters drawn with replacement.

    `clusters` (n,) names what is independent (video, object instance, scene); rows of one cluster come and go together (Davison
    and Hinkley 1997, section 3.8). With one row per cluster it is the ordinary bootstrap.
    """
    _, code = np.unique(clusters, return_inverse=True)
    k = code.max() + 1
    counts = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), size=draws)
    return counts[:, code]


def over_units(values: np.ndarray, draws: np.ndarray, level: float = 0.95, comparisons: int = 1) -> Estimate:
    """The mean of k units (encoders, seeds), with an interval over units and over what `draws` (k, B) resamples within them.

    Its variance is that of the k values over k, plus that of the mean's draws: units are few, and share the images. The
    quantile is Student's with k - 1 degrees of freedom. A single unit says nothing of others: the interval is infinite.
    """
    values, draws = np.asarray(values, dtype=float), np.asarray(draws, dtype=float)
    k, mean = len(values), float(np.mean(values))
    if k < 2:
        return Estimate(mean, float("-inf"), float("inf"))
    variance = values.var(ddof=1) / k + np.nanvar(draws.mean(axis=0))
    half = float(student.ppf(1 - (1 - level) / comparisons / 2, k - 1) * np.sqrt(variance))
    return Estimate(mean, mean - half, mean + half)
