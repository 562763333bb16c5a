"""Intervals from draws, and decisions by intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from scipy.stats import t as student

MANY = 1e9  # degrees of freedom where units do not vary


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
    """How often each of n rows is in each bootstrap sample: (draws, n) whole numbers, whole clusters drawn with replacement.

    `clusters` (n,) names what is independent (video, object instance, scene); rows of one cluster come and go together (Davison
    and Hinkley 1997, section 3.8). With one row per cluster it is the ordinary bootstrap. A single cluster says nothing of
    others: its counts are NaN, and so are the ends of intervals.
    """
    _, code = np.unique(clusters, return_inverse=True)
    k = code.max() + 1
    if k < 2:
        return np.full((draws, len(code)), np.nan)
    counts = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), size=draws)
    return counts[:, code]


def over_units(values: ArrayLike, draws: np.ndarray | None = None, level: float = 0.95, comparisons: int = 1) -> Estimate:
    """The mean of k units (encoders, seeds), with an interval over units and over what `draws` (k, B) resamples within them.

    Its variance is that of the k values over k, plus that of the mean's draws: units are few, and share the images. The
    quantile is Student's, with Satterthwaite's degrees of freedom: k - 1 where units vary most, more where images do. A single
    unit says nothing of others: the interval is infinite.
    """
    units = np.asarray(values, dtype=float)
    images = 0.0 if draws is None else float(np.nanvar(np.mean(np.asarray(draws, dtype=float), axis=0)))
    return _interval(float(np.mean(units)), [units], images, level, comparisons)


def between_units(
    first: np.ndarray,
    second: np.ndarray,
    first_draws: np.ndarray,
    second_draws: np.ndarray,
    level: float = 0.95,
    comparisons: int = 1,
) -> Estimate:
    """Mean of one group of units minus that of another, (k,) and (j,), with an interval over units and over their draws.

    `first_draws` (k, B) and `second_draws` (j, B) resample the same images. As `over_units`, with the variances of both groups
    (Welch 1947). A group of one unit says nothing of others: the interval is infinite.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    images = np.nanvar(np.mean(first_draws, axis=0) - np.mean(second_draws, axis=0))
    return _interval(float(first.mean() - second.mean()), [first, second], images, level, comparisons)


def within_strata(strata: Sequence[tuple[np.ndarray, np.ndarray]], level: float = 0.95, comparisons: int = 1) -> Estimate:
    """What one kind of units has more than another of the same stratum, by least squares: a mean per stratum, one difference.

    Each stratum holds the units of both kinds, (k, 1 + B) and (j, 1 + B): values, then draws that resample the same images. The
    difference of a stratum weighs k j / (k + j); what it deviates from the common one counts as spread between units. The
    quantile is Student's, as in `over_units`. With no more units than means and difference the interval is infinite.
    """
    weights = np.array([len(one) * len(other) / (len(one) + len(other)) for one, other in strata])
    apart = np.stack([one.mean(0) - other.mean(0) for one, other in strata])
    common = weights @ apart / weights.sum()
    value, free = float(common[0]), sum(len(one) + len(other) for one, other in strata) - len(strata) - 1
    if free < 1:
        return Estimate(value, -math.inf, math.inf)
    left = sum(len(group) * group[:, 0].var() for pair in strata for group in pair) + weights @ (apart[:, 0] - value) ** 2
    units, images = float(left) / free / weights.sum(), float(np.nanvar(common[1:]))
    half = _half(units + images, units**2 / free, level, comparisons)
    return Estimate(value, value - half, value + half)


def _interval(value: float, groups: list[np.ndarray], images: float, level: float, comparisons: int) -> Estimate:
    if min(len(group) for group in groups) < 2:
        return Estimate(value, -math.inf, math.inf)
    parts = [float(group.var(ddof=1)) / len(group) for group in groups]
    total = sum(parts) + float(images)
    weight = sum(part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True))
    half = _half(total, weight, level, comparisons)
    return Estimate(value, value - half, value + half)


def _half(variance: float, weight: float, level: float, comparisons: int) -> float:
    """Half an interval: Student's quantile by Satterthwaite's degrees of freedom, `variance`^2 / `weight`."""
    free = min(variance**2 / weight, MANY) if weight else MANY
    return float(student.ppf(1 - (1 - level) / comparisons / 2, free)) * math.sqrt(variance)
